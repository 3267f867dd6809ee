"""What leaves can be read by the holder of the private key alone, and holds exactly the legal fields."""

from datetime import date

import orjson
import pytest
from joserfc import jwe
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, OKPKey, RSAKey

from contracts.intake import Flags
from contracts.personal import Contact, Guardian, Guardians, Identity, PostalAddress
from contracts.transmission import FieldName
from transmission.letters import ALGORITHMS, BadKey, Coordinates, encrypted, letter, public_key_from

COORDINATES = Coordinates(
    identity=Identity(ine="123456789AB", family_name="Ferrand", first_names=("Maël",), birth_date=date(2009, 3, 1), sex="1"),
    contact=Contact(phones=("+33600000001",), address=PostalAddress(lines=("1 rue du Port",), postcode="35000", commune="Rennes")),
    guardians=Guardians(guardians=(Guardian(family_name="Ferrand", phones=("+33600000002",)),)),
    last_uai="0350001A",
    last_formation="bac pro",
    exit_date=date(2026, 1, 10),
    flags=Flags(l313_7=True, obligation_formation=True),
)
EVERYTHING: tuple[FieldName, ...] = ("identity", "contact", "guardians", "last_uai", "last_formation", "exit_date", "flags")


def jwk_of(key: ECKey | OKPKey) -> str:
    return orjson.dumps(key.as_dict(private=False)).decode()


@pytest.mark.parametrize("key", [ECKey.generate_key("P-256"), OKPKey.generate_key("X25519")], ids=["P-256", "X25519"])
def test_the_holder_of_the_private_key_reads_exactly_the_legal_fields(key: ECKey | OKPKey) -> None:
    body = encrypted(letter(COORDINATES, EVERYTHING), public_key_from(jwk_of(key)))
    opened = orjson.loads(jwe.decrypt_compact(body, key, algorithms=ALGORITHMS).plaintext or b"")
    assert set(opened) == set(EVERYTHING)
    assert opened["identity"]["family_name"] == "Ferrand"
    assert [one["phones"] for one in opened["guardians"]] == [["+33600000002"]]
    assert opened["flags"] == {"l313_7": True, "obligation_formation": True}


def test_fields_that_are_not_owed_do_not_leave() -> None:
    plain = orjson.loads(letter(COORDINATES, ("identity", "exit_date")))
    assert set(plain) == {"identity", "exit_date"}


def test_nobody_else_can_read_it() -> None:
    owner, other = ECKey.generate_key("P-256"), ECKey.generate_key("P-256")
    body = encrypted(letter(COORDINATES, EVERYTHING), public_key_from(jwk_of(owner)))
    assert b"Ferrand" not in body
    with pytest.raises((JoseError, ValueError)):
        jwe.decrypt_compact(body, other, algorithms=ALGORITHMS)


def test_the_same_letter_twice_never_looks_alike() -> None:
    key = public_key_from(jwk_of(ECKey.generate_key("P-256")))
    assert encrypted(b"{}", key) != encrypted(b"{}", key)


@pytest.mark.parametrize(
    "jwk",
    [
        "not json",
        "[]",
        '{"kty":"EC","crv":"P-256","x":"AAAA","y":"AAAA"}',
        '{"kty":"EC","crv":"P-256"}',
        orjson.dumps(ECKey.generate_key("P-256").as_dict(private=True)).decode(),
        orjson.dumps(ECKey.generate_key("secp256k1").as_dict(private=False)).decode(),
        orjson.dumps(OKPKey.generate_key("Ed25519").as_dict(private=False)).decode(),
        orjson.dumps(RSAKey.generate_key(2048).as_dict(private=False)).decode(),
    ],
    ids=["text", "list", "no point", "no coordinates", "private", "curve", "signature key", "rsa"],
)
def test_a_key_that_is_not_public_or_not_for_encryption_is_not_taken(jwk: str) -> None:
    with pytest.raises(BadKey):
        public_key_from(jwk)


def test_what_is_opened_never_shows_in_a_log_line() -> None:
    assert "Ferrand" not in f"{COORDINATES} {COORDINATES!r}"
