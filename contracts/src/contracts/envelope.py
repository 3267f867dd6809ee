"""The envelope: CloudEvents 1.0 in Kafka's binary binding, with the extensions of Raccroche.

Sources: CloudEvents 1.0.2 core and Kafka protocol binding (attributes as `ce_` headers, the value is the data alone),
its extensions `sequence` and distributed tracing. All attributes travel as UTF-8 strings.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, PlainSerializer, ValidationError

from contracts.fields import Sha256


def rfc3339(at: datetime) -> str:
    """UTC, microseconds always written, `Z`: one spelling per instant, so that bytes can be compared."""
    return at.astimezone(UTC).isoformat(timespec="microseconds").removesuffix("+00:00") + "Z"


Timestamp = Annotated[AwareDatetime, PlainSerializer(rfc3339, return_type=str)]


class Attributes(BaseModel):
    """What is fixed when the event is appended; its RFC 8785 bytes are stored and their SHA-256 is the leaf of the chain."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    specversion: Literal["1.0"] = "1.0"
    id: UUID
    source: str = Field(pattern=r"^/raccroche/[a-z]+$")
    type: str = Field(pattern=r"^fr\.raccroche\.[a-z]+\.[A-Za-z]+\.v[0-9]+$")
    subject: str = Field(min_length=1)
    time: Timestamp
    datacontenttype: Literal["application/json"] = "application/json"
    dataschema: str
    recordedtime: Timestamp
    streamid: str = Field(min_length=1)
    streamversion: int = Field(ge=1)
    digest: Sha256
    correlationid: UUID
    causationid: UUID | None = None
    actor: str

    def as_strings(self) -> dict[str, str]:
        """Name to value, as on the wire; an absent causation is left out."""
        return {name: str(value) for name, value in self.model_dump(mode="json").items() if value is not None}


@dataclass(frozen=True, kw_only=True)
class Envelope:
    """Attributes, plus what the relay adds (place and chain) and the trace context stored beside the event."""

    attributes: Attributes
    sequence: int
    chain: str
    traceparent: str | None = None
    tracestate: str | None = None


class MalformedEnvelope(ValueError):
    """The headers are not those of an event of this house; says which, never the values."""


HEADER_NAMES = {name: f"ce_{name}" for name in Attributes.model_fields} | {"datacontenttype": "content-type"}

ATTRIBUTE_NAMES = {header: name for name, header in HEADER_NAMES.items()} | {f"ce_{name}": name for name in ("sequence", "chain")}

type Headers = Sequence[tuple[str, bytes | None]]
"""As Kafka gives them: a header may be null."""


def to_headers(
    attributes: Mapping[str, str], *, sequence: int, chain: str, traceparent: str | None, tracestate: str | None
) -> list[tuple[str, bytes]]:
    """Kafka headers of one record. `datacontenttype` goes as `content-type`, as the binding says."""
    headers = [(HEADER_NAMES.get(name) or f"ce_{name}", value.encode()) for name, value in attributes.items()]
    headers.append(("ce_sequence", str(sequence).encode()))
    headers.append(("ce_chain", chain.encode()))
    if traceparent:
        headers.append(("ce_traceparent", traceparent.encode()))
    if tracestate:
        headers.append(("ce_tracestate", tracestate.encode()))
    return headers


def from_headers(headers: Headers) -> Envelope:
    """The envelope of a record.

    Raises:
        MalformedEnvelope: a header is missing, doubled, null, not UTF-8 or not of its type.
    """
    try:
        found = {
            ATTRIBUTE_NAMES.get(name) or _attribute(name): value.decode()  # type: ignore[union-attr]  # a null raises
            for name, value in headers
        }
    except (AttributeError, UnicodeDecodeError):
        raise MalformedEnvelope(_which_header(headers)) from None
    if len(found) != len(headers):
        raise MalformedEnvelope(_which_header(headers))
    try:
        sequence, chain = int(found.pop("sequence")), found.pop("chain")
        attributes = Attributes.model_validate_strings(found)
    except (KeyError, ValidationError, ValueError) as wrong:
        raise MalformedEnvelope(_which(wrong)) from None
    return Envelope(
        attributes=attributes,
        sequence=sequence,
        chain=chain,
        traceparent=found.get("traceparent"),
        tracestate=found.get("tracestate"),
    )


def _attribute(header: str) -> str:
    return ATTRIBUTE_NAMES.get(header) or header.removeprefix("ce_")


def _which_header(headers: Headers) -> str:
    """What is wrong with them, once it is known that something is."""
    seen: set[str] = set()
    for name, value in headers:
        if value is None:
            return f"header {name} is null"
        if _attribute(name) in seen:
            return f"header {name} is there twice"
        seen.add(_attribute(name))
        try:
            value.decode()
        except UnicodeDecodeError:
            return f"header {name} is not UTF-8 text"
    raise AssertionError("unreachable")


def _which(wrong: Exception) -> str:
    if isinstance(wrong, ValidationError):
        return "bad headers: " + ", ".join(sorted({f"ce_{error['loc'][0]}" for error in wrong.errors() if error["loc"]}))
    return f"missing or bad header: {wrong.args[0] if isinstance(wrong, KeyError) else 'ce_sequence'}"
