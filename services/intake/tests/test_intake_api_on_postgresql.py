"""The entrance as establishments meet it: tokens, refusals with their rule, lines with French sentences; put together by app.build."""

import base64
import csv
import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from time import time
from uuid import UUID, uuid4

import httpx
import pytest
from fastapi import FastAPI
from intake_house import FreshDatabase, House, house
from intake_specimens import ENROLLED_ELEVE, LEAVER, OTHER_UAI, UAI, eleves_xml, leaver, leavers_csv
from joserfc import jwt
from joserfc.jwk import KeySet, OKPKey

from chassis.callers import TokenVerifier, unguarded_routes
from chassis.event_store import EventStore
from chassis.problems import install
from chassis.service import Basics, Parts
from chassis.settings import BadSettings, Settings
from intake.app import KeysMissing, build, desk_of

pytestmark = pytest.mark.stack

ISSUER, AUDIENCE = "https://issuer.example", "raccroche"
SIGNING = OKPKey.generate_key("Ed25519", {"kid": "k1"})


def token(role: str, **claims: object) -> dict[str, str]:
    said = {"iss": ISSUER, "aud": AUDIENCE, "sub": f"{role}-1", "exp": int(time()) + 86_400, "role": role, **claims}
    return {"Authorization": f"Bearer {jwt.encode({'alg': 'Ed25519', 'kid': 'k1'}, said, SIGNING, algorithms=['Ed25519'])}"}


FIRST, SECOND = UUID(int=1), UUID(int=2)
STAYS = ENROLLED_ELEVE.replace("DUVALLON", "CORVAL").replace("0123456789A", "1111111112B").replace("14/05/2008", "01/01/2007")
SENDER = token("sender", uai=UAI)
OPS = token("ops")


@dataclass(frozen=True, kw_only=True)
class Entrance:
    """The HTTP surface and the house behind it."""

    client: httpx.AsyncClient
    house: House
    parts: Parts

    async def put(
        self,
        body: bytes,
        *,
        list_id: UUID | None = None,
        list_format: str = "csv",
        headers: dict[str, str] = SENDER,
        on: str = "2026-01-31",
    ) -> httpx.Response:
        params = {"format": list_format, "reference_date": on}
        return await self.client.put(f"/lists/{list_id or uuid4()}", params=params, content=body, headers=headers)


def basics_of(opened: House, identity_key_file: Path | None) -> Basics:
    settings = Settings(
        app_dsn="", consumer_dsn="", relay_dsn="", bootstrap="", http_host="", http_port=0, tokens_jwks_file=Path(), tokens_issuer=ISSUER,
        tokens_audience=AUDIENCE, passfile=None, keyring_dsn=None, keyring_master_keys_file=None, identity_key_file=identity_key_file,
        clock_offset_file=None, refill=False, spans_file=None, otlp_endpoint=None, log_level="info", failpoint=None,
    )  # fmt: skip
    store = EventStore(source="/raccroche/intake", clock=opened.clock)
    return Basics(
        clock=opened.clock, app=opened.pool, consumer=opened.pool, store=store, wake=lambda: None, keyring=opened.keyring, settings=settings
    )


@asynccontextmanager
async def opened_entrance(fresh_database: FreshDatabase, tmp_path: Path) -> AsyncIterator[Entrance]:
    async with house(fresh_database) as opened:
        key_file = tmp_path / "identity.key"
        key_file.write_text(base64.b64encode(bytes(32)).decode())  # that of the house behind it
        parts = build(basics_of(opened, key_file))
        app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
        app.state.verifier = TokenVerifier(_public_keys(), issuer=ISSUER, audience=AUDIENCE)
        install(app)
        for router in parts.routers:
            app.include_router(router)
        assert unguarded_routes(app) == []
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://intake") as client:
            yield Entrance(client=client, house=opened, parts=parts)


@pytest.fixture
async def entrance(fresh_database: FreshDatabase, tmp_path: Path) -> AsyncIterator[Entrance]:
    async with opened_entrance(fresh_database, tmp_path) as opened:
        yield opened


def _public_keys() -> str:
    return httpx.Response(200, json=KeySet([SIGNING]).as_dict(private=False)).text


