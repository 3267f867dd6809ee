"""Who can read a person: one key per owner and class of data, wrapped by the class's master key; destroy it and all copies are erased."""

import base64
import binascii
import json
import os
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from time import monotonic
from typing import ClassVar, Protocol, Self
from uuid import UUID

import asyncpg
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from contracts.fields import Sealed

KEY_BYTES = 32
NONCE_BYTES = 12
TAG_BYTES = 16
CACHED_OWNERS = 2048
CACHED_SECONDS = 30.0

type MasterKeys = Mapping[str, Mapping[int, bytes]]
"""By class of data, by version; the latest version wraps what is new."""


class KeyClassForbidden(Exception):
    """This service has no master key for that class of data: it may neither seal nor open it."""


class Erased(Exception):
    """The owner's key for that class was destroyed, or never made: there is nothing to open any more."""


class NotOpenable(Exception):
    """The sealed bytes are not those of this owner, class and field, or were changed."""


class Sealable(Protocol):
    """A cleartext model that names its class of data (contracts.personal)."""

    data_class: ClassVar[str]

    def model_dump_json(self) -> str: ...

    @classmethod
    def model_validate_json(cls, json_data: str | bytes) -> Self: ...


class Cipher(Protocol):
    """Authenticated encryption with a nonce of its own inside the result."""

    def encrypt(self, key: bytes, clear: bytes, aad: bytes) -> bytes: ...

    def decrypt(self, key: bytes, sealed: bytes, aad: bytes) -> bytes:
        """Raises NotOpenable."""


class AesGcm:
    """AES-256-GCM with a random nonce of 96 bits (NIST SP 800-38D): nonce ‖ ciphertext ‖ tag."""

    def encrypt(self, key: bytes, clear: bytes, aad: bytes) -> bytes:
        nonce = os.urandom(NONCE_BYTES)
        return nonce + AESGCM(key).encrypt(nonce, clear, aad)

    def decrypt(self, key: bytes, sealed: bytes, aad: bytes) -> bytes:
        if len(sealed) < NONCE_BYTES + TAG_BYTES:
            raise NotOpenable("the sealed bytes are too short")
        try:
            return AESGCM(key).decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], aad)
        except InvalidTag:
            raise NotOpenable("the sealed bytes do not belong here or were changed") from None


class BadMasterKeys(ValueError):
    """The file of master keys is not what it should be; says nothing of its content."""


def master_keys_from(text: str) -> dict[str, dict[int, bytes]]:
    """Read `{"<class>": {"<version>": "<base64 of 32 bytes>"}}`.

    Raises:
        BadMasterKeys: another shape or another length.
    """
    try:
        found = {
            data_class: {int(version): base64.b64decode(key, validate=True) for version, key in versions.items()}
            for data_class, versions in json.loads(text).items()
        }
    except (ValueError, AttributeError, TypeError):
        raise BadMasterKeys("the file of master keys is not JSON of class, version and base64") from None
    _check(found)
    return found


def _check(master_keys: MasterKeys) -> None:
    for data_class, versions in master_keys.items():
        if not versions or any(version < 1 or len(key) != KEY_BYTES for version, key in versions.items()):
            raise BadMasterKeys(f"class {data_class} needs at least one version (from 1), each key of {KEY_BYTES} bytes")


class Keys:
    """One owner's keys, for the classes that this service may open. Shows nothing of itself."""

    __slots__ = ("_allowed", "_cipher", "_keys", "owner_id")

    def __init__(self, owner_id: UUID, keys: Mapping[str, bytes], *, allowed: frozenset[str], cipher: Cipher) -> None:
        self.owner_id = owner_id
        self._keys, self._allowed, self._cipher = keys, allowed, cipher

    def __repr__(self) -> str:
        return f"Keys({self.owner_id})"

    def seal[P: Sealable](self, model: P) -> Sealed[P]:
        """Raises KeyClassForbidden, Erased."""
        data_class = model.data_class
        sealed = self.seal_bytes(data_class, data_class, model.model_dump_json().encode())
        return Sealed(f"v1.{data_class}.{base64.urlsafe_b64encode(sealed).rstrip(b'=').decode()}")

    def open[P: Sealable](self, sealed: Sealed[P], kind: type[P]) -> P:
        """Raises KeyClassForbidden, Erased, NotOpenable."""
        data_class = kind.data_class
        if not sealed.token.startswith(f"v1.{data_class}."):
            raise NotOpenable("the sealed field is of another class")
        clear = self.open_bytes(data_class, data_class, _unb64(sealed.token.rpartition(".")[2]))
        try:
            return kind.model_validate_json(clear)
        except ValueError:
            raise NotOpenable("what was sealed is not of this kind") from None

    def seal_bytes(self, data_class: str, field: str, clear: bytes) -> bytes:
        """Raises KeyClassForbidden, Erased."""
        return self._cipher.encrypt(self._key(data_class), clear, self._aad(data_class, field))

    def open_bytes(self, data_class: str, field: str, sealed: bytes) -> bytes:
        """Raises KeyClassForbidden, Erased, NotOpenable."""
        return self._cipher.decrypt(self._key(data_class), sealed, self._aad(data_class, field))

    def _key(self, data_class: str) -> bytes:
        if data_class not in self._allowed:
            raise KeyClassForbidden(f"no master key for class {data_class} here")
        key = self._keys.get(data_class)
        if key is None:
            raise Erased(f"no key of class {data_class}: destroyed, or never made")
        return key

    def _aad(self, data_class: str, field: str) -> bytes:
        return b"\x00".join((self.owner_id.bytes, data_class.encode(), field.encode()))


