"""One server by `docker compose`: its secrets and addresses made ready, the steps that end, and the system as commands see it."""

from raccroche.server.server import Server

__all__ = ["Server"]
