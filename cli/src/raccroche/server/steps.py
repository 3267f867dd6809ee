"""The steps that end before any service starts: databases, roles and migrations; topics. Each waits a while for whom it needs."""

import asyncio
import json
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from urllib.parse import quote

import asyncpg
from confluent_kafka import KafkaException

from chassis.provision import MigrationChanged, provision
from chassis.topics import ensure_topics
from contracts.catalogue import TOPICS
from raccroche.stack.drawing import ADMIN
from raccroche.stack.installing import NoMigrations, databases

PATIENCE_SECONDS = 90.0
AWAY = (OSError, TimeoutError, asyncpg.CannotConnectNowError, asyncpg.PostgresConnectionError, KafkaException)


class NotDone(Exception):
    """A step could not be done; says why and what to look at."""


async def migrate(at: str, passwords: Path, services: Path) -> None:
    """Make what is missing on the server `at` (host:port). A second time changes nothing, whatever ran before goes on running.

    Raises:
        NotDone: see there.
    """
    known = _known(passwords)
    _must_be_an_address(at)
    try:
        wanted = databases(services)
    except NoMigrations as missing:
        raise NotDone(f"{missing}: name the folder `services` of the checkout, or leave --services away") from None
    admin = f"postgresql://{ADMIN}:{quote(known[ADMIN], safe='')}@{at}/postgres"
    try:
        await _patiently("PostgreSQL", at, lambda: provision(admin, wanted, known))
    except asyncpg.InvalidAuthorizationSpecificationError:
        raise NotDone(
            f"PostgreSQL at {at} refuses {ADMIN}: its volume was made with another password than the one in {passwords}. "
            "Put back the secrets that belong to this volume, or set this password on the server"
        ) from None
    except asyncpg.DiskFullError:
        raise NotDone(f"PostgreSQL at {at} has no room left on its disk: make room, then start again") from None
    except KeyError as missing:
        raise NotDone(f"{passwords} has no password of {missing}") from None
    except MigrationChanged as changed:
        raise NotDone(f"{changed}: this image is older than the databases") from None
    except asyncpg.PostgresError as refused:
        raise NotDone(f"PostgreSQL at {at}: {type(refused).__name__}, SQLSTATE {refused.sqlstate}") from None


def _known(passwords: Path) -> dict[str, str]:
    try:
        known = {str(role): str(password) for role, password in json.loads(passwords.read_text()).items()}
    except (OSError, ValueError, AttributeError) as trouble:
        raise NotDone(f"{passwords} is not the file of passwords that `make up-compose` made ({type(trouble).__name__})") from None
    if ADMIN not in known:
        raise NotDone(f"{passwords} has no password of {ADMIN}")
    return known


def _must_be_an_address(at: str) -> None:
    host, _, port = at.rpartition(":")
    if not host or not port.isdecimal() or not 0 < int(port) < 65_536:
        raise NotDone(f"{at} is no address: host:port, as in postgres:5432 or kafka:9092")


async def make_topics(bootstrap: str) -> None:
    """Make the topics of the catalogue that are missing.

    Raises:
        NotDone: the broker does not answer, or refuses.
    """
    _must_be_an_address(bootstrap)
    await _patiently("Kafka", bootstrap, lambda: ensure_topics(bootstrap, TOPICS))


async def _patiently(what: str, at: str, step: Callable[[], Awaitable[None]]) -> None:
    until = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            await step()
            return
        except AWAY as away:
            if time.monotonic() > until:
                raise NotDone(f"{what} at {at} does not answer ({type(away).__name__})") from None
            print(f"waiting for {what} at {at} ({type(away).__name__})", file=sys.stderr, flush=True)
            await asyncio.sleep(2)
