"""The Docker engine as it is talked to: one that answers on this machine, and has the images."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

from docker.errors import APIError, DockerException, ImageNotFound
from requests.exceptions import RequestException
from testcontainers.core.config import testcontainers_config
from testcontainers.core.docker_client import DockerClient, get_docker_host

from raccroche.stack.containers.owned import NoEngine, NoImage

type Client = Any  # docker-py carries no types
type Container = Any  # the same

AWAY = (DockerException, RequestException)
PATIENCE_SECONDS = 150  # a busy engine takes its time over a volume
NEAR = {"localhost", "127.0.0.1", "::1"}
WITHOUT = "leave out --containers (STACK=containers): as local processes broker and database need no Docker"


@contextmanager
def engine() -> Iterator[Client]:
    """A client of the engine, closed when the block ends.

    Raises:
        NoEngine: none answers, or it is another machine's.
    """
    testcontainers_config.ryuk_disabled = True  # its reaper would end a stack that is to stay; what is left over, `sweep` finds by label
    _must_be_near(get_docker_host() or "")
    try:
        client = DockerClient(timeout=PATIENCE_SECONDS).client
    except AWAY as away:
        raise NoEngine(f"no Docker engine answers: install Docker and start it, or {WITHOUT} ({type(away).__name__})") from None
    try:
        yield client
    finally:
        client.close()


def _must_be_near(address: str) -> None:
    """Ports are published on this machine's loopback."""
    host = urlsplit(address).hostname
    if host is not None and host not in NEAR:
        raise NoEngine(f"the Docker engine at {host} is another machine's, and so its ports would be: use a local one, or {WITHOUT}")


def have(image: str, show: Callable[[str], None]) -> None:
    """See that the engine has the image; pull it where it has not.

    Raises:
        NoEngine: see there. NoImage: it cannot be pulled.
    """
    name = testcontainers_config.hub_image_name_prefix + image
    with engine() as client:
        try:
            client.images.get(name)
        except ImageNotFound:
            show(f"pulling {name}, once")
            try:
                client.images.pull(name)
            except AWAY as refused:
                why = refused.explanation if isinstance(refused, APIError) else type(refused).__name__
                raise NoImage(
                    f"the image {name} is not on this Docker engine and cannot be pulled ({why}): load it there, or {WITHOUT}"
                ) from None
