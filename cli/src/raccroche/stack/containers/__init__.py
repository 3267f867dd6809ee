"""Broker and database as containers: the same stack, on a Docker engine instead of this machine's own processes."""