class Keyring:
    """Makes, finds and destroys keys in the keyring's own database.

    Keys found are remembered for a short while, at most `CACHED_SECONDS`: a key destroyed elsewhere dies here no later.
    """

    def __init__(
        self, pool: asyncpg.Pool, master_keys: MasterKeys, *, cipher: Cipher | None = None, seconds: Callable[[], float] = monotonic
    ) -> None:
        _check(master_keys)
        self._pool, self._master_keys, self._seconds = pool, master_keys, seconds
        self._cipher: Cipher = cipher or AesGcm()
        self._cached: OrderedDict[UUID, tuple[float, Keys]] = OrderedDict()

    @property
    def classes(self) -> frozenset[str]:
        """The classes of data that this service may seal and open."""
        return frozenset(self._master_keys)

    async def ensure(self, owner_ids: Sequence[UUID], classes: Sequence[str] | None = None) -> None:
        """Make the keys that these owners lack, of all our classes or of the given ones; what was destroyed stays so.

        Raises:
            KeyClassForbidden: a class is not ours.
        """
        wanted = sorted(self.classes if classes is None else set(classes))
        if not self.classes.issuperset(wanted):
            raise KeyClassForbidden("no master key for one of these classes here")
        # in one order everywhere, so that two who make the same keys cannot wait for each other in a circle
        rows = [(owner_id, data_class) for owner_id in sorted(set(owner_ids)) for data_class in wanted]
        if not rows:
            return
        versions = {data_class: max(self._master_keys[data_class]) for data_class in wanted}
        wrapped = [self._wrap(owner_id, data_class, versions[data_class]) for owner_id, data_class in rows]
        owners, kinds = [owner_id for owner_id, _ in rows], [data_class for _, data_class in rows]
        await self._pool.execute(MAKE, owners, kinds, wrapped, [versions[kind] for kind in kinds])

    async def keys(self, owner_ids: Sequence[UUID]) -> Mapping[UUID, Keys]:
        """The keys of all these owners; a class that has no key raises Erased when it is used.

        Raises:
            NotOpenable: a wrapped key is not ours, or its master key's version is not here.
        """
        found = {owner_id: keys for owner_id in owner_ids if (keys := self._remembered(owner_id)) is not None}
        missing = sorted({owner_id for owner_id in owner_ids if owner_id not in found})
        if missing:
            unwrapped: dict[UUID, dict[str, bytes]] = {owner_id: {} for owner_id in missing}
            for row in await self._pool.fetch(FIND, missing, sorted(self.classes)):
                unwrapped[row["owner_id"]][row["data_class"]] = self._unwrap(row)
            for owner_id, by_class in unwrapped.items():
                found[owner_id] = Keys(owner_id, by_class, allowed=self.classes, cipher=self._cipher)
                if by_class.keys() == self.classes:
                    self._remember(found[owner_id])
        return found

    async def destroy(self, owner_ids: Sequence[UUID]) -> int:
        """Erase these owners from every copy, for ever and in all classes; the number of keys destroyed."""
        for owner_id in owner_ids:
            self._cached.pop(owner_id, None)
        return len(await self._pool.fetch(DESTROY, sorted(set(owner_ids))))

    async def erased(self, owner_ids: Sequence[UUID]) -> frozenset[UUID]:
        """Those of these owners of whom a key was destroyed; asked of the database each time, whatever is remembered."""
        rows = await self._pool.fetch(ERASED, sorted(set(owner_ids)))
        return frozenset(row["owner_id"] for row in rows)

    def _wrap(self, owner_id: UUID, data_class: str, version: int) -> bytes:
        key = os.urandom(KEY_BYTES)
        return AesGcm().encrypt(self._master_keys[data_class][version], key, _wrap_aad(owner_id, data_class, version))

    def _unwrap(self, row: asyncpg.Record) -> bytes:
        owner_id, data_class, version = row["owner_id"], row["data_class"], row["master_version"]
        master = self._master_keys[data_class].get(version)
        if master is None:
            raise NotOpenable(f"version {version} of the master key of class {data_class} is not here")
        return AesGcm().decrypt(master, row["wrapped"], _wrap_aad(owner_id, data_class, version))

    def _remembered(self, owner_id: UUID) -> Keys | None:
        since, keys = self._cached.get(owner_id, (0.0, None))
        if keys is None or self._seconds() - since > CACHED_SECONDS:
            self._cached.pop(owner_id, None)
            return None
        self._cached.move_to_end(owner_id)
        return keys

    def _remember(self, keys: Keys) -> None:
        self._cached[keys.owner_id] = (self._seconds(), keys)
        while len(self._cached) > CACHED_OWNERS:
            self._cached.popitem(last=False)


def _wrap_aad(owner_id: UUID, data_class: str, version: int) -> bytes:
    return b"\x00".join((b"wrap", owner_id.bytes, data_class.encode(), str(version).encode()))


def _unb64(text: str) -> bytes:
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise NotOpenable("the sealed field is not base64url") from None


MAKE = """
insert into person_key (owner_id, data_class, wrapped, master_version)
select owner_id, data_class, wrapped, master_version
from unnest($1::uuid[], $2::text[], $3::bytea[], $4::integer[]) as made (owner_id, data_class, wrapped, master_version)
on conflict (owner_id, data_class) do nothing
"""

FIND = """
select owner_id, data_class, wrapped, master_version from person_key
where owner_id = any($1::uuid[]) and data_class = any($2::text[]) and destroyed_at is null
"""

ERASED = "select distinct owner_id from person_key where owner_id = any($1::uuid[]) and destroyed_at is not null"

DESTROY = """
update person_key set wrapped = null, destroyed_at = now()
where owner_id = any($1::uuid[]) and destroyed_at is null returning data_class
"""
