"""Is the history still what was said? Pure: rows of a store and rows of history's copy in, what differs out.

What binds what (contracts and chassis.chain): the digest binds the body to the attributes, the leaf is the hash of the
attributes, the chain binds each leaf to its place and to everything before it. Typed columns only repeat the attributes.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

import orjson

from chassis.chain import GENESIS, canonical, digest_of, leaf_of, link
from contracts.envelope import rfc3339

type Copy = Literal["store", "history", "both"]


@dataclass(frozen=True, kw_only=True)
class Kept:
    """One event as one copy keeps it. `sequence` and `chain`: none while the relay has not placed it yet.

    digest, leaf: the columns that only one of the two copies has.
    """

    source: str
    private: bool
    sequence: int | None
    event_id: UUID
    type: str
    subject: str
    stream_id: str
    stream_version: int
    happened_at: datetime
    recorded_at: datetime
    actor: str
    correlation_id: UUID
    causation_id: UUID | None
    attributes: bytes
    body: bytes
    chain: bytes | None
    digest: str | None = None
    leaf: bytes | None = None


@dataclass(frozen=True, kw_only=True)
class Fault:
    """One thing that is not as it was said. `what` names it as in the envelope: body, type, time, chain, …"""

    source: str
    copy: Copy
    private: bool
    sequence: int | None
    event_id: UUID | None
    what: str

    def as_json(self) -> dict[str, object]:
        return {
            "source": self.source, "copy": self.copy, "private": self.private, "sequence": self.sequence,
            "event_id": None if self.event_id is None else str(self.event_id), "what": self.what,
        }  # fmt: skip

    def __str__(self) -> str:
        place = "not placed" if self.sequence is None else f"{'private ' if self.private else ''}sequence {self.sequence}"
        return f"{self.source} {place}, event {self.event_id or 'unknown'}, {self.copy}: {self.what}"


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What was found about one speaker. `head` is the last public chain of its store; `waiting` events have no place yet."""

    source: str
    events: int
    private: int
    waiting: int
    head: str
    faults: tuple[Fault, ...]

    @property
    def verified(self) -> bool:
        return not self.faults

    def __str__(self) -> str:
        private = f" and {self.private} private" if self.private else ""
        waiting = f", {self.waiting} not placed yet" if self.waiting else ""
        state = "chain verified" if self.verified else f"{len(self.faults)} faults"
        return f"{self.source}: {self.events} events{private}{waiting}, {state}, head {self.head}"


def verify(source: str, *, store: Sequence[Kept], history: Sequence[Kept]) -> Verdict:
    """Check one speaker's store, what history heard of it, and that both agree."""
    public = [one for one in store if not one.private and one.sequence is not None]
    private = [one for one in store if one.private and one.sequence is not None]
    waiting = [one for one in store if one.sequence is None]
    faults = [
        *(fault for one in store for fault in _contents(one, source, "store")),
        *_order(public, source, "store"),
        *_order(private, source, "store"),
        *(fault for one in history for fault in _contents(one, source, "history")),
        *_order(history, source, "history"),
        *_agreement(public, history, source),
    ]
    head = max(public, key=lambda one: one.sequence or 0, default=None)
    return Verdict(
        source=source, events=len(public), private=len(private), waiting=len(waiting),
        head=(GENESIS if head is None or head.chain is None else head.chain).hex(), faults=tuple(faults),
    )  # fmt: skip


def _contents(one: Kept, source: str, copy: Copy) -> list[Fault]:
    """What one row says of itself: body, digest, leaf, attributes and typed columns."""
    named = _parsed(one.attributes)
    wrong: list[str] = []
    if named is None or canonical(named) != one.attributes:
        wrong.append("attributes")
    named = named or {}
    if named.get("digest") != digest_of(one.body):
        wrong.append("body")
    if one.digest is not None and one.digest != digest_of(one.body):
        wrong.append("digest")
    if one.leaf is not None and one.leaf != leaf_of(one.attributes):
        wrong.append("leaf")
    if named.get("source") != source or one.source != source:
        wrong.append("source")
    columns = _columns(one)
    wrong.extend(name for name in columns if columns[name] != named.get(name))
    return [_fault(one, source, copy, what) for what in wrong]


