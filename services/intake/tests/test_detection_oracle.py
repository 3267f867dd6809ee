"""The rule against an oracle of another make: the same conditions as SQL over tables, for thousands of random facts near every boundary."""

import sqlite3
from collections import Counter
from datetime import date, timedelta
from random import Random

import pytest
from intake_specimens import OTHER_UAI, UAI

from intake.domain.apprenticeship import Contract
from intake.domain.detection import SIEI_V1, SIEI_V2, Enrolment, Facts, Rule, flags_of

ON = date(2026, 1, 31)
EDGES = (0, 1, 2, 13, 14, 15, 16, 17, 88, 89, 90, 91, 92, 178, 179, 180, 181, 182, 400)
PLACES = (UAI, OTHER_UAI, "0331234X")
FORMATIONS = ("50022141", "24725214311", "24725214321", "24725214331", None)

TABLES = """
create table person (id, uai, formation, start, left_on, day, age, absent_as_of, last_seen);
create table enrolment (id, uai, formation, start, until, apprentice, as_of);
create table contract (id, uai, start, until, broken_on);
create table diploma (id, code);
"""

ORACLE = """
with other as (
  select e.*, p.left_on, p.day, not (
    e.uai = p.uai and coalesce(e.start < p.left_on, true) and case when p.absent_as_of is null
      then e.formation is null or p.formation is null or e.formation = p.formation else coalesce(e.as_of < p.absent_as_of, true) end
  ) as elsewhere from enrolment e join person p using (id)
), ended as (
  select c.id, c.uai, c.start, p.day, p.left_on, p.uai as left_uai,
    min(coalesce(date(c.until, '+1 day'), '9999-12-31'), coalesce(c.broken_on, '9999-12-31')) as over_on
  from contract c join person p using (id)
), counted as (
  select *, start <= day as begun, over_on <= day as over from ended
  where not (uai = left_uai and start < left_on and not (start <= day and over_on > day))
), judged as (
  select p.*,
    coalesce(julianday(min(p.left_on, coalesce(p.last_seen, p.left_on))) - julianday(p.start) >= 15, false) as c1,
    p.age >= 16 and p.age < 26 as c2,
    not exists (select 1 from other o where o.id = p.id and o.elsewhere and not o.apprentice and coalesce(o.until > o.left_on, true)) as c3,
    case
      when exists (select 1 from counted k where k.id = p.id and k.begun and not k.over) then false
      when exists (select 1 from counted k where k.id = p.id and k.begun)
        then (select julianday(p.day) - julianday(max(over_on)) + 1 > 180 from counted k where k.id = p.id and k.begun)
      when exists (select 1 from counted k where k.id = p.id) then false
      else coalesce((select julianday(p.day) - julianday(max(o.start)) + 1 > 90 from other o
                     where o.id = p.id and o.elsewhere and o.apprentice and o.start is not null), true)
    end as c3_apprentice,
    not exists (select 1 from diploma d where d.id = p.id and d.code not in ('', '01', '02', '03', '99') and not (
      :discount and d.code in ('04', '05') and coalesce(p.formation, '') glob '247?????[0-9][0-9]*'
      and substr(p.formation, 10, 1) < substr(p.formation, 9, 1)
    )) as c4
  from person p
)
select id, c1 and c2 and c3 and c3_apprentice and c4, age >= 16 and age < 18 and c3 and c3_apprentice from judged order by id
"""


def near(random: Random, day: date, *, later: bool = False) -> date:
    return day + random.choice((1, -1) if later else (-1,)) * timedelta(days=random.choice(EDGES))


def maybe(random: Random, day: date, *, later: bool = False, share: float = 0.7) -> date | None:
    return near(random, day, later=later) if random.random() < share else None


def facts(random: Random) -> Facts:
    left_on = near(random, ON)
    absent = random.random() < 0.4
    return Facts(
        left=Enrolment(uai=UAI, formation=random.choice(FORMATIONS), start=maybe(random, left_on, share=0.9), end=left_on),
        left_on=left_on, on=ON, age=random.choice((15, 16, 17, 18, 19, 25, 26)),
        others=tuple(enrolment(random, left_on) for _ in range(random.choice((0, 0, 1, 1, 2)))),
        diplomas=frozenset(random.sample(("", "01", "02", "03", "99", "04", "05", "06", "13"), random.choice((0, 0, 1, 2)))),
        contracts=tuple(contract(random) for _ in range(random.choice((0, 0, 0, 1, 2)))),
        absent_as_of=left_on if absent else None, last_seen=maybe(random, left_on, share=0.9) if absent else None,
    )  # fmt: skip


def enrolment(random: Random, left_on: date) -> Enrolment:
    return Enrolment(
        uai=random.choice(PLACES), formation=random.choice(FORMATIONS), start=maybe(random, left_on, later=True, share=0.9),
        end=maybe(random, left_on, later=True), apprentice=random.random() < 0.3, as_of=random.choice((None, *(left_on + timedelta(days=n) for n in (-1, 0, 1)))),
    )  # fmt: skip


def contract(random: Random) -> Contract:
    start = near(random, ON, later=True)
    return Contract(
        uai=random.choice(PLACES), start=start, end=maybe(random, ON, later=True), broken_on=maybe(random, ON, later=True, share=0.4)
    )


def iso(*cells: object) -> tuple[object, ...]:
    return tuple(cell.isoformat() if isinstance(cell, date) else cell for cell in cells)


def by_sql(many: list[Facts], rule: Rule) -> list[tuple[bool, bool]]:
    database = sqlite3.connect(":memory:")
    database.executescript(TABLES)
    for n, one in enumerate(many):
        left = one.left
        database.execute(
            "insert into person values (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            iso(n, left.uai, left.formation, left.start, one.left_on, one.on, one.age, one.absent_as_of, one.last_seen),
        )
        database.executemany(
            "insert into enrolment values (?, ?, ?, ?, ?, ?, ?)",
            [iso(n, e.uai, e.formation, e.start, e.end, e.apprentice, e.as_of) for e in one.others],
        )
        database.executemany(
            "insert into contract values (?, ?, ?, ?, ?)", [iso(n, c.uai, c.start, c.end, c.broken_on) for c in one.contracts]
        )
        database.executemany("insert into diploma values (?, ?)", [(n, code) for code in one.diplomas])
    rows = database.execute(ORACLE, {"discount": rule.cap_holder == "dropout_before_terminale"}).fetchall()
    return [(bool(l313_7), bool(obligation)) for _, l313_7, obligation in rows]


@pytest.mark.parametrize("rule", [SIEI_V1, SIEI_V2], ids=["version 1", "version 2"])
@pytest.mark.parametrize("seed", [1, 2])
def test_the_rule_and_the_sql_agree_on_random_facts(rule: Rule, seed: int) -> None:
    random = Random(seed)
    many = [facts(random) for _ in range(4000)]
    ours = [(flags.l313_7, flags.obligation_formation) for flags in (flags_of(one, rule) for one in many)]
    expected = by_sql(many, rule)
    assert [(one, mine, theirs) for one, mine, theirs in zip(many, ours, expected, strict=True) if mine != theirs][:1] == []
    assert min(Counter(expected)[both] for both in ((False, False), (True, False), (False, True), (True, True))) > 50


def test_the_two_versions_differ_in_this_sample() -> None:
    random = Random(1)
    many = [facts(random) for _ in range(4000)]
    assert by_sql(many, SIEI_V1) != by_sql(many, SIEI_V2)
