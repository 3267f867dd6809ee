"""Where it is kept who is known by which digests; resolved under locks, so that two lists make one person of one."""

from collections.abc import Iterable, Mapping, Sequence
from uuid import UUID

from chassis.event_store import Connection
from intake.identity import Kind, Register, Tokens, stripe_of
from intake.likeness import MOST


async def register_of(connection: Connection, tokens: Sequence[Tokens]) -> Register:
    """Lock these identities until the transaction ends, in one order for everybody, then load whom they may mean."""
    await connection.execute(LOCK, sorted({key for one in tokens for key in one.locks()}))
    register = await looked_up(connection, tokens)
    for row in await connection.fetch(ALIKE, list({token for one in tokens for _, token in one.likenesses}), MOST + 1):
        register.alike.setdefault(row["token"], set()).add(row["person_id"])
    return register


async def looked_up(connection: Connection, tokens: Sequence[Tokens]) -> Register:
    """Whom they may mean, as it was a moment ago: for a question, after which nothing is written."""
    sought = [token for one in tokens for token in (one.said, one.ine, one.names) if token is not None]
    register = Register()
    for row in await connection.fetch(LIKE, sought):
        register.add(row["person_id"], row["token"], row["kind"])
    return register


async def keep(connection: Connection, known_by: Iterable[tuple[UUID, Tokens]]) -> None:
    """These persons are known by these digests from now on."""
    known_by = list(known_by)
    rows = [(token, person_id, kind) for person_id, tokens in known_by for token, kind in tokens.rows()]
    if rows:
        await connection.execute(KEEP, *map(list, zip(*rows, strict=True)))
    alike = [(token, person_id, criterion) for person_id, tokens in known_by for criterion, token in tokens.likenesses]
    if alike:
        await connection.execute(KEEP_ALIKE, *map(list, zip(*alike, strict=True)))


async def keep_word(connection: Connection, person_id: UUID, tokens: Tokens | None) -> None:
    """A human said that this is the person: from now on the very same is."""
    if tokens is not None and tokens.said is not None:
        await connection.execute(KEEP, [tokens.said], [person_id], ["said"])


async def hold(connection: Connection, people: Sequence[UUID]) -> None:
    """Until the transaction ends no line is resolved that may mean these persons; what others made of one is committed."""
    tokens = await connection.fetch(RESOLVED_BY, people)
    await connection.execute(LOCK, sorted({stripe_of(row["token"]) for row in tokens}))


async def known_by(connection: Connection, people: Sequence[UUID]) -> list[dict[bytes, Kind]]:
    """By which digests each of these persons is known."""
    register = Register()
    for row in await connection.fetch(KNOWN_BY, people):
        register.add(row["person_id"], row["token"], row["kind"])
    return list(register.tokens.values())


async def forget(connection: Connection, people: Sequence[UUID]) -> None:
    """No later line is about these persons."""
    await connection.execute(FORGET, people)
    await connection.execute(FORGET_LIKENESS, people)


async def keep_derived(connection: Connection, derived: Mapping[UUID, tuple[str, str]]) -> None:
    """Month of majority and département of residence: what decisions need of a sealed identity."""
    if derived:
        months, departements = zip(*derived.values(), strict=True)
        await connection.execute(DERIVED, list(derived), months, departements)


async def touch(connection: Connection, list_id: UUID, ages: Mapping[UUID, int]) -> None:
    """Decide upon these persons when the list closes."""
    if ages:
        await connection.execute(TOUCH, list_id, list(ages), list(ages.values()))


LOCK = "select pg_advisory_xact_lock(key) from (select key from unnest($1::bigint[]) as k (key) order by key) sorted"
LIKE = """
select token, person_id, kind from identity_token
where person_id in (select person_id from identity_token where token = any($1::bytea[]))
"""
KEEP = """
insert into identity_token (token, person_id, kind) select * from unnest($1::bytea[], $2::uuid[], $3::text[])
on conflict (token, person_id) do nothing
"""
ALIKE = """
select t.token, l.person_id from unnest($1::bytea[]) as t (token)
cross join lateral (select person_id from identity_likeness where token = t.token limit $2) l
"""
KEEP_ALIKE = """
insert into identity_likeness (token, person_id, criterion) select * from unnest($1::bytea[], $2::uuid[], $3::text[])
on conflict (token, person_id) do nothing
"""
RESOLVED_BY = "select token from identity_token where person_id = any($1::uuid[]) and kind in ('ine', 'names')"
KNOWN_BY = "select token, person_id, kind from identity_token where person_id = any($1::uuid[])"
FORGET = "delete from identity_token where person_id = any($1::uuid[])"
FORGET_LIKENESS = "delete from identity_likeness where person_id = any($1::uuid[])"
DERIVED = """
insert into person_derived (person_id, majority_month, departement) select * from unnest($1::uuid[], $2::text[], $3::text[])
on conflict (person_id) do update set majority_month = excluded.majority_month, departement = excluded.departement
"""
TOUCH = """
insert into touched (list_id, person_id, age) select $1, person_id, age from unnest($2::uuid[], $3::int[]) as t (person_id, age)
on conflict do nothing
"""