async def test_a_list_is_taken_and_waits_for_the_reader(entrance: Entrance) -> None:
    list_id = uuid4()
    taken = await entrance.put(leavers_csv(leaver(), leaver(nom=""), leaver(date_naissance="2012-01-01")), list_id=list_id)
    assert (taken.status_code, taken.json()) == (202, {"list_id": str(list_id), "sender": UAI, "status": "received"})
    async with entrance.house.pool.acquire() as connection:
        assert await entrance.parts.pending(connection) == 1
    assert (await entrance.client.get(f"/lists/{list_id}", headers=SENDER)).json()["status"] == "received"


async def test_the_figures_of_a_list_and_its_lines(entrance: Entrance) -> None:
    list_id = uuid4()
    await entrance.house.send(list_id, leavers_csv(leaver(), leaver(nom=""), leaver(date_naissance="2012-01-01")))
    await entrance.house.read_all()
    assert (await entrance.client.get(f"/lists/{list_id}", headers=OPS)).json() == {
        "list_id": str(list_id), "sender": UAI, "format": "csv", "reference_date": "2026-01-31", "status": "closed", "lines": 3,
        "accepted": 1, "accepted_with_remarks": 0, "rejected": 1, "held": 0, "not_kept": 1,
    }  # fmt: skip
    answer = await entrance.client.get(f"/lists/{list_id}/lines", params={"after": 2}, headers=SENDER)
    assert answer.json() == {
        "lines": [
            {"line": 3, "verdict": "rejected", "findings": [
                {"field": "nom", "rule": "MISSING_FIELD", "sentence": "Un champ obligatoire est vide : complétez-le."}]},
            {"line": 4, "verdict": "not_kept", "findings": [
                {"field": "date_naissance", "rule": "UNDER_16",
                 "sentence": "La personne a moins de 16 ans à la date de référence : comptée, jamais conservée."}]},
        ]
    }  # fmt: skip
    only = await entrance.client.get(f"/lists/{list_id}/lines", params={"verdict": "accepted", "limit": 1}, headers=SENDER)
    assert [line["line"] for line in only.json()["lines"]] == [2]


async def test_of_a_complete_list_what_came_of_those_who_are_missing_is_shown(entrance: Entrance) -> None:
    for list_id, eleves in ((FIRST, (ENROLLED_ELEVE, STAYS)), (SECOND, (STAYS,))):
        on = date(2026, 1, 1) if list_id == FIRST else date(2026, 1, 31)
        await entrance.house.send(list_id, eleves_xml(*eleves), list_format="siecle", reference_date=on)
        await entrance.house.read_all()
    first, second = [(await entrance.client.get(f"/lists/{list_id}", headers=SENDER)).json()["absences"] for list_id in (FIRST, SECOND)]
    assert first == [{"uai": UAI, "earlier": 0, "missing": 0, "doubtful": 0, "outcome": "concluded"}]
    assert second == [{"uai": UAI, "earlier": 2, "missing": 1, "doubtful": 0, "outcome": "concluded"}]


async def test_the_same_list_again_has_the_same_answer_and_its_id_is_not_anothers(entrance: Entrance) -> None:
    list_id = uuid4()
    first, again = await entrance.put(leavers_csv(leaver()), list_id=list_id), await entrance.put(leavers_csv(leaver()), list_id=list_id)
    assert (first.status_code, first.content) == (again.status_code, again.content)
    other = await entrance.put(leavers_csv(leaver(nom="ARBELIN")), list_id=list_id)
    assert other.status_code == 422


@pytest.mark.parametrize(
    ("body", "list_format", "status", "rule"),
    [
        (b"", "csv", 422, "EMPTY_LIST"),
        (b"PK\x03\x04broken", "siecle", 422, "ARCHIVE_BROKEN"),
        (b"<!DOCTYPE x><BEE_ELEVES/>", "siecle", 422, "DOCTYPE_REFUSED"),
        (leavers_csv(leaver()).decode().encode("iso-8859-15"), "csv", 422, "ENCODING"),
        (leavers_csv(leaver(uai=OTHER_UAI)), "csv", 403, "OUT_OF_MANDATE"),
        (b"x" * (64 * 1024 * 1024 + 1), "csv", 413, "TOO_LARGE"),
    ],
    ids=["empty", "truncated zip", "DOCTYPE", "ISO-8859-15 undeclared", "another establishment", "too large"],
)  # fmt: skip
async def test_a_file_is_refused_with_its_rule_and_only_that_is_kept(
    entrance: Entrance, body: bytes, list_format: str, status: int, rule: str
) -> None:
    refused = await entrance.put(body, list_format=list_format)
    assert (refused.status_code, refused.json()["rule"]) == (status, rule)
    assert refused.headers["content-type"] == "application/problem+json"
    assert await entrance.house.pool.fetchval("select count(*) from lists") == 0
    assert LEAVER["nom"] not in refused.text


