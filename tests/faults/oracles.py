"""What must hold of the evidence, said in plain loops and hashlib; nothing of the code that is judged is used."""

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from uuid import UUID, uuid5

from faults.clients import Call
from faults.evidence import Counted, Event, Evidence, Record

BAD_OFFER = "bad"
BAD_FROM = 3
COUNTS = ("lost", "phantom", "out_of_order", "double_effects", "differences")

type Broken = tuple[str, int, str]
"""Which count, how many, in words."""


@dataclass(kw_only=True)
class Findings:
    """Counts of broken promises, with words for each. repeats: records said again, which is allowed within a bound."""

    lost: int = 0
    phantom: int = 0
    out_of_order: int = 0
    double_effects: int = 0
    differences: int = 0
    events: int = 0
    repeats: int = 0
    words: list[str] = field(default_factory=list)

    def count(self, what: str, number: int, words: str) -> None:
        if number:
            setattr(self, what, getattr(self, what) + number)
            self.words.append(f"{what}: {number} {words}")

    @property
    def broken(self) -> int:
        return sum(getattr(self, name) for name in COUNTS)


def judge(evidence: Evidence) -> Findings:
    """Everything that is wrong; each check names the guarantees that it stands for."""
    records = believable(evidence)
    findings = Findings(events=len(evidence.events), repeats=len(records) - len({one.headers["id"] for one in records}))
    checks = (
        acknowledged, refused, copies_agree, versions_dense, real_time, one_effect, published, chained, projected,
        heard_to_the_end, set_aside,
    )  # fmt: skip
    for check in checks:
        for what, number, words in check(evidence):
            findings.count(what, number, words)
    if findings.repeats > evidence.repeats_allowed:
        findings.count("differences", findings.repeats - evidence.repeats_allowed, "records said again beyond what the faults explain")
    return findings


def command_of(evidence: Evidence, call: Call) -> UUID:
    """The id under which a command of this key is kept, as the interface documents it."""
    return uuid5(call.command, f"{evidence.actor} POST /hold")


def acknowledged(evidence: Evidence) -> Iterator[Broken]:
    """G1: what was answered 201 is in the store once, as the answer names it."""
    stored = {str(event.event_id): event for event in evidence.events}
    for key, call in _first_answers(evidence, 201).items():
        answer = json.loads(call.answer)
        if answer["command_id"] != str(command_of(evidence, call)):
            yield "differences", 1, f"{key} is kept under another command id than documented"
        for named in answer["events"]:
            event = stored.get(named["id"])
            if event is None or (event.stream_id, event.stream_version) != (named["stream"], named["version"]):
                yield "lost", 1, f"acknowledged event {named['id']}"


def refused(evidence: Evidence) -> Iterator[Broken]:
    """G1, G2: a definite refusal left nothing in the store; a refusal by the domain is kept as the answer."""
    made = Counter(event.command_id for event in evidence.events)
    for call in evidence.calls:
        if call.status is not None and 400 <= call.status < 500:
            command = command_of(evidence, call)
            yield "phantom", made[command], f"events of a command that was answered {call.status}"
            yield "lost", int(call.status == 409 and evidence.answers.get(command) != 409), "answers that a repetition would need"


def copies_agree(evidence: Evidence) -> Iterator[Broken]:
    """G11: all copies of one key have the same answer, byte for byte."""
    answers: dict[UUID, set[tuple[int, bytes]]] = defaultdict(set)
    for call in evidence.calls:
        if call.status is not None:
            answers[call.command].add((call.status, call.answer))
    yield "double_effects", sum(len(found) > 1 for found in answers.values()), "keys with two answers"


def versions_dense(evidence: Evidence) -> Iterator[Broken]:
    """G2: versions of a stream are 1..n."""
    streams: dict[str, list[int]] = defaultdict(list)
    for event in evidence.events:
        streams[event.stream_id].append(event.stream_version)
    holes = [stream for stream, versions in streams.items() if sorted(versions) != list(range(1, len(versions) + 1))]
    yield "lost", len(holes), f"streams with a hole or a version twice {holes[:3]}"


def real_time(evidence: Evidence) -> Iterator[Broken]:
    """G2: what was acknowledged before another was sent has the lower version."""
    spans: dict[UUID, tuple[int, int]] = {}
    for call in evidence.calls:
        if call.status == 201:
            began, ended = spans.get(call.command, (call.began, call.ended))
            spans[call.command] = min(began, call.began), min(ended, call.ended)
    streams: dict[str, list[tuple[int, int, int]]] = defaultdict(list)
    for key, call in _first_answers(evidence, 201).items():
        for named in json.loads(call.answer)["events"]:
            streams[named["stream"]].append((*spans[key], named["version"]))
    for stream, lived in streams.items():
        yield "out_of_order", _inversions(lived), f"acknowledged before, yet of a higher version in {stream}"


def _inversions(lived: list[tuple[int, int, int]]) -> int:
    """How many were sent after one of a higher version had been acknowledged. Each: began, ended, version."""
    by_end, highest, place, wrong = sorted(lived, key=lambda one: one[1]), 0, 0, 0
    for began, _, version in sorted(lived):
        while place < len(by_end) and by_end[place][1] < began:
            highest = max(highest, by_end[place][2])
            place += 1
        wrong += version < highest
    return wrong


