"""Bad inputs that take a request, a database or a list before them; their numbers are in test_bad_inputs.py."""

from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from random import Random
from uuid import uuid4

import asyncpg
import pytest
from bad_bodies import SPECIMENS, composed, mutated
from intake_house import FreshDatabase, pieces
from intake_specimens import OTHER_UAI, REFERENCE, UAI, leaver, leavers_csv
from starlette.types import Message
from test_intake_api_on_postgresql import SENDER, Entrance, opened_entrance
from test_reports_on_postgresql import persons, read_lists

from chassis.provision import Database
from contracts.intake import ExitSeen
from contracts.personal import Identity
from intake import formats, receiving
from intake.formats.csv_list import ADAPTER
from intake.parts import PART_BYTES

pytestmark = pytest.mark.stack

BODIES = 300

FULL_FROM_THE_SECOND_PART = """
create function full_disk() returns trigger language plpgsql as $$
begin
  if new.number >= 1 then raise exception 'could not extend file' using errcode = 'disk_full'; end if;
  return new;
end $$;
create trigger full_disk before insert on list_part for each row execute function full_disk();
"""


@dataclass(frozen=True, kw_only=True)
class Door:
    """The entrance, and the database as its owner sees it."""

    entrance: Entrance
    admin: str

    async def count(self, table: str) -> int:
        """As its owner counts."""
        connection = await asyncpg.connect(self.admin)
        try:
            return int(await connection.fetchval(f"select count(*) from {table}"))
        finally:
            await connection.close()

    async def verdicts(self, body: bytes, *, days: int = 0) -> list[tuple[str, ...]]:
        """Of a list that is sent by HTTP, and read: the verdict and the rules of each line."""
        list_id = uuid4()
        params = {"format": "csv", "reference_date": str(REFERENCE + timedelta(days=days))}
        sent = await self.entrance.client.put(f"/lists/{list_id}", params=params, content=body, headers=SENDER)
        assert sent.status_code == 202
        await read_lists(self.entrance)
        return [(verdict, *rules) for _, verdict, rules in await self.entrance.house.verdicts(list_id)]


@asynccontextmanager
async def opened_door(fresh_database: FreshDatabase, tmp_path: Path) -> AsyncIterator[Door]:
    admins: dict[str, str] = {}

    async def remembered(database: Database) -> Mapping[str, str]:
        found = await fresh_database(database)
        admins[database.name] = found["admin"]
        return found

    async with opened_entrance(remembered, tmp_path) as entrance:
        yield Door(entrance=entrance, admin=admins["intake"])


@pytest.fixture
async def door(fresh_database: FreshDatabase, tmp_path: Path) -> AsyncIterator[Door]:
    async with opened_door(fresh_database, tmp_path) as opened:
        yield opened


async def nothing_remains(door: Door) -> bool:
    return [await door.count(table) for table in ("lists", "list_part", "list_upload", "events")] == [0, 0, 0, 0]