@pytest.mark.parametrize(
    ("on", "status"), [("2026-02-02", 202), ("2026-02-03", 422), ("2033-01-01", 422), ("9999-12-31", 422), ("1700-01-01", 422)]
)
async def test_no_list_describes_a_day_to_come(entrance: Entrance, on: str, status: int) -> None:
    answer = await entrance.put(leavers_csv(leaver()), on=on)
    assert answer.status_code == status, "who is under 16 today is never taken for older by a date"
    assert answer.json().get("rule") == ("REFERENCE_DATE" if status == 422 else None)


async def test_no_question_ends_as_an_error_of_ours(entrance: Entrance) -> None:
    list_id = uuid4()
    await entrance.put(leavers_csv(leaver()), list_id=list_id)
    for after in (2**31, 99999999999, -1):
        assert (await entrance.client.get(f"/lists/{list_id}/lines?after={after}", headers=SENDER)).status_code == 422
    for after in ("%00", "person-1", "x"):
        assert (await entrance.client.post(f"/rules/siei/1/undo?after={after}", headers=token("ops"))).status_code == 422


async def test_no_token_the_wrong_role_and_no_establishment_are_refused(entrance: Entrance) -> None:
    assert (await entrance.put(leavers_csv(leaver()), headers={})).status_code == 401
    for role in ("adviser", "ops", "platform", "analyst", "recipient"):
        assert (await entrance.put(leavers_csv(leaver()), headers=token(role, uai=UAI))).status_code == 403
    assert (await entrance.put(leavers_csv(leaver()), headers=token("sender"))).status_code == 403
    assert (await entrance.client.get("/figures", headers=SENDER)).status_code == 403


async def test_another_establishment_does_not_see_the_list(entrance: Entrance) -> None:
    list_id = uuid4()
    await entrance.put(leavers_csv(leaver()), list_id=list_id)
    stranger = token("sender", uai=OTHER_UAI)
    for path in (f"/lists/{list_id}", f"/lists/{list_id}/lines", f"/lists/{uuid4()}"):
        assert (await entrance.client.get(path, headers=stranger)).status_code == 404


async def test_the_figures_are_those_of_the_projections(entrance: Entrance) -> None:
    answer = await entrance.client.get("/figures", headers=token("analyst"))
    assert answer.json() == {
        "lists": 0, "lines": 0, "accepted": 0, "accepted_with_remarks": 0, "rejected": 0, "held": 0, "not_kept": 0, "detections": 0,
        "withdrawn": 0, "by_flags": {"l313_7_only": 0, "obligation_only": 0, "both": 0},
        "complete": False, "sources": 0, "held_lists": 0, "silent": [], "missed": [],
    }  # fmt: skip


async def test_limits_of_questions_hold(entrance: Entrance) -> None:
    list_id = uuid4()
    await entrance.put(leavers_csv(leaver()), list_id=list_id)
    for params in ({"limit": 10**9}, {"after": -1}, {"verdict": "fine"}):
        assert (await entrance.client.get(f"/lists/{list_id}/lines", params=params, headers=SENDER)).status_code == 422


async def test_intake_does_not_start_without_its_keys(fresh_database: FreshDatabase, tmp_path: Path) -> None:
    short = tmp_path / "short.key"
    short.write_text(base64.b64encode(b"short").decode())
    async with house(fresh_database) as opened:
        for key_file in (None, short):
            with pytest.raises(KeysMissing):
                build(basics_of(opened, key_file))