def _columns(one: Kept) -> dict[str, str | None]:
    """The typed columns, spelt as the attributes spell them."""
    return {
        "id": str(one.event_id),
        "type": one.type,
        "subject": one.subject,
        "streamid": one.stream_id,
        "streamversion": str(one.stream_version),
        "time": rfc3339(one.happened_at),
        "recordedtime": rfc3339(one.recorded_at),
        "actor": one.actor,
        "correlationid": str(one.correlation_id),
        "causationid": None if one.causation_id is None else str(one.causation_id),
    }


def _parsed(attributes: bytes) -> dict[str, str] | None:
    """The attributes by name, if they are a JSON object of strings at all."""
    try:
        named = orjson.loads(attributes)
    except orjson.JSONDecodeError:
        return None
    if not isinstance(named, dict) or not all(isinstance(value, str) for value in named.values()):
        return None
    return named


def _order(rows: Iterable[Kept], source: str, copy: Copy) -> list[Fault]:
    """Without gap from 1, and each chain that of the one before with this leaf.

    After a chain that does not hold, the next may follow from what is stored or from what was computed: so that one
    changed place is one fault, whichever of the two was changed.
    """
    faults: list[Fault] = []
    expected, believed = 1, [GENESIS]
    for one in sorted(rows, key=lambda row: row.sequence or 0):
        sequence, stored = one.sequence or 0, one.chain or b""
        if sequence < 1 or sequence < expected:
            faults.append(_fault(one, source, copy, "sequence"))
            continue
        missing = range(expected, sequence)
        faults.extend(Fault(source=source, copy=copy, private=one.private, sequence=gap, event_id=None, what="missing") for gap in missing)
        computed = [link(previous, sequence, leaf_of(one.attributes)) for previous in believed]
        if not missing and stored not in computed:
            faults.append(_fault(one, source, copy, "chain"))
        expected, believed = sequence + 1, list(dict.fromkeys([stored, *computed]))[:FORKS]
    return faults


FORKS = 2


def _agreement(public: Sequence[Kept], history: Sequence[Kept], source: str) -> list[Fault]:
    """Both copies, place by place, byte by byte."""
    said = {one.sequence: one for one in public}
    heard = {one.sequence: one for one in history}
    faults: list[Fault] = []
    for sequence in sorted(said.keys() | heard.keys(), key=lambda place: place or 0):
        ours, theirs = said.get(sequence), heard.get(sequence)
        if ours is None or theirs is None:
            there = ours or theirs
            missing = "not in the store" if ours is None else "not in history"
            faults.append(
                Fault(
                    source=source, copy="both", private=False, sequence=sequence,
                    event_id=None if there is None else there.event_id, what=missing,
                )
            )  # fmt: skip
        else:
            faults.extend(_fault(ours, source, "both", what) for what in _differences(ours, theirs))
    return faults


def _differences(ours: Kept, theirs: Kept) -> list[str]:
    different = []
    if ours.body != theirs.body:
        different.append("body")
    if ours.chain != theirs.chain:
        different.append("chain")
    if ours.attributes != theirs.attributes:
        different.extend(_different_names(_parsed(ours.attributes), _parsed(theirs.attributes)))
    return different


def _different_names(ours: Mapping[str, str] | None, theirs: Mapping[str, str] | None) -> list[str]:
    if ours is None or theirs is None:
        return ["attributes"]
    return sorted(name for name in ours.keys() | theirs.keys() if ours.get(name) != theirs.get(name)) or ["attributes"]


def _fault(one: Kept, source: str, copy: Copy, what: str) -> Fault:
    return Fault(source=source, copy=copy, private=one.private, sequence=one.sequence, event_id=one.event_id, what=what)
