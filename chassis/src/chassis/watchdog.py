"""Ends a process that hears nothing although there is more to hear; whoever supervises starts it again (GUARANTEES G8).

The client library can lose its fetcher or its assignment without a word, a handler can wait for ever, the loop can spin. None of
these raises anything, so a thread of its own watches what must move: the mark in the database, and the turn of the main loop.
"""

import asyncio
import os
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import asyncpg
from confluent_kafka import KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec  # type: ignore[attr-defined]  # documented there, not re-exported in its types

from chassis.logs import get_logger
from chassis.topics import BrokerIdentity, TopicMissing, identity_of

LOOK_SECONDS = 5.0
PATIENCE_SECONDS = 40.0
"""A share is bounded by the statements' time limits and moves its mark when it commits; a record that fails is parked after three
tries within two seconds. A mark that stands for forty seconds with more to hear is no slow share."""

ASK_SECONDS = 10.0

type Place = tuple[str, int]
"""Topic and partition."""

log = get_logger(__name__)


@dataclass(frozen=True, kw_only=True)
class Look:
    """What was seen at one instant (seconds, monotonic). beat: when the main loop turned last."""

    at: float
    marks: Mapping[Place, int]
    ends: Mapping[Place, int]
    assigned: frozenset[Place]
    beat: float


@dataclass(kw_only=True)
class Verdict:
    """Pure: told what each look saw, says what is wrong, or nothing."""

    patience: float = PATIENCE_SECONDS
    since: dict[Place, tuple[int, float]] = field(default_factory=dict)

    def blind(self) -> None:
        """Database or broker did not answer: time counts anew, it was not our fault."""
        self.since.clear()

    def of(self, look: Look) -> str | None:
        """A mark that stands although there is more, in a partition of ours or while we have none at all; a loop that does not turn."""
        if look.at - look.beat >= self.patience:
            return "the loop is blocked"
        for place, end in look.ends.items():
            mark = look.marks.get(place, 0)
            stood, since = self.since.get(place, (mark, look.at))
            if end <= mark:
                self.since.pop(place, None)
                continue
            since = since if stood == mark else look.at
            self.since[place] = (mark, since)
            if look.at - since >= self.patience and (place in look.assigned or not look.assigned):
                return f"hearing stands still at {place[0]} {place[1]}: mark {mark}, end {end}"
        return None


def _end(reason: str) -> None:
    log.error("the watchdog ends the process", reason=reason)
    os._exit(1)


@dataclass(kw_only=True)
class Watchdog:
    """Watches one consumer from a thread of its own.

    topics: those that it hears. assigned: asked from the thread, gives the partitions held now. known: who the broker was when
    hearing began, with every topic that the service hears or writes.
    """

    dsn: str
    bootstrap: str
    consumer: str
    known: BrokerIdentity
    topics: Sequence[str]
    assigned: Callable[[], frozenset[Place]]
    look_each: float = LOOK_SECONDS
    verdict: Verdict = field(default_factory=Verdict)
    end: Callable[[str], None] = _end
    _stopped: threading.Event = field(default_factory=threading.Event)
    _beat: float = field(default_factory=time.monotonic)

    def start(self) -> None:
        """Begin to watch the loop that calls this."""
        threading.Thread(target=self._watch, args=(asyncio.get_running_loop(),), name="watchdog", daemon=True).start()

    def stop(self) -> None:
        self._stopped.set()

    def _watch(self, loop: asyncio.AbstractEventLoop) -> None:
        admin = AdminClient({"bootstrap.servers": self.bootstrap, "log_level": 0})  # kept: a temporary one takes its request with it
        while not self._stopped.wait(self.look_each):
            try:
                loop.call_soon_threadsafe(self._turned)
            except RuntimeError:
                return  # the loop has ended, and with it what was to be watched
            if (wrong := self._wrong(admin)) and not self._stopped.is_set():
                self.end(wrong)
                return

    def _turned(self) -> None:
        self._beat = time.monotonic()

    def _wrong(self, admin: AdminClient) -> str | None:
        """What is wrong now; nothing while database or broker do not answer, except a loop that does not turn."""
        try:
            here = asyncio.run(asyncio.wait_for(identity_of(self.bootstrap, self.known.topic_ids), ASK_SECONDS))
            ends = _ends(admin, self.topics)
            marks = asyncio.run(asyncio.wait_for(self._marks(), ASK_SECONDS))
        except TopicMissing as missing:
            return f"topic {missing} is gone"
        except (KafkaException, asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError):
            self.verdict.blind()
            marks, ends, here = {}, {}, self.known
        if (here.cluster_id, dict(here.topic_ids)) != (
            self.known.cluster_id,
            {name: self.known.topic_ids[name] for name in here.topic_ids},
        ):
            return "another cluster answers, or a topic was made anew"
        return self.verdict.of(Look(at=time.monotonic(), marks=marks, ends=ends, assigned=self.assigned(), beat=self._beat))

    async def _marks(self) -> dict[Place, int]:
        connection = await asyncpg.connect(self.dsn, timeout=ASK_SECONDS, command_timeout=ASK_SECONDS)
        try:
            return {(row["topic"], row["partition"]): row["next_offset"] for row in await connection.fetch(MARKS, self.consumer)}
        finally:
            connection.terminate()


def _ends(admin: AdminClient, topics: Sequence[str]) -> dict[Place, int]:
    """The next offset to be written, per partition.

    Raises:
        KafkaException: the broker does not answer.
    """
    known = admin.list_topics(timeout=ASK_SECONDS).topics
    places = [TopicPartition(topic, partition) for topic in topics if topic in known for partition in known[topic].partitions]
    latest = OffsetSpec.latest()  # type: ignore[no-untyped-call]  # carries no types
    found = admin.list_offsets(dict.fromkeys(places, latest), request_timeout=ASK_SECONDS)
    return {(place.topic, place.partition): future.result(ASK_SECONDS).offset for place, future in found.items()}


MARKS = "select topic, partition, next_offset from marks where consumer = $1"