async def test_a_body_one_byte_over_the_limit_is_stopped_whatever_length_it_declares(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    limit = 2 * PART_BYTES
    monkeypatch.setattr(receiving, "ADAPTERS", {**formats.ADAPTERS, "csv": replace(ADAPTER, body_limit=limit)})
    body, params = leavers_csv(leaver()).ljust(limit, b"\n"), {"format": "csv", "reference_date": "2026-01-31"}
    for declared in (None, "1", "9999999999"):
        headers = SENDER if declared is None else {**SENDER, "Content-Length": declared}
        refused = await door.entrance.client.put(f"/lists/{uuid4()}", params=params, content=pieces(body + b"\n"), headers=headers)
        assert (refused.status_code, refused.json()["rule"]) == (413, "TOO_LARGE")
        assert await nothing_remains(door)
    assert (await door.entrance.client.put(f"/lists/{uuid4()}", params=params, content=pieces(body), headers=SENDER)).status_code == 202


async def test_a_body_over_the_limit_is_not_read_to_its_end(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(receiving, "ADAPTERS", {**formats.ADAPTERS, "csv": replace(ADAPTER, body_limit=PART_BYTES)})
    read = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal read
        for _ in range(100):
            read += PART_BYTES
            yield bytes(PART_BYTES)

    params = {"format": "csv", "reference_date": "2026-01-31"}
    refused = await door.entrance.client.put(f"/lists/{uuid4()}", params=params, content=endless(), headers=SENDER)
    assert refused.status_code == 413 and read <= 3 * PART_BYTES


async def test_a_list_of_another_establishment_is_refused_and_that_is_recorded(door: Door) -> None:
    refused = await door.entrance.put(leavers_csv(leaver(), leaver(uai=OTHER_UAI)))
    assert (refused.status_code, refused.json()["rule"]) == (403, "OUT_OF_MANDATE")
    assert await nothing_remains(door)
    connection = await asyncpg.connect(door.admin)
    kept = [(row["sender"], row["rule"]) for row in await connection.fetch("select sender, rule from refused_lists")]
    await connection.close()
    assert kept == [(UAI, "OUT_OF_MANDATE")]


async def test_a_client_that_disconnects_leaves_no_list(door: Door) -> None:
    body, list_id = leavers_csv(*(leaver() for _ in range(99))), uuid4()
    coming: list[Message] = [{"type": "http.request", "body": body[:-9], "more_body": True}, {"type": "http.disconnect"}]
    answered: list[Message] = []

    async def receive() -> Message:
        return coming.pop(0)

    async def send(message: Message) -> None:
        answered.append(message)

    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "PUT", "scheme": "http", "path": f"/lists/{list_id}",
        "raw_path": f"/lists/{list_id}".encode(), "query_string": b"format=csv&reference_date=2026-01-31", "root_path": "",
        "headers": [(name.lower().encode(), value.encode()) for name, value in SENDER.items()], "client": ("x", 1), "server": ("x", 1),
    }  # fmt: skip
    await door.entrance.client._transport.app(scope, receive, send)  # type: ignore[attr-defined]  # the app behind the client
    assert answered[0]["status"] == 400
    assert [await door.count(table) for table in ("lists", "events")] == [0, 0]


async def test_a_full_disk_is_507_and_nothing_of_the_body_or_of_a_list_remains(door: Door) -> None:
    connection = await asyncpg.connect(door.admin)
    await connection.execute(FULL_FROM_THE_SECOND_PART)
    full = await door.entrance.put(leavers_csv(*(leaver(adresse="x" * 3900) for _ in range(300))))
    assert (full.status_code, full.json()["rule"]) == (507, "NO_ROOM")
    assert await nothing_remains(door)
    await connection.close()


async def test_a_list_far_smaller_than_usual_is_held(door: Door) -> None:
    people = [leaver(ine=f"{n:010d}A", nom="DUVAL" + chr(64 + n)) for n in range(1, 26)]
    for days in (0, 1):
        assert {verdict for verdict, *_ in await door.verdicts(leavers_csv(*people), days=days)} == {"accepted"}
    small = await door.entrance.client.put(
        f"/lists/{uuid4()}", params={"format": "csv", "reference_date": "2026-02-02"}, content=leavers_csv(*people[:5]), headers=SENDER
    )
    assert (small.json()["status"], [one["rule"] for one in small.json()["held_for"]]) == ("held", ["VOLUME_ANOMALY"])


async def test_the_encoding_that_a_request_declares_is_that_of_the_reader(door: Door) -> None:
    body = leavers_csv(leaver(nom="LEŒUVRÉ")).decode().encode("cp1252")
    undeclared = await door.entrance.put(body)
    assert undeclared.json()["rule"] == "ENCODING"
    declared = await door.entrance.put(body, headers={**SENDER, "Content-Type": 'text/csv; header=present; charset="windows-1252"'})
    assert declared.status_code == 202
    await read_lists(door.entrance)
    (seen,) = await door.entrance.house.events(ExitSeen)
    assert isinstance(seen, ExitSeen)
    keys = (await door.entrance.house.keyring.keys([seen.person_id]))[seen.person_id]
    assert keys.open(seen.identity, Identity).family_name == "LEŒUVRÉ"


NOT_STRICT = {
    b'{"nom": NaN}': "BAD_NUMBER", b'{"nom": Infinity}': "BAD_NUMBER", b'{"nom": 1e999}': "BAD_NUMBER",
    b'{"nom": 9223372036854775808}': "BAD_NUMBER", b'{"nom": ' + b"9" * 5000 + b"}": "BAD_NUMBER",
    b'{"nom": "a", "nom": "b"}': "DUPLICATE_KEY", b'{"nom": ' + b"[" * 30_000 + b"]" * 30_000 + b"}": "TOO_DEEP",
    b'{"nom": "a"': "BAD_JSON", b'{"nom": "\xe9"}': "BAD_JSON", b'{"nom": "\\u0000"}': "BAD_JSON",
}  # fmt: skip


async def test_a_report_that_is_not_strict_json_is_refused_with_its_rule(door: Door) -> None:
    headers = {**SENDER, "Content-Type": "application/json"}
    for body, rule in NOT_STRICT.items():
        refused = await door.entrance.client.post("/reports", content=body, headers={**headers, "Idempotency-Key": str(uuid4())})
        assert (refused.status_code, refused.json()["rule"]) == (400, rule)
    assert await nothing_remains(door)


async def test_a_report_of_wrong_types_or_unknown_fields_is_422(door: Door) -> None:
    for wrong in ({"nom": 16}, {"nom": True}, {"nom": None}, {"is_admin": "true"}, {"stream_version": "7"}):
        headers = {**SENDER, "Idempotency-Key": str(uuid4())}
        refused = await door.entrance.client.post("/reports", json={**leaver(), **wrong}, headers=headers)
        assert (refused.status_code, refused.json()["rule"]) == (422, "INVALID")
    assert await nothing_remains(door)


async def test_an_ine_alone_joins_nobody(door: Door) -> None:
    assert await door.verdicts(leavers_csv(leaver())) == [("accepted",)]
    stranger = leaver(nom="ARBELIN", prenom="Zoé", date_naissance="2007-03-02")
    assert await door.verdicts(leavers_csv(stranger), days=1) == [("held", "IDENTITY_CONFLICT")]
    assert await persons(door.entrance) == 1


async def test_homonyms_born_in_one_commune_are_two_persons_by_their_ine(door: Door) -> None:
    assert await door.verdicts(leavers_csv(leaver(), leaver(ine="0000000001A"))) == [("accepted",), ("accepted",)]
    assert await persons(door.entrance) == 2


async def test_a_row_three_times_with_small_differences_is_one_person_and_a_conflict_is_told(door: Door) -> None:
    three = leavers_csv(leaver(), leaver(prenom="MAIA", telephone="0698765432"), leaver(date_naissance="2008-05-15"))
    assert await door.verdicts(three) == [("accepted",), ("accepted",), ("held", "IDENTITY_CONFLICT")]
    assert await persons(door.entrance) == 1


async def test_whatever_is_sent_is_answered_without_a_500_and_what_is_taken_is_read_to_its_end(door: Door) -> None:
    statuses: Counter[int] = Counter()
    for chance in map(Random, range(BODIES)):
        list_format = chance.choice(sorted(SPECIMENS))
        good = chance.choice(SPECIMENS[list_format])
        body = chance.choice((composed(list_format, chance), mutated(good, chance), mutated(good, chance)))
        charset = chance.choice(("", "", "", "; charset=utf-16", "; charset=ISO-8859-1", "; charset=\xe9", '; charset="', ";;;charset=x"))
        params = {
            "format": chance.choice((list_format, list_format, "sifa")),
            "reference_date": chance.choice(("2026-01-31", "9999-12-31")),
        }
        headers = {**SENDER, "Content-Type": f"text/csv{charset}".encode("latin-1")}
        answer = await door.entrance.client.put(f"/lists/{uuid4()}", params=params, content=body, headers=headers)  # type: ignore[arg-type]  # bytes are a value
        statuses[answer.status_code] += 1
    assert statuses[202] > BODIES // 20 and statuses[422] > BODIES // 4 and max(statuses) < 500
    await read_lists(door.entrance)
    async with door.entrance.house.pool.acquire() as connection:
        assert await door.entrance.parts.pending(connection) == 0
