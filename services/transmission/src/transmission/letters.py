"""What leaves the house: the legal fields of one young person, as a compact JWE that only the recipient's key opens.

Source: RFC 7516 and 7518, ECDH-ES with A256GCM: an ephemeral key for each letter, so two letters never look alike.
"""

from collections.abc import Collection, Mapping
from datetime import date
from hashlib import sha256

import orjson
from joserfc import jwe
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, OKPKey
from pydantic import BaseModel, ConfigDict

from contracts.intake import Flags
from contracts.personal import Contact, Guardians, Identity
from contracts.transmission import FieldName

ALGORITHMS = ["ECDH-ES", "A256GCM"]
HEADER = {"alg": "ECDH-ES", "enc": "A256GCM", "cty": "application/json"}
CURVES = {"EC": ("P-256", "P-384", "P-521"), "OKP": ("X25519",)}
PUBLIC_PARTS = ("kty", "crv", "x", "y", "kid")

type PublicKey = ECKey | OKPKey


class BadKey(ValueError):
    """Not a public key that letters can be encrypted to; says why, never shows the key."""


def public_key_from(jwk: str) -> PublicKey:
    """The recipient's key.

    Raises:
        BadKey: not a JWK of a curve for key agreement, or it holds a private part, which must never be handed over.
    """
    try:
        parsed = orjson.loads(jwk)
    except orjson.JSONDecodeError:
        raise BadKey("the public key is not JSON") from None
    if not isinstance(parsed, Mapping) or parsed.get("kty") not in CURVES:
        raise BadKey("the public key is not a JWK of type EC or OKP")
    if "d" in parsed:
        raise BadKey("this is a private key: it must stay with its owner, make another")
    curves = CURVES[str(parsed["kty"])]
    if parsed.get("crv") not in curves:
        raise BadKey(f"the curve must be one of {', '.join(curves)}")
    try:
        key = _imported({str(name): str(value) for name, value in parsed.items() if name in PUBLIC_PARTS})
        encrypted(b"{}", key)
    except (JoseError, ValueError, KeyError):
        raise BadKey("the public key is not a point of its curve") from None
    return key


def _imported(parts: dict[str, str | list[str]]) -> PublicKey:
    return ECKey.import_key(parts) if parts["kty"] == "EC" else OKPKey.import_key(parts)


class Coordinates(BaseModel):
    """Everything that could be sent about one detection, opened."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    identity: Identity
    contact: Contact | None
    guardians: Guardians | None
    last_uai: str
    last_formation: str | None
    exit_date: date
    flags: Flags

    def __repr__(self) -> str:
        return "Coordinates(…)"

    __str__ = __repr__


def letter(coordinates: Coordinates, fields: Collection[FieldName]) -> bytes:
    """The JSON of exactly these fields; `guardians` is the list of legal representatives."""
    whole = coordinates.model_dump(mode="json", include={str(name) for name in fields})
    if whole.get("guardians") is not None:
        whole["guardians"] = whole["guardians"]["guardians"]
    return orjson.dumps(whole)


def encrypted(plain: bytes, key: PublicKey) -> bytes:
    """The compact serialisation, as the bytes that are kept, hashed and fetched."""
    return jwe.encrypt_compact(HEADER, plain, key, algorithms=ALGORITHMS).encode("ascii")


def hash_of(body: bytes) -> str:
    return sha256(body).hexdigest()
