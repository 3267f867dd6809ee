"""What must hold when the house has come to rest, said in plain loops over what lies in store, topic and rows: nothing of the core is used."""

import hashlib
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from simulation.variants import BAD_FROM, BAD_OFFER
from simulation.world import World

DONE = "done"


@dataclass(frozen=True, kw_only=True)
class Fault:
    """One broken promise."""

    guarantee: str
    what: str
    detail: str


def faults(world: World, anew: dict[object, Any]) -> list[Fault]:
    """Everything that is wrong with a run."""
    checks = (durable, one_writer, published_if_committed, nothing_skipped, in_order, effects_once, poison_apart, idempotent, chained)
    found = [fault for check in checks for fault in check(world)]
    return [*found, *deterministic(world, anew)]


def stored(world: World) -> list[Any]:
    return list(world.a.table("events").values())


def durable(world: World) -> Iterator[Fault]:
    """G1: what was acknowledged is in the store exactly once."""
    kept = Counter(row.command_id for row in stored(world))
    for call in world.calls:
        if call.outcome and call.outcome.status == DONE and kept[call.command_id] != 1:
            yield Fault(guarantee="G1", what="lost-write", detail=f"acknowledged, {kept[call.command_id]} times in the store")


def one_writer(world: World) -> Iterator[Fault]:
    """G2: versions are 1..n, each decided on the one before; real time is respected."""
    streams: dict[str, list[Any]] = {}
    for row in stored(world):
        streams.setdefault(row.stream, []).append(row)
    for stream, rows in streams.items():
        rows.sort(key=lambda row: row.version)
        if [row.version for row in rows] != list(range(1, len(rows) + 1)):
            yield Fault(guarantee="G2", what="aggregate-hole", detail=f"{stream}: {[row.version for row in rows]}")
        if [json.loads(row.body)["held"] for row in rows] != list(range(1, len(rows) + 1)):
            yield Fault(guarantee="G2", what="decided on another state", detail=stream)
    version = {row.command_id: row.version for row in stored(world)}
    done = [call for call in world.calls if call.outcome and call.outcome.status == DONE and call.command_id in version]
    first_known: dict[Any, float] = {}
    began: dict[Any, float] = {}
    for call in done:
        first_known[call.command_id] = min(call.ended, first_known.get(call.command_id, call.ended))
        began[call.command_id] = min(call.began, began.get(call.command_id, call.began))
    for one in done:
        for other in done:
            later = first_known[one.command_id] < began[other.command_id]
            if one.offer_id == other.offer_id and later and version[one.command_id] > version[other.command_id]:
                yield Fault(guarantee="G2", what="realtime-order", detail=one.offer_id)


def topic(world: World) -> Iterator[tuple[int, int, dict[str, str], bytes, bytes]]:
    """Partition, offset, attributes, key and value of every record that says it is ours."""
    for partition, log in enumerate(world.broker.log):
        for offset, one in enumerate(log):
            found = {name.removeprefix("ce_"): (value or b"").decode(errors="replace") for name, value in one.headers}
            if "id" in found and "streamversion" in found:
                yield partition, offset, found, one.key or b"", one.value or b""


def published_if_committed(world: World) -> Iterator[Fault]:
    """G3, and G6 where a leader was lost: the topic holds the events of the store, all of them and no others."""
    said, kept = {found["id"] for _, _, found, _, _ in topic(world)}, {str(row.event_id) for row in stored(world)}
    if lost := kept - said:
        yield Fault(guarantee="G3", what="unseen", detail=f"{len(lost)} events never reached the topic")
        if world.struck["records lost with a leader"]:
            yield Fault(guarantee="G6", what="unseen", detail=f"{len(lost)} events went with a leader")
    if phantom := said - kept:
        yield Fault(guarantee="G3", what="phantom", detail=f"{len(phantom)} records of no event")


def nothing_skipped(world: World) -> Iterator[Fault]:
    """G4: every event has its place, and the places are 1..n."""
    places = sorted(sequence for sequence, _ in world.a.table("placed").values())
    if places != list(range(1, len(stored(world)) + 1)):
        yield Fault(guarantee="G4", what="skipped", detail=f"{len(stored(world))} events, {len(places)} places")


