"""What must hold, by other means than the code's: SQL over the tables, librdkafka over the topic, hashlib over the bytes."""

import asyncio
import hashlib
import json
from collections import Counter
from dataclasses import dataclass, field
from uuid import uuid4

from confluent_kafka import Consumer, TopicPartition

from faults.ground import TOPIC, Ground
from faults.specimen import BAD_OFFER


@dataclass(kw_only=True)
class Findings:
    """Counts of broken promises, with words for each."""

    lost: int = 0
    phantom: int = 0
    out_of_order: int = 0
    double_effects: int = 0
    differences: int = 0
    events: int = 0
    duplicates: int = 0
    words: list[str] = field(default_factory=list)

    def count(self, what: str, number: int, words: str) -> None:
        if number:
            setattr(self, what, getattr(self, what) + number)
            self.words.append(f"{what}: {number} {words}")

    @property
    def clean(self) -> bool:
        return not (self.lost or self.phantom or self.out_of_order or self.double_effects or self.differences)


def ends(bootstrap: str) -> dict[int, int]:
    """The next offset of every partition."""
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": f"oracle-{uuid4()}", "log_level": 0})
    try:
        partitions = consumer.list_topics(TOPIC, timeout=20).topics[TOPIC].partitions
        return {partition: consumer.get_watermark_offsets(TopicPartition(TOPIC, partition), timeout=20)[1] for partition in partitions}
    finally:
        consumer.close()


def scan(bootstrap: str) -> list[tuple[int, int, str, dict[str, str], bytes]]:
    """Partition, offset, key, headers and value of every record."""
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": f"oracle-{uuid4()}",
            "enable.auto.commit": False,
            "log_level": 0,
            "auto.offset.reset": "earliest",
        }
    )
    try:
        left = {partition: end for partition, end in ends(bootstrap).items() if end}
        consumer.assign([TopicPartition(TOPIC, partition, 0) for partition in left])
        found = []
        while left:
            for record in consumer.consume(1_000, timeout=10):
                headers = {name.removeprefix("ce_"): (value or b"").decode(errors="replace") for name, value in record.headers() or ()}
                found.append(
                    (record.partition(), record.offset(), (record.key() or b"").decode(errors="replace"), headers, record.value() or b"")
                )
                if record.offset() + 1 >= left.get(record.partition(), 0):
                    left.pop(record.partition(), None)
        return found
    finally:
        consumer.close()


async def judge(ground: Ground) -> Findings:
    """Everything about one scenario, once it is at rest."""
    findings = Findings()
    async with ground.admin() as admin:
        events = await admin.fetch("select event_id, stream_id, stream_version, subject, command_id, attributes, body from events")
        places = await admin.fetch("select sequence, event_id, chain from relay_log order by sequence")
        counted = {row["offer_id"]: (row["times"], row["last"]) for row in await admin.fetch("select offer_id, times, last from counted")}
        parked = await admin.fetch("select subject, source, reason from parked where consumer = 'specimen'")
        gaps = await admin.fetchval(
            "select count(*) from (select stream_id, max(stream_version) as top, count(*) as n, min(stream_version) as low from events group by stream_id) s where top <> n or low <> 1"
        )
        twice = await admin.fetchval("select count(*) from (select command_id from events group by command_id having count(*) > 1) d")
    findings.events = len(events)
    _acknowledged(ground, findings, Counter(row["command_id"] for row in events))
    findings.count("lost", gaps, "streams with a hole")
    findings.count("double_effects", twice, "commands with two effects")
    records = [
        one for one in await asyncio.to_thread(scan, ground.stack.bootstrap) if "streamversion" in one[3] and "foreign" not in one[3]
    ]
    _topic(findings, {str(row["event_id"]): row for row in events}, records)
    _chain(findings, events, places)
    _projection(findings, Counter(row["subject"] for row in events), counted, parked)
    return findings


def _acknowledged(ground: Ground, findings: Findings, kept: Counter[object]) -> None:
    """The stored command id derives from the key; the answer names the events, and those must be there."""
    answers: dict[object, set[bytes]] = {}
    for call in ground.calls:
        if call.status == 201:
            answers.setdefault(call.command, set()).add(call.answer)
    stored = {str(command) for command in kept}
    findings.count(
        "lost", sum(json.loads(next(iter(one)))["command_id"] not in stored for one in answers.values()), "acknowledged commands"
    )
    findings.count("double_effects", sum(len(one) > 1 for one in answers.values()), "keys with two answers")


def _topic(findings: Findings, events: dict[str, object], records: list[tuple[int, int, str, dict[str, str], bytes]]) -> None:
    seen: dict[str, int] = {}
    home: dict[str, int] = {}
    said: Counter[str] = Counter()
    for partition, _, key, headers, value in sorted(records, key=lambda one: (one[0], one[1])):
        said[headers["id"]] += 1
        version = int(headers["streamversion"])
        findings.count("out_of_order", int(home.setdefault(key, partition) != partition), f"{key} in two partitions")
        findings.count("out_of_order", int(version > seen.get(key, 0) + 1), f"{key}: {version} after {seen.get(key, 0)}")
        seen[key] = max(version, seen.get(key, 0))
        row = events.get(headers["id"])
        findings.count("phantom", int(row is None), f"record {headers['id']}")
        if row is not None and (row["body"] != value or hashlib.sha256(value).hexdigest() != headers["digest"]):  # type: ignore[index]
            findings.count("differences", 1, "a record whose bytes are not the store's")
    findings.count("lost", len(events.keys() - said.keys()), "events never said")
    findings.duplicates = sum(said.values()) - len(said)


def _chain(findings: Findings, events: list, places: list) -> None:
    attributes = {row["event_id"]: row["attributes"] for row in events}
    findings.count("lost", int([row["sequence"] for row in places] != list(range(1, len(events) + 1))), "places are not 1..n")
    chain = bytes(32)
    for row in places:
        leaf = hashlib.sha256(attributes[row["event_id"]]).digest()
        chain = hashlib.sha256(b"\x01" + chain + row["sequence"].to_bytes(8, "big") + leaf).digest()
        if chain != row["chain"]:
            findings.count("differences", 1, f"the chain breaks at {row['sequence']}")
            return


def _projection(findings: Findings, counts: Counter[str], counted: dict[str, tuple[int, int]], parked: list) -> None:
    for offer, count in counts.items():
        expected = min(count, 2) if offer == BAD_OFFER else count
        if counted.get(offer, (0, 0)) != (expected, expected):
            findings.count("differences", 1, f"{offer}: {counted.get(offer)} for {expected} events")
    ours = Counter(row["subject"] for row in parked if row["source"])
    expected_parked = Counter({BAD_OFFER: counts[BAD_OFFER] - 2}) if counts[BAD_OFFER] > 2 else Counter()
    if ours != expected_parked:
        findings.count("differences", 1, f"parked {dict(ours)}, expected {dict(expected_parked)}")
