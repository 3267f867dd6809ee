"""Keeps what is heard: the very bytes of attributes, body and chain, once per place in the speaker's order.

A place heard again with the same bytes changes nothing; with other bytes it is a conflict, kept beside the first copy.
"""

from collections.abc import Sequence
from datetime import datetime
from hashlib import sha256

from chassis.chain import canonical
from chassis.event_store import Connection
from chassis.heard import Heard, Unreadable
from contracts.envelope import Attributes
from contracts.event import Event

CHAIN_BYTES = 32


async def keep(connection: Connection, heard: Sequence[Heard[Event]], at: datetime) -> None:
    """The sink of history's subscription.

    Raises:
        chassis.heard.Unreadable: the chain is not 32 bytes in hexadecimal, or the place is not a positive number.
    """
    if heard:
        columns = [list(column) for column in zip(*(_row(one, at) for one in heard), strict=True)]
        await connection.execute(KEEP, *columns)
        await connection.execute(NOTICE_CONFLICTS, *(columns[place] for place in COMPARED))


def attributes_of(one: Heard[Event]) -> bytes:
    """The RFC 8785 bytes of the attributes as they came: the same as the speaker stored, if nobody changed them on the way."""
    names = {_header(name): name for name in Attributes.model_fields}
    return canonical({names[header]: value.decode() for header, value in one.raw.headers if header in names and value is not None})


def _header(name: str) -> str:
    return "content-type" if name == "datacontenttype" else f"ce_{name}"


def _row(one: Heard[Event], at: datetime) -> tuple[object, ...]:
    envelope, body = one.envelope, one.raw.value or b""
    fixed, attributes, chain = envelope.attributes, attributes_of(one), _chain(envelope.chain)
    if envelope.sequence < 1:
        raise Unreadable("the sequence is not a positive number")
    return (
        fixed.source, envelope.sequence, fixed.id, fixed.type, fixed.subject, fixed.streamid, fixed.streamversion, fixed.time,
        fixed.recordedtime, fixed.actor, fixed.correlationid, fixed.causationid, attributes, body, chain, fixed.digest,
        at, sha256(attributes + body + chain).digest(),
    )  # fmt: skip


def _chain(hexadecimal: str) -> bytes:
    try:
        chain = bytes.fromhex(hexadecimal)
    except ValueError:
        raise Unreadable("the chain is not hexadecimal") from None
    if len(chain) != CHAIN_BYTES:
        raise Unreadable("the chain is not 32 bytes long")
    return chain


COMPARED = (0, 1, 2, 12, 13, 14, 17, 16)

KEEP = """
insert into heard (source, sequence, event_id, type, subject, stream_id, stream_version, happened_at, recorded_at, actor,
  correlation_id, causation_id, attributes, body, chain, digest, heard_at)
select source, sequence, event_id, type, subject, stream_id, stream_version, happened_at, recorded_at, actor,
  correlation_id, causation_id, attributes, body, chain, digest, heard_at
from unnest($1::text[], $2::bigint[], $3::uuid[], $4::text[], $5::text[], $6::text[], $7::int[], $8::timestamptz[],
  $9::timestamptz[], $10::text[], $11::uuid[], $12::uuid[], $13::bytea[], $14::bytea[], $15::bytea[], $16::text[],
  $17::timestamptz[], $18::bytea[])
  as new (source, sequence, event_id, type, subject, stream_id, stream_version, happened_at, recorded_at, actor,
  correlation_id, causation_id, attributes, body, chain, digest, heard_at, bytes_sha256)
on conflict (source, sequence) do nothing
"""

NOTICE_CONFLICTS = """
insert into conflicts (source, sequence, event_id, attributes, body, chain, bytes_sha256, heard_at)
select new.source, new.sequence, new.event_id, new.attributes, new.body, new.chain, new.bytes_sha256, new.heard_at
from unnest($1::text[], $2::bigint[], $3::uuid[], $4::bytea[], $5::bytea[], $6::bytea[], $7::bytea[], $8::timestamptz[])
  as new (source, sequence, event_id, attributes, body, chain, bytes_sha256, heard_at)
join heard on heard.source = new.source and heard.sequence = new.sequence
where (heard.attributes, heard.body, heard.chain) is distinct from (new.attributes, new.body, new.chain)
on conflict (source, sequence, bytes_sha256) do nothing
"""
