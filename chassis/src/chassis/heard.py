"""A record as it came from Kafka, and as it reads once its envelope, digest and body were checked."""

import base64
from dataclasses import dataclass
from typing import Self

import orjson
from aiokafka import ConsumerRecord
from pydantic import ValidationError

from chassis.chain import digest_of
from contracts.catalogue import UnknownType, decode
from contracts.envelope import Envelope, MalformedEnvelope, from_headers
from contracts.event import Event


@dataclass(frozen=True, kw_only=True, slots=True)
class RawRecord:
    """Bytes and place of one Kafka record; nothing is believed about it yet."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes | None], ...]

    @classmethod
    def of(cls, record: ConsumerRecord) -> Self:
        return cls(
            topic=record.topic, partition=record.partition, offset=record.offset,
            key=record.key, value=record.value, headers=tuple(record.headers),
        )  # fmt: skip

    def to_bytes(self) -> bytes:
        """For the waiting and parked tables: everything, as JSON with base64."""
        return orjson.dumps(
            [self.topic, self.partition, self.offset, _b64(self.key), _b64(self.value), [[n, _b64(v)] for n, v in self.headers]]
        )

    @classmethod
    def from_bytes(cls, stored: bytes) -> Self:
        topic, partition, offset, key, value, headers = orjson.loads(stored)
        return cls(
            topic=topic, partition=partition, offset=offset, key=_raw(key), value=_raw(value),
            headers=tuple((name, _raw(one)) for name, one in headers),
        )  # fmt: skip

    def subject(self) -> str | None:
        """The subject by its key, as far as one can tell."""
        return self.key.decode(errors="replace").replace("\x00", "�") if self.key else None


@dataclass(frozen=True, kw_only=True, slots=True)
class Heard[E: Event]:
    """An event that may be believed: envelope complete, digest right, body valid."""

    event: E
    envelope: Envelope
    raw: RawRecord

    @property
    def source(self) -> str:
        return self.envelope.attributes.source

    @property
    def subject(self) -> str:
        return self.envelope.attributes.subject

    @property
    def stream(self) -> tuple[str, str]:
        """Source and stream id: what the version counts in."""
        return self.envelope.attributes.source, self.envelope.attributes.streamid


class Unreadable(Exception):
    """The record cannot be believed or understood; the reason names rules and headers, never values."""


def read(raw: RawRecord) -> Heard[Event]:
    """Check and decode one record.

    Raises:
        Unreadable: tombstone, malformed envelope, wrong digest, unknown type, invalid body, key and subject apart.
    """
    if raw.value is None:
        raise Unreadable("the record has no value")
    try:
        envelope = from_headers(raw.headers)
    except MalformedEnvelope as malformed:
        raise Unreadable(str(malformed)) from None
    attributes = envelope.attributes
    if attributes.digest != digest_of(raw.value):
        raise Unreadable("the digest is not that of the value")
    if raw.key != attributes.subject.encode():
        raise Unreadable("the key is not the subject")
    try:
        event = decode(attributes.type, raw.value)
    except UnknownType:
        raise Unreadable(f"unknown type {attributes.type}") from None
    except ValidationError as invalid:
        places = sorted({".".join(str(part) for part in error["loc"]) for error in invalid.errors()})
        raise Unreadable(f"invalid {attributes.type}: {', '.join(places)}") from None
    if (f"/raccroche/{event.speaker}", event.subject, event.stream) != (attributes.source, attributes.subject, attributes.streamid):
        raise Unreadable("source, subject or stream are not those of the event")
    return Heard(event=event, envelope=envelope, raw=raw)


def _b64(value: bytes | None) -> str | None:
    return None if value is None else base64.b64encode(value).decode()


def _raw(value: str | None) -> bytes | None:
    return None if value is None else base64.b64decode(value)