def in_order(world: World) -> Iterator[Fault]:
    """G5: of a subject, first occurrences come in order of version, in one partition."""
    seen: dict[str, int] = {}
    home: dict[str, int] = {}
    for partition, _, found, key, _ in topic(world):
        subject, version = key.decode(), int(found["streamversion"])
        if home.setdefault(subject, partition) != partition:
            yield Fault(guarantee="G5", what="two partitions", detail=subject)
            return
        if version > seen.get(subject, 0) + 1:
            yield Fault(guarantee="G5", what="nonmonotonic-send", detail=f"{subject}: {version} after {seen.get(subject, 0)}")
        seen[subject] = max(seen.get(subject, 0), version)


def effects_once(world: World) -> Iterator[Fault]:
    """G7, G8: rows and the policy's events are what a count of the store says; after the redrive, as if nothing had happened."""
    counts = Counter(row.subject for row in stored(world))
    rows = world.b.table("counted_members")
    echoes = Counter(row.subject for row in world.b.table("events").values())
    for offer, count in counts.items():
        expected = min(count, BAD_FROM - 1) if offer == BAD_OFFER and not world.mended else count
        row = rows.get(offer)
        if (row.times if row else 0, row.last if row else 0) != (expected, expected):
            yield Fault(guarantee="G7", what="projection-diff", detail=f"{offer}: {row} for {expected} events")
        if echoes[f"echo-{offer}"] != expected:
            yield Fault(guarantee="G7", what="double-effect", detail=f"{offer}: {echoes[f'echo-{offer}']} echoes of {expected} events")


def poison_apart(world: World) -> Iterator[Fault]:
    """G9: what could not be heard is set aside, all of it, and nothing else; once it was redriven, nothing of ours."""
    parked = [laid.parking for key, laid in world.b.table("parked").items() if key[0] == "members" and not laid.resolved]
    ours = {(row.raw.subject(), int(dict(row.raw.headers)["ce_streamversion"])) for row in parked if row.source}
    bad = 0 if world.mended else sum(row.subject == BAD_OFFER and row.version >= BAD_FROM for row in stored(world))
    if ours != {(BAD_OFFER, version) for version in range(BAD_FROM, BAD_FROM + bad)}:
        yield Fault(guarantee="G9", what="parked wrongly", detail=f"{sorted(ours)} of {bad}")
    strangers = sum(not row.source for row in parked)
    foreign = sum("streamversion" not in {name.removeprefix("ce_") for name, _ in one.headers} for log in world.broker.log for one in log)
    if strangers != foreign:
        yield Fault(guarantee="G9", what="dropped", detail=f"{foreign} foreign records, {strangers} set aside")


def idempotent(world: World) -> Iterator[Fault]:
    """G11: one effect per key; the answers of copies are the same bytes."""
    for command_id, count in Counter(row.command_id for row in stored(world)).items():
        if count > 1:
            yield Fault(guarantee="G11", what="double-effect", detail=f"{command_id}: {count} events")
    answers: dict[Any, set[bytes]] = {}
    for call in world.calls:
        if call.outcome:
            answers.setdefault(call.command_id, set()).add(call.outcome.answer)
    if any(len(found) > 1 for found in answers.values()):
        yield Fault(guarantee="G11", what="another answer", detail="two answers to one key")


def chained(world: World) -> Iterator[Fault]:
    """G12: the chain recomputed by hashlib from the stored bytes; the digest of every body."""
    events = {row.event_id: row for row in stored(world)}
    chain = bytes(32)
    for event_id, (sequence, kept) in sorted(world.a.table("placed").items(), key=lambda one: one[1][0]):
        row = events.get(event_id)
        if row is None:
            yield Fault(guarantee="G12", what="placed and gone", detail=str(event_id))
            return
        leaf = hashlib.sha256(row.attributes).digest()
        chain = hashlib.sha256(b"\x01" + chain + sequence.to_bytes(8, "big") + leaf).digest()
        if chain != kept or json.loads(row.attributes)["digest"] != hashlib.sha256(row.body).hexdigest():
            yield Fault(guarantee="G12", what="chain", detail=f"at {sequence}")
            return


def deterministic(world: World, anew: dict[object, Any]) -> Iterator[Fault]:
    """G10: heard again from the beginning, days later, the rows are the same."""
    live = {key: asdict(row) for key, row in world.b.table("counted_members").items()}
    if live != anew:
        yield Fault(guarantee="G10", what="projection-diff", detail="heard anew the rows are others")