async def test_a_body_in_two_spans_and_how_far_it_is(entrance: Entrance) -> None:
    body, list_id, stranger = leavers_csv(*(leaver(adresse="x" * 3900) for _ in range(300))), uuid4(), token("sender", uai=OTHER_UAI)
    size, params = len(body), {"format": "csv", "reference_date": "2026-01-31"}

    async def put(first: int, end: int) -> httpx.Response:
        headers = {**SENDER, "Content-Range": f"bytes {first}-{end - 1}/{size}"}
        return await entrance.client.put(f"/lists/{list_id}", params=params, content=body[first:end], headers=headers)

    path = f"/lists/{list_id}/upload"
    assert (await entrance.client.get(path, headers=SENDER)).status_code == 404
    assert (await put(0, size - 1)).json() == {"list_id": str(list_id), "sender": UAI, "status": "receiving", "received": 1 << 20}
    assert (await entrance.client.get(path, headers=SENDER)).json() == {"list_id": str(list_id), "received": 1 << 20, "whole": False}
    assert (await entrance.client.get(path, headers=stranger)).status_code == 404
    assert (await entrance.client.get(f"/lists/{list_id}", headers=SENDER)).status_code == 404
    elsewhere = await put(7, size)
    assert (elsewhere.status_code, elsewhere.json()["rule"]) == (409, "OTHER_OFFSET")
    assert (await put(1 << 20, size)).json()["status"] == "received"
    assert (await entrance.client.get(path, headers=SENDER)).json() == {"list_id": str(list_id), "received": size, "whole": True}


@pytest.mark.parametrize("said", ["bytes 0-1", "bytes 5-4/9", "bytes 0-9/9", "bytes=0-1/2", "bytes 0-1/*", "lines 0-1/2"])
async def test_a_span_that_is_none_is_refused(entrance: Entrance, said: str) -> None:
    refused = await entrance.put(b"x", headers={**SENDER, "Content-Range": said})
    assert (refused.status_code, refused.json()["rule"]) == (400, "BAD_RANGE")


async def test_verdicts_as_csv_are_their_senders_and_ops(entrance: Entrance) -> None:
    list_id = uuid4()
    await entrance.house.send(list_id, leavers_csv(leaver(), leaver(nom=""), leaver(date_naissance="2012-01-01")))
    await entrance.house.read_all()
    path = f"/lists/{list_id}/verdicts.csv"
    answer = await entrance.client.get(path, headers=SENDER)
    assert answer.headers["content-type"] == "text/csv; charset=utf-8" and answer.content.startswith(b"\xef\xbb\xbf")
    rows = list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig")), delimiter=";"))
    assert [(one["ligne"], one["verdict"], one["champ"], one["règle"]) for one in rows] == [
        ("2", "acceptée", "", ""), ("3", "rejetée", "nom", "MISSING_FIELD"), ("4", "non conservée", "date_naissance", "UNDER_16"),
    ]  # fmt: skip
    assert LEAVER["ine"] not in answer.text and LEAVER["nom"] not in answer.text
    assert (await entrance.client.get(path, headers=OPS)).status_code == 200
    assert (await entrance.client.get(path, headers=token("sender", uai=OTHER_UAI))).status_code == 404


async def test_a_uai_is_looked_up_on_the_lists_day_in_the_directory_that_the_settings_name(
    fresh_database: FreshDatabase, tmp_path: Path
) -> None:
    """On the day itself, and on that before; and whether the file says that it has everybody."""
    file, key_file = tmp_path / "directory.csv", tmp_path / "identity.key"
    file.write_text(f"uai;since;until\n{UAI};1990-09-01;2026-01-31\n", encoding="utf-8")
    key_file.write_text(base64.b64encode(bytes(32)).decode())
    async with house(fresh_database) as opened:
        basics = basics_of(opened, key_file)
        found = []
        for complete, place, day in (
            (False, UAI, 30), (False, UAI, 31), (False, OTHER_UAI, 30), (True, OTHER_UAI, 31),
        ):  # fmt: skip
            named = replace(basics, settings=replace(basics.settings, directory_file=file, directory_complete=complete))
            list_id = uuid4()
            await opened.send(list_id, leavers_csv(leaver(uai=place)), sender=place, reference_date=date(2026, 1, day))
            while await replace(opened.reader, desk=desk_of(named)).read_next():
                pass
            found += [rules for _, _, rules in await opened.verdicts(list_id)]
        assert found == [(), ("UAI_CLOSED",), (), ("UAI_UNKNOWN",)]
        file.write_text("name\nLycée\n", encoding="utf-8")
        with pytest.raises(BadSettings, match="DIRECTORY_FILE is no directory of establishments"):
            desk_of(named)
