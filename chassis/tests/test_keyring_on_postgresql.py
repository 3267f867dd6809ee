"""The keyring on a real database: keys made in bulk, once; destroyed for ever; wrapped so that the database alone opens nothing."""

import asyncio
import os
from collections.abc import AsyncIterator
from datetime import date
from uuid import UUID, uuid4

import asyncpg
import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from chassis.keyring import CACHED_SECONDS, Erased, KeyClassForbidden, Keyring, Keys, NotOpenable
from chassis.provision import Database, keyring_migrations
from contracts.personal import Contact, Identity

pytestmark = pytest.mark.stack

MASTERS = {"identity": {1: os.urandom(32)}, "contact": {1: os.urandom(32)}}
SOMEONE = Identity(ine=None, family_name="Specimen", first_names=("Alix",), birth_date=date(2008, 2, 29))


@pytest.fixture
async def pool(fresh_database) -> AsyncIterator[asyncpg.Pool]:
    dsns = await fresh_database(Database(name="keyring", migrations=(keyring_migrations(),), login_roles=("app",)))
    async with asyncpg.create_pool(dsns["app"], min_size=1, max_size=8) as pool:
        yield pool


async def keys_of(keyring: Keyring, owner: UUID) -> Keys:
    return (await keyring.keys([owner]))[owner]


async def test_thousands_of_owners_get_their_keys_in_one_call_and_again_changes_nothing(pool: asyncpg.Pool) -> None:
    owners = [uuid4() for _ in range(5000)]
    await Keyring(pool, MASTERS).ensure(owners)
    before = await pool.fetch("select owner_id, data_class, wrapped from person_key order by 1, 2")
    await Keyring(pool, MASTERS).ensure(owners)
    assert await pool.fetch("select owner_id, data_class, wrapped from person_key order by 1, 2") == before
    assert len(before) == 10_000
    assert (await Keyring(pool, MASTERS).keys(owners)).keys() == set(owners)


async def test_many_who_make_the_same_keys_at_once_agree(pool: asyncpg.Pool) -> None:
    owners = [uuid4() for _ in range(300)]
    rings = [Keyring(pool, MASTERS) for _ in range(8)]
    await asyncio.gather(*(ring.ensure(owners if place % 2 else owners[::-1]) for place, ring in enumerate(rings)))
    sealed = (await keys_of(rings[0], owners[7])).seal(SOMEONE)
    for ring in rings:
        assert (await keys_of(ring, owners[7])).open(sealed, Identity) == SOMEONE


async def test_a_wrapped_key_opens_with_its_master_key_and_place_only(pool: asyncpg.Pool) -> None:
    owner = uuid4()
    ring = Keyring(pool, MASTERS)
    await ring.ensure([owner])
    sealed = (await keys_of(ring, owner)).seal_bytes("identity", "line", b"specimen")
    wrapped = await pool.fetchval("select wrapped from person_key where owner_id = $1 and data_class = 'identity'", owner)
    place = b"wrap\x00" + owner.bytes + b"\x00identity\x001"
    key = AESGCM(MASTERS["identity"][1]).decrypt(wrapped[:12], wrapped[12:], place)
    assert AESGCM(key).decrypt(sealed[:12], sealed[12:], owner.bytes + b"\x00identity\x00line") == b"specimen"


async def test_a_wrapped_key_moved_to_another_owner_is_not_openable(pool: asyncpg.Pool) -> None:
    one, other = uuid4(), uuid4()
    await Keyring(pool, MASTERS).ensure([one, other])
    theirs = "select wrapped from person_key where owner_id = $1 and data_class = 'identity'"
    moved = f"update person_key set wrapped = ({theirs}) where owner_id = $2"
    await pool.execute(f"{moved} and data_class = 'identity'", one, other)
    with pytest.raises(NotOpenable):
        await Keyring(pool, MASTERS).keys([other])


async def test_a_destroyed_owner_is_erased_and_ensure_does_not_bring_back(pool: asyncpg.Pool) -> None:
    owner = uuid4()
    ring = Keyring(pool, MASTERS)
    await ring.ensure([owner])
    sealed = (await keys_of(ring, owner)).seal(SOMEONE)
    assert await ring.destroy([owner]) == 2
    assert await ring.destroy([owner]) == 0
    await ring.ensure([owner])
    with pytest.raises(Erased):
        (await keys_of(ring, owner)).open(sealed, Identity)
    assert await pool.fetchval("select count(*) from person_key where wrapped is null and destroyed_at is not null") == 2


async def test_who_was_erased_is_known_at_once_whatever_is_remembered(pool: asyncpg.Pool) -> None:
    gone, there, never = uuid4(), uuid4(), uuid4()
    here = Keyring(pool, MASTERS)
    await here.ensure([gone, there])
    await here.keys([gone, there])
    assert await here.erased([gone, there, never]) == frozenset()
    await Keyring(pool, MASTERS).destroy([gone])
    assert await here.erased([gone, there, never]) == {gone}
    assert await here.erased([]) == frozenset()


async def test_a_key_destroyed_elsewhere_dies_here_when_its_time_in_memory_is_over(pool: asyncpg.Pool) -> None:
    owner, seconds = uuid4(), 0.0
    here = Keyring(pool, MASTERS, seconds=lambda: seconds)
    await here.ensure([owner])
    sealed = (await keys_of(here, owner)).seal(SOMEONE)
    await Keyring(pool, MASTERS).destroy([owner])
    seconds = CACHED_SECONDS + 1
    with pytest.raises(Erased):
        (await keys_of(here, owner)).open(sealed, Identity)


async def test_an_older_master_key_still_opens_and_the_latest_wraps(pool: asyncpg.Pool) -> None:
    old, new = uuid4(), uuid4()
    await Keyring(pool, MASTERS).ensure([old])
    turned = {name: {**versions, 2: os.urandom(32)} for name, versions in MASTERS.items()}
    ring = Keyring(pool, turned)
    await ring.ensure([old, new])
    rows = await pool.fetch("select distinct owner_id, master_version from person_key")
    assert {(row["owner_id"], row["master_version"]) for row in rows} == {(old, 1), (new, 2)}
    assert (await ring.keys([old, new])).keys() == {old, new}
    with pytest.raises(NotOpenable, match="version 2"):
        await Keyring(pool, MASTERS).keys([new])


async def test_a_service_with_one_class_only_sees_no_key_of_another(pool: asyncpg.Pool) -> None:
    owner = uuid4()
    await Keyring(pool, MASTERS).ensure([owner])
    narrow = Keyring(pool, {"contact": MASTERS["contact"]})
    keys = await keys_of(narrow, owner)
    assert keys.open(keys.seal(Contact(email="a@example.org")), Contact).email == "a@example.org"
    with pytest.raises(KeyClassForbidden):
        keys.seal(SOMEONE)
    with pytest.raises(KeyClassForbidden):
        await narrow.ensure([owner], ["identity"])


async def test_the_service_can_neither_delete_a_tombstone_nor_change_whose_key_it_is(pool: asyncpg.Pool) -> None:
    for forbidden in ("delete from person_key", "update person_key set owner_id = gen_random_uuid()", "truncate person_key"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await pool.execute(forbidden)
