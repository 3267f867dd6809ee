"""The same work by the `eventsourcing` library (PyPI), as its documentation has it: an application, aggregates, threads."""

import itertools
import time
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

from eventsourcing.application import Application
from eventsourcing.domain import Aggregate, event


class Offer(Aggregate):
    """Seats held."""

    def __init__(self) -> None:
        self.held = 0

    @event("Held")
    def hold(self) -> None:
        self.held += 1


def in_threads(dsn: str, clients: int, streams: int, seconds: float) -> float:
    """Commands per second: load, decide, save."""
    where = urlsplit(dsn)
    application: Application = Application(env={
        "PERSISTENCE_MODULE": "eventsourcing.postgres", "POSTGRES_DBNAME": where.path[1:], "POSTGRES_HOST": where.hostname or "",
        "POSTGRES_PORT": str(where.port), "POSTGRES_USER": where.username or "", "POSTGRES_PASSWORD": where.password or "",
        "POSTGRES_POOL_SIZE": str(clients), "POSTGRES_MAX_OVERFLOW": "4",
    })  # fmt: skip
    offers = [Offer() for _ in range(streams)]
    for some in itertools.batched(offers, 500):
        application.save(*some)
    ids = [offer.id for offer in offers]
    began = time.perf_counter()

    def client(first: int) -> int:
        for done in itertools.count():
            if time.perf_counter() - began >= seconds:
                return done
            offer: Offer = application.repository.get(ids[(first + done * clients) % streams])
            offer.hold()
            application.save(offer)
        raise AssertionError("count() has no end")

    with ThreadPoolExecutor(clients) as threads:
        total = sum(threads.map(client, range(clients)))
    elapsed = time.perf_counter() - began
    application.close()
    return total / elapsed