def one_effect(evidence: Evidence) -> Iterator[Broken]:
    """G11: one event per command."""
    made = Counter(event.command_id for event in evidence.events)
    yield "double_effects", sum(count > 1 for count in made.values()), "commands with two effects"


def believable(evidence: Evidence) -> list[Record]:
    """Records that say they are the speaker's."""
    return [record for record in evidence.records if "streamversion" in record.headers and "foreign" not in record.headers]


def published(evidence: Evidence) -> Iterator[Broken]:
    """G3, G5, G6: what is on the topic is what is in the store, to the byte, in order, each subject in one partition."""
    events = {str(event.event_id): event for event in evidence.events}
    seen: dict[str, int] = {}
    home: dict[str, int] = {}
    records = believable(evidence)
    for record in records:
        version, known = int(record.headers["streamversion"]), seen.get(record.key, 0)
        if home.setdefault(record.key, record.partition) != record.partition:
            yield "out_of_order", 1, f"{record.key} in two partitions"
        if version > known + 1:
            yield "out_of_order", 1, f"{record.key}: {version} after {known} in partition {record.partition} at {record.offset}"
        seen[record.key] = max(version, known)
        event = events.get(record.headers["id"])
        if event is None:
            yield "phantom", 1, f"record {record.headers['id']} of {record.key}"
        elif event.body != record.value or hashlib.sha256(record.value).hexdigest() != record.headers["digest"]:
            yield "differences", 1, "a record whose bytes are not the store's"
    unsaid = events.keys() - {record.headers["id"] for record in records}
    yield "lost", len(unsaid), "events never said"


def chained(evidence: Evidence) -> Iterator[Broken]:
    """G4, G12: places are 1..n, each event has one, and the chain over the stored bytes is the stored one."""
    attributes = {event.event_id: event.attributes for event in evidence.events}
    if [place.sequence for place in evidence.places] != list(range(1, len(evidence.events) + 1)):
        yield "lost", 1, "places are not 1..n"
    chain = bytes(32)
    for place in evidence.places:
        leaf = hashlib.sha256(attributes.get(place.event_id, b"")).digest()
        chain = hashlib.sha256(b"\x01" + chain + place.sequence.to_bytes(8, "big") + leaf).digest()
        if chain != place.chain:
            yield "differences", 1, f"the chain breaks at {place.sequence}"
            return


def projected(evidence: Evidence) -> Iterator[Broken]:
    """G7, G9: each row is what an independent fold of the store gives; what the handler's bug hides is hidden from its first event on."""
    streams: dict[str, list[Event]] = defaultdict(list)
    for event in sorted(evidence.events, key=lambda one: one.stream_version):
        if evidence.mended or not hidden_by_the_bug(event):
            streams[event.subject].append(event)
    expected = {subject: folded(events) for subject, events in streams.items()}
    for subject in sorted(expected.keys() | evidence.rows.keys()):
        ours, found = expected.get(subject), evidence.rows.get(subject)
        if ours != found:
            more = found is not None and (ours is None or found.times > ours.times)
            yield "double_effects" if more else "differences", 1, f"{subject}: {found}, expected {ours}"


def hidden_by_the_bug(event: Event) -> bool:
    return event.subject == BAD_OFFER and event.stream_version >= BAD_FROM


def folded(events: list[Event]) -> Counted:
    """The row of one subject, by hashlib."""
    trail = ""
    for event in events:
        trail = hashlib.sha256(f"{trail}{event.event_id}".encode()).hexdigest()
    return Counted(times=len(events), last=events[-1].stream_version, trail=trail)


def heard_to_the_end(evidence: Evidence) -> Iterator[Broken]:
    """G7, G9: every partition is heard to its end; every stream's watermark is its last version; nobody waits."""
    behind = {partition: end for partition, end in evidence.ends.items() if evidence.marks.get(partition, 0) != end}
    yield "lost", len(behind), f"partitions whose mark is not their end {behind}"
    last: dict[str, int] = {}
    for event in evidence.events:
        last[event.stream_id] = max(last.get(event.stream_id, 0), event.stream_version)
    wrong = [stream for stream in last.keys() | evidence.watermarks.keys() if last.get(stream) != evidence.watermarks.get(stream)]
    yield "differences", len(wrong), f"watermarks that are not the last version {sorted(wrong)[:3]}"
    yield "lost", evidence.waiting, "records that wait for nothing that would come"


def set_aside(evidence: Evidence) -> Iterator[Broken]:
    """G9: parked is exactly what the handler's bug hides, and the poison; where only the infrastructure was struck, nothing."""
    hidden = sum(hidden_by_the_bug(event) for event in evidence.events)
    readable = Counter(one.subject for one in evidence.parked if one.readable)
    unresolved = sum(one.readable and not one.resolved for one in evidence.parked)
    yield "lost", unresolved if evidence.mended else 0, "records still set aside although the bug is mended"
    if readable != (Counter({BAD_OFFER: hidden}) if hidden else Counter()):
        yield "differences", 1, f"parked {dict(readable)}, expected {hidden} of {BAD_OFFER}"
    unreadable = sum(not one.readable for one in evidence.parked)
    yield "lost", max(evidence.poison - unreadable, 0), "poisoned records that are nowhere"
    yield "differences", max(unreadable - evidence.poison, 0), "records parked as unreadable that nobody poisoned"


def _first_answers(evidence: Evidence, status: int) -> dict[UUID, Call]:
    """By key, one call that was answered so."""
    return {call.command: call for call in evidence.calls if call.status == status}
