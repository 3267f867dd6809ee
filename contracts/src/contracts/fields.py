"""The kinds of field that an event may carry, each with its classification, so that masking can be automatic."""

from __future__ import annotations

import re
from typing import Annotated, Any, ClassVar, Protocol, TypeVar
from uuid import UUID

from pydantic import AwareDatetime, Field, GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

T = TypeVar("T")

CLASSIFICATION = "x-classification"

Public = Annotated[T, Field(json_schema_extra={CLASSIFICATION: "public"})]
"""Says nothing about one person: codes, counts, organisations, dates of lists."""

Pseudonymous = Annotated[T, Field(json_schema_extra={CLASSIFICATION: "pseudonymous"})]
"""A fact about a young person who is known here by an opaque id only; still personal data (GDPR, recital 26)."""

PersonId = UUID
"""Opaque and random: intake alone knows whom it stands for."""

Departement = Annotated[str, Field(pattern=r"^(0[1-9]|[1-8][0-9]|9[0-5]|2A|2B|97[1-8]|98[678])$")]
Uai = Annotated[str, Field(pattern=r"^[0-9]{7}[A-HJ-NPR-Z]$")]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Instant = AwareDatetime


class DataClass(Protocol):
    """A cleartext model that can be sealed: it names the class of data whose key protects it."""

    data_class: ClassVar[str]


_TOKEN = re.compile(r"^v1\.([a-z]+)\.([A-Za-z0-9_-]{38,})$")


class Sealed[P: DataClass]:
    """A personal field as it travels: `v1.<class>.<base64url of nonce ‖ ciphertext ‖ tag>`, AES-256-GCM.

    The key is the person's own for that class of data; the AAD is person id ‖ class ‖ class, which lets the token pass
    unchanged from one event of a person to the next. Opening it takes the keyring; reading the contract does not.
    (No dataclass: pydantic would write one as an object, and on the wire this is the token alone.)
    """

    __slots__ = ("_token",)

    def __init__(self, token: str) -> None:
        self._token = token

    @property
    def token(self) -> str:
        return self._token

    @property
    def data_class(self) -> str:
        match = _TOKEN.match(self._token)
        if match is None:
            raise ValueError("not a sealed field")
        return match[1]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sealed) and other.token == self._token

    def __hash__(self) -> int:
        return hash(self._token)

    def __repr__(self) -> str:
        return f"Sealed({self.data_class})"

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:  # noqa: ANN401 -- pydantic's protocol
        token = core_schema.no_info_after_validator_function(cls, core_schema.str_schema(pattern=_TOKEN.pattern))
        return core_schema.json_or_python_schema(
            json_schema=token,
            python_schema=core_schema.union_schema([core_schema.is_instance_schema(cls), token]),
            serialization=core_schema.plain_serializer_function_ser_schema(
                lambda sealed: sealed.token, return_schema=core_schema.str_schema()
            ),
        )

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {"type": "string", "pattern": _TOKEN.pattern, CLASSIFICATION: "sealed"}
