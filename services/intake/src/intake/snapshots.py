"""Enrolments of those whom nobody looks for yet: kept by digests only, so that a leaver who comes later finds them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from pydantic import TypeAdapter

from chassis.event_store import Connection
from intake.identity import Tokens
from intake.record import Contract, Record

CONTRACTS = TypeAdapter(tuple[Contract, ...])
"""How the contracts of a kept enrolment are written, and read again: dates, nothing of the person."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Snapshot:
    """One enrolment as a list told it."""

    list_id: UUID
    line: int
    ine: bytes | None
    ine_birth: bytes | None
    ine_names: frozenset[bytes]
    identity: bytes | None
    uai: str
    formation: str | None
    start_on: date | None
    end_on: date | None
    diploma: str | None
    reference_date: date
    apprentice: bool = False
    contracts: tuple[Contract, ...] = ()


def snapshot_of(list_id: UUID, record: Record, tokens: Tokens, reference_date: date) -> Snapshot:
    return Snapshot(
        list_id=list_id, line=record.line, ine=tokens.ine, ine_birth=tokens.ine_birth, ine_names=tokens.ine_names,
        identity=tokens.identity, uai=record.uai, formation=record.formation, start_on=record.entry_date,
        end_on=record.exit_date, diploma=record.diploma, reference_date=reference_date, apprentice=record.apprentice,
        contracts=record.contracts,
    )  # fmt: skip


def matching(tokens: Tokens, snapshots: Sequence[Snapshot], *, namesakes: int) -> list[Snapshot]:
    """Those of the same person, by the rule of identity.

    namesakes: how many known persons share the identity; with several, an enrolment without INE is nobody's.
    """
    by_ine = [one for one in snapshots if tokens.ine is not None and one.ine == tokens.ine and _agrees(tokens, one)]
    equal = [one for one in snapshots if tokens.identity is not None and one.identity == tokens.identity]
    ines = {one.ine for one in equal if one.ine is not None}
    if tokens.ine is None:
        by_identity = equal if len(ines) <= 1 and namesakes <= 1 else []
    else:
        by_identity = [one for one in equal if one.ine is None] if ines <= {tokens.ine} and namesakes <= 1 else []
    found = {(one.list_id, one.line): one for one in (*by_ine, *by_identity)}
    return list(found.values())


def _agrees(tokens: Tokens, one: Snapshot) -> bool:
    return tokens.ine_birth == one.ine_birth and not tokens.ine_names.isdisjoint(one.ine_names)


async def keep(connection: Connection, snapshots: Sequence[Snapshot]) -> None:
    """Keep them; each line once."""
    rows = [
        (s.list_id, s.line, s.ine, s.ine_birth, sorted(s.ine_names), s.identity, s.uai, s.formation, s.start_on, s.end_on, s.diploma,
         s.reference_date, s.apprentice, CONTRACTS.dump_json(s.contracts).decode())
        for s in snapshots
    ]  # fmt: skip
    if rows:
        await connection.copy_records_to_table("enrolment_snapshot", records=rows, columns=COLUMNS)


async def like(connection: Connection, tokens: Sequence[Tokens]) -> list[Snapshot]:
    """Every snapshot that shares an INE or an identity with one of these, in the order in which the lists came."""
    ines = [one.ine for one in tokens if one.ine is not None]
    identities = [one.identity for one in tokens if one.identity is not None]
    rows = await connection.fetch(LIKE, ines, identities)
    return [_snapshot(dict(row)) for row in rows]


def _snapshot(row: dict[str, Any]) -> Snapshot:  # Any: the columns of a row, as the driver gives them
    return Snapshot(**{**row, "ine_names": frozenset(row["ine_names"]), "contracts": CONTRACTS.validate_json(row["contracts"])})


async def forget(connection: Connection, snapshots: Sequence[Snapshot]) -> None:
    """What has become a fact of a person is no longer needed here."""
    if snapshots:
        await connection.execute(FORGET, [one.list_id for one in snapshots], [one.line for one in snapshots])


COLUMNS = (
    "list_id", "line", "ine", "ine_birth", "ine_names", "identity", "uai", "formation", "start_on", "end_on", "diploma", "reference_date",
    "apprentice", "contracts",
)  # fmt: skip

LIKE = """
select s.list_id, s.line, s.ine, s.ine_birth, s.ine_names, s.identity, s.uai, s.formation, s.start_on, s.end_on, s.diploma,
  s.reference_date, s.apprentice, s.contracts
from enrolment_snapshot s join lists l using (list_id)
where s.ine = any($1::bytea[]) or s.identity = any($2::bytea[])
order by s.reference_date, l.received_at, s.list_id, s.line
"""

FORGET = "delete from enrolment_snapshot where (list_id, line) in (select * from unnest($1::uuid[], $2::int[]))"
