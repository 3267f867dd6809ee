"""Sealing: what one owner's key of one class and field closed, only that opens; checked against the cryptography library itself."""

import base64
import os
from datetime import date
from uuid import UUID, uuid4

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given
from hypothesis import strategies as st

from chassis.keyring import AesGcm, Erased, KeyClassForbidden, Keys, NotOpenable, master_keys_from
from contracts.fields import Sealed
from contracts.personal import Contact, Identity, Note

OWNER = UUID("00000000-0000-4000-8000-000000000001")
CLASSES = {"identity": bytes(range(32)), "contact": bytes(range(32, 64))}
SOMEONE = Identity(ine=None, family_name="Specimen", first_names=("Alix",), birth_date=date(2008, 2, 29))

texts = st.text(st.characters(exclude_categories=("Cs",)), max_size=60)
identities = st.builds(
    Identity, ine=st.none() | texts, family_name=texts, usage_name=st.none() | texts,
    first_names=st.tuples(texts, texts), birth_date=st.dates(), sex=st.sampled_from(["1", "2", None]),
)  # fmt: skip


def keys_of(owner: UUID = OWNER, keys: dict[str, bytes] = CLASSES, allowed: frozenset[str] = frozenset(CLASSES)) -> Keys:
    return Keys(owner, keys, allowed=allowed, cipher=AesGcm())


def raw(sealed: Sealed[Identity]) -> bytes:
    text = sealed.token.split(".")[2]
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


@given(identities)
def test_what_is_sealed_opens_as_it_was(someone: Identity) -> None:
    sealed = keys_of().seal(someone)
    assert sealed.data_class == "identity"
    assert keys_of().open(sealed, Identity) == someone


@given(identities)
def test_a_token_is_plain_aes_256_gcm_that_another_program_can_open(someone: Identity) -> None:
    token = raw(keys_of().seal(someone))
    aad = OWNER.bytes + b"\x00identity\x00identity"
    clear = AESGCM(CLASSES["identity"]).decrypt(token[:12], token[12:], aad)
    assert Identity.model_validate_json(clear) == someone


def test_a_token_that_another_program_sealed_opens_here() -> None:
    nonce = os.urandom(12)
    clear = SOMEONE.model_dump_json().encode()
    sealed = nonce + AESGCM(CLASSES["identity"]).encrypt(nonce, clear, OWNER.bytes + b"\x00identity\x00identity")
    token: Sealed[Identity] = Sealed("v1.identity." + base64.urlsafe_b64encode(sealed).rstrip(b"=").decode())
    assert keys_of().open(token, Identity) == SOMEONE


@given(st.data())
def test_one_changed_bit_is_not_openable(data: st.DataObject) -> None:
    sealed = bytearray(keys_of().seal_bytes("identity", "line", b"specimen"))
    place = data.draw(st.integers(0, len(sealed) * 8 - 1))
    sealed[place // 8] ^= 1 << place % 8
    with pytest.raises(NotOpenable):
        keys_of().open_bytes("identity", "line", bytes(sealed))


def test_another_owner_class_or_field_cannot_open_even_with_the_same_key() -> None:
    same = {"identity": bytes(32), "contact": bytes(32)}
    sealed = keys_of(keys=same).seal_bytes("identity", "line", b"specimen")
    for owner, data_class, field in [(uuid4(), "identity", "line"), (OWNER, "contact", "line"), (OWNER, "identity", "other")]:
        with pytest.raises(NotOpenable):
            keys_of(owner, same).open_bytes(data_class, field, sealed)


def test_a_field_of_another_class_is_not_opened_as_this_one() -> None:
    sealed = keys_of().seal(Contact(email="specimen@example.org"))
    with pytest.raises(NotOpenable):
        keys_of().open(sealed, Identity)  # type: ignore[arg-type]  # the very mistake that is tested


def test_the_same_text_sealed_twice_differs() -> None:
    assert keys_of().seal(SOMEONE) != keys_of().seal(SOMEONE)


def test_a_class_without_master_key_here_is_forbidden_to_seal_and_to_open() -> None:
    with pytest.raises(KeyClassForbidden):
        keys_of().seal(Note(text="specimen"))
    with pytest.raises(KeyClassForbidden):
        keys_of().open_bytes("notes", "notes", bytes(40))


def test_a_destroyed_key_says_erased() -> None:
    sealed = keys_of().seal(SOMEONE)
    with pytest.raises(Erased):
        keys_of(keys={}).open(sealed, Identity)


def test_errors_and_keys_show_neither_content_nor_key() -> None:
    sealed = keys_of(keys={"identity": bytes(32)}).seal(SOMEONE)
    with pytest.raises(NotOpenable) as refused:
        keys_of().open(sealed, Identity)
    told = str(refused.value) + repr(keys_of())
    assert "Specimen" not in told
    assert CLASSES["identity"].hex() not in told


@pytest.mark.parametrize(
    "text", ["", "[]", '{"identity": {}}', '{"identity": {"1": "AAAA"}}', '{"identity": {"0": "%s"}}', '{"identity": 3}']
)
def test_a_broken_file_of_master_keys_is_refused_without_showing_it(text: str) -> None:
    secret = base64.b64encode(bytes(range(32))).decode()
    with pytest.raises(ValueError, match=r"master keys|needs at least") as refused:
        master_keys_from(text.replace("%s", secret) if text != "[]" else text)
    assert secret not in str(refused.value)
