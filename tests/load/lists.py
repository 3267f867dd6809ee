"""A national SIFA census, sent and read to its last verdict, beside the parsing of the same bytes and nothing else."""

import io
import statistics
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import date, timedelta
from random import Random
from uuid import uuid4

from intake_house import MIGRATIONS, entered
from intake_house import House as Intake

from chassis import garbage
from chassis.provision import Database, chassis_migrations, keyring_migrations
from intake.formats import ADAPTERS
from intake.reader import LINES_AT_ONCE
from load.house import House
from load.measuring import Row, in_turns
from raccroche.fiction import identifiers, names, sifa
from raccroche.fiction.lines import Line
from raccroche.fiction.vocabulary import Dirt, ListName

LINES = 200_000
UAI = "0440074S"
REFERENCE = date(2025, 12, 31)
ASKED_SECONDS = 30.0
ROUNDS = 3


async def rows(house: House) -> list[Row]:
    body = census_of(LINES)
    garbage.look_seldom()  # as a service does when it is up
    took: dict[str, list[float]] = {"sent": [], "read": []}

    async def ours() -> float:
        async with _intake(house) as intake:
            began = time.perf_counter()
            await intake.send(uuid4(), body, list_format="sifa", sender=UAI, reference_date=REFERENCE)
            sent = time.perf_counter()
            await intake.read_all()
            read = time.perf_counter()
            closed = await intake.pool.fetchval("select accepted + rejected + not_kept from lists where closed_at is not null")
            if closed != LINES:
                raise RuntimeError(f"{closed} verdicts for {LINES} lines")
            took["sent"].append(sent - began)
            took["read"].append(read - sent)
            return LINES / (read - began)

    async def theirs() -> float:
        began = time.perf_counter()
        parsed = sum(1 for _ in ADAPTERS["sifa"].read(io.BytesIO(body)))
        return parsed / (time.perf_counter() - began)

    parsing = "parsing the same bytes, once, and nothing else"
    name = f"a SIFA census of {LINES:,} lines, from its first byte to its last verdict"
    found = await in_turns(name, "lines/s", ours, parsing, theirs, rounds=ROUNDS)
    seconds = statistics.median(a + b for a, b in zip(*took.values(), strict=True))
    whole = Row(name=f"{name} (2)", unit="s", value=seconds, floor=f"< {ASKED_SECONDS:.0f} s", reached=seconds < ASKED_SECONDS)
    return [found, whole, *(_share(name, side, seconds_of) for side, seconds_of in took.items())]


def _share(name: str, side: str, seconds: list[float]) -> Row:
    return Row(name=f"{name}: {side}", unit="s", value=statistics.median(seconds))


@asynccontextmanager
async def _intake(house: House) -> AsyncIterator[Intake]:
    """An intake with databases of its own, for one round."""
    intake = await house.database_like(Database(name="intake", migrations=(chassis_migrations(), MIGRATIONS)))
    keyring = await house.database_like(Database(name="keyring", migrations=(keyring_migrations(),), login_roles=("app",)))
    try:
        async with entered(intake["app"], keyring["app"]) as opened:
            yield replace(opened, reader=replace(opened.reader, lines_at_once=LINES_AT_ONCE))  # as in life; its tests take fewer
    finally:
        for dsns in (intake, keyring):
            await house.drop(dsns)


def census_of(count: int, seed: int = 7) -> bytes:
    """So many apprentices of one body; every hundredth line is broken, one in fifty is under 16."""
    chance = Random(seed)
    return sifa.census([_line(number, chance) for number in range(count)])


def _line(number: int, chance: Random) -> Line:
    born = date(2001, 1, 1) + timedelta(days=chance.randrange(3200)) if number % 50 else date(2011, 6, 1)
    return Line(
        where=ListName.CFA_CENSUS, key=str(number), uai=UAI, ine=identifiers.ine_of(number, chance), family_name=names.family_name(number),
        first_name=names.first_name(chance), birth_date=born, birth_commune="44109", sex=chance.choice("12"),
        phone=identifiers.phone_of(number, chance), email=f"apprenti{number}@exemple.fr", address=f"{number % 90 + 1} rue des Essais",
        postcode="44600", commune="Saint-Nazaire", guardian_family_name="", guardian_first_name="", guardian_phone="", guardian_email="",
        formation="", diploma="03", motive="", entry=date(2025, 9, 1), exit=None,
        broken=Dirt.TOO_FEW_COLUMNS if number % 100 == 1 else Dirt.NONE,
    )  # fmt: skip
