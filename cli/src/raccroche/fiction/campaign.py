"""A whole country's enrolments of two years, diplomas and young people already followed, as files, with what is true of them.

Every thousand people hold the same cases (`CASES`), so the truth is counted by multiplication, never by reading a file. Names
are invented, no two people share both of theirs but where a case wants it; the same size and seed give the same bytes.
"""

from dataclasses import asdict, dataclass
from datetime import date
from itertools import accumulate
from pathlib import Path
from typing import Literal

import duckdb

REFERENCE = date(2026, 11, 2)
THOUSAND = 1000
MOST_PEOPLE = 9_000_000
NEWCOMERS = 92
"""Per thousand people of last year, those who are enrolled for the first time this year."""

Age = Literal["under", "minor", "adult", "old"]


@dataclass(frozen=True, kw_only=True)
class Case:
    """One way through two years. share: of a thousand people. end: what must come of each line of last year."""

    name: str
    share: int
    age: Age
    end: Literal["under_16", "still_enrolled", "review", "followed", "not_dropout", "dropout"]


CASES = (
    Case(name="adult", share=4, age="adult", end="dropout"),
    Case(name="minor", share=3, age="minor", end="dropout"),
    Case(name="minor_with_diploma", share=1, age="minor", end="dropout"),
    Case(name="adult_with_dnb", share=1, age="adult", end="dropout"),
    Case(name="left_this_year", share=1, age="adult", end="dropout"),
    Case(name="graduate", share=80, age="adult", end="not_dropout"),
    Case(name="too_old", share=2, age="old", end="not_dropout"),
    Case(name="short", share=1, age="adult", end="not_dropout"),
    Case(name="followed", share=4, age="adult", end="followed"),
    Case(name="followed_without_ine", share=1, age="minor", end="followed"),
    Case(name="other_ine", share=1, age="adult", end="review"),
    Case(name="other_birth", share=1, age="minor", end="review"),
    Case(name="other_names", share=1, age="adult", end="review"),
    Case(name="no_commune", share=1, age="minor", end="review"),
    Case(name="homonyms", share=1, age="adult", end="review"),
    Case(name="accents", share=20, age="minor", end="still_enrolled"),
    Case(name="renamed", share=10, age="adult", end="still_enrolled"),
    Case(name="no_ine_before", share=15, age="minor", end="still_enrolled"),
    Case(name="no_ine_now", share=15, age="adult", end="still_enrolled"),
    Case(name="no_ine_at_all", share=5, age="minor", end="still_enrolled"),
    Case(name="listed_twice", share=10, age="minor", end="still_enrolled"),
    Case(name="stays", share=367, age="minor", end="still_enrolled"),
    Case(name="stays_with_diploma", share=50, age="adult", end="still_enrolled"),
    Case(name="under_16", share=400, age="under", end="under_16"),
    Case(name="under_16_left", share=5, age="under", end="under_16"),
)


@dataclass(frozen=True, kw_only=True)
class Truth:
    """Lines of the files, what each line of somebody seen must come to (the two flags: people), and how many people dropped out."""

    previous: int
    current: int
    diplomas: int
    followed_file: int
    under_16: int
    still_enrolled: int
    review: int
    followed: int
    not_dropout: int
    dropout_lines: int
    dropouts: int
    l313_7: int
    obligation_formation: int

    def document(self) -> dict[str, int]:
        return asdict(self)


@dataclass(frozen=True, kw_only=True)
class Files:
    """Where they were written, and the truth."""

    previous: Path
    current: Path
    diplomas: Path
    followed: Path
    truth: Truth


def truth_of(people: int) -> Truth:
    """Counted from the cases alone."""
    thousands = people // THOUSAND
    by_end = {end: sum(case.share for case in CASES if case.end == end) * thousands for end in
              ("under_16", "still_enrolled", "review", "followed", "not_dropout", "dropout")}  # fmt: skip
    share = {case.name: case.share * thousands for case in CASES}
    current = (
        by_end["still_enrolled"] + share["under_16"] + share["left_this_year"] + by_end["review"] + share["homonyms"] + share["adult"]
        + NEWCOMERS * thousands
    )  # fmt: skip
    return Truth(
        previous=people + share["listed_twice"],
        current=current,
        diplomas=share["graduate"] + share["minor_with_diploma"] + share["adult_with_dnb"] + share["stays_with_diploma"],
        followed_file=by_end["followed"],
        under_16=by_end["under_16"],
        still_enrolled=by_end["still_enrolled"] + share["listed_twice"],
        review=by_end["review"],
        followed=by_end["followed"],
        not_dropout=by_end["not_dropout"],
        dropout_lines=by_end["dropout"] + share["left_this_year"],
        dropouts=by_end["dropout"],
        l313_7=by_end["dropout"] - share["minor_with_diploma"],
        obligation_formation=share["minor"] + share["minor_with_diploma"],
    )


def write(folder: Path, *, people: int, seed: int) -> Files:
    """Write the four files.

    Raises:
        ValueError: the size is no multiple of a thousand, or too large for the invented names.
    """
    if people % THOUSAND or not 0 < people <= MOST_PEOPLE:
        raise ValueError(f"people come by the thousand, up to {MOST_PEOPLE:,}")
    folder.mkdir(parents=True, exist_ok=True)
    files = {name: folder / f"{name}.csv" for name in ("previous", "current", "diplomas", "followed")}
    with duckdb.connect() as connection:
        connection.execute(f"set threads = 2; {MACROS.format(seed=seed % MOST_PEOPLE, reference=REFERENCE, case=_case(), age=_age())}")
        for name, query in (("previous", PREVIOUS), ("current", CURRENT), ("diplomas", DIPLOMAS), ("followed", FOLLOWED)):
            written = query.format(people=people, newcomers=people // THOUSAND * NEWCOMERS, reference=REFERENCE)
            connection.execute(f"copy ({written}) to '{files[name]}' (format csv, delimiter ';', header true)")
    return Files(**files, truth=truth_of(people))


def _case() -> str:
    """The case of a place among a thousand, as SQL."""
    ends = accumulate(case.share for case in CASES)
    return "case " + " ".join(f"when place < {end} then '{case.name}'" for case, end in zip(CASES, ends, strict=True)) + " end"


def _age() -> str:
    """Whole years on the reference date, spread over the ages that the case may have."""
    years = {"under": (11, 5), "minor": (16, 2), "adult": (18, 8), "old": (26, 4)}
    chosen = [f"when '{case.name}' then {years[case.age][0]} + i // 1000 % {years[case.age][1]}" for case in CASES]
    return f"case name {' '.join(chosen)} else 11 + i % 5 end"


MACROS = """
create macro pick(words, n) as words[1 + (n)::bigint % len(words)];
create macro heads() as ['zor', 'quel', 'brav', 'ghyl', 'vork', 'plix', 'drez', 'skol', 'trem', 'fyrn', 'gwaz', 'jurv', 'klem', 'mroz',
  'nyx', 'pszal', 'rhuv', 'snyg', 'tweg', 'vlad', 'wurz', 'xam', 'yvr', 'zhul', 'cruv', 'dwin', 'fluz', 'grib', 'hjal', 'kvist'];
create macro hearts() as ['évo', 'ami', 'oub', 'ika', 'uro', 'èni', 'ypé', 'alu', 'iro', 'ebo', 'oda', 'uvi', 'are', 'omi', 'ézu', 'ina',
  'oxa', 'udé', 'ity', 'ake', 'owi', 'emu', 'iba', 'ugo', 'azi', 'opi', 'uke', 'éto', 'iwa', 'ydo'];
create macro tails() as ['d', 'k', 'l', 'm', 'n', 'r', 's', 't', 'x', 'z', 'rd', 'lm', 'nk', 'rt', 'sk', 'lt', 'nd', 'rz', 'ks', 'lz',
  'ntz', 'rsk', 'lb', 'mb', 'rg', 'ng', 'lf', 'rf', 'ch', 'rch'];
create macro ends() as ['a', 'o', 'el', 'in', 'ys', 'ane', 'il', 'ora', 'ev', 'und', 'ix', 'ope'];
create macro number(i) as ((i) + {seed}) % 9720000 * 7654321 % 9720000;
create macro capital(word) as upper(word[1]) || word[2:];
create macro family(k) as capital(pick(heads(), k) || pick(hearts(), (k) // 30) || pick(tails(), (k) // 900));
create macro given(k) as capital(pick(heads(), (k) // 27000) || pick(ends(), (k) // 810000));
create macro ine(i) as lpad(((((i) + {seed}) * 7919) % 1000000000)::varchar, 9, '0')
  || pick(['A', 'B', 'C', 'D', 'E', 'F', 'G', 'H', 'J', 'K'], (i)) || pick(['A', 'B', 'C', 'D', 'E', 'F', 'G', 'H', 'J', 'K'], (i) // 10);
create macro departement(i) as case when (i) % 94 < 19 then (i) % 94 + 1 else (i) % 94 + 2 end;
create macro uai_digits(i) as departement(i) * 10000 + (i) // 94 % 120;
create macro uai(i) as lpad(uai_digits(i)::varchar, 7, '0') || 'ABCDEFGHJKLMNPRSTUVWXYZ'[1 + uai_digits(i) % 23];
create macro plain(name) as upper(strip_accents(replace(name, '-', ' ')));
create macro formation(i) as pick(['2GT', '1G', 'CAP1', 'CAP2', '2PRO', '1PRO', 'TPRO', '1STMG', 'BTS1', 'BTS2'], (i) // 7);
create macro persons(since, count) as table
  select i, name, ine(i) as ine, family(k) as nom, given(k) || case when name = 'accents' then '-Ève' else '' end as prenom, k,
    (date '{reference}' - to_years(({age})::integer) - to_days((i * 37 % 364)::integer))::date as birth,
    lpad((departement(i // 3) * 1000 + i % 900)::varchar, 5, '0') as commune
  from (select i, number(i) as k, {case} as name
    from (select i, (i * 7919 + {seed}) % 1000 as place from range(since, since + count) r(i)));
"""

LINE = "ine, nom, prenom, birth as date_naissance, commune as commune_naissance"

PREVIOUS = """
select uai(i + copy) as uai, case when name in ('no_ine_before', 'no_ine_at_all', 'no_commune', 'homonyms') then '' else ine end as ine,
  nom, prenom, birth as date_naissance, commune as commune_naissance, formation(i) as formation,
  case name when 'short' then date '2026-06-22' else date '2025-09-01' end as date_entree,
  case name when 'short' then date '2026-06-30' else null end as date_sortie
from (select p.*, unnest(case name when 'listed_twice' then [0, 1] else [0] end) as copy from persons(0, {people}) p)
"""

CURRENT = """
with old as (select * from persons(0, {people}) where name not in ('under_16_left', 'minor', 'minor_with_diploma', 'adult_with_dnb',
    'graduate', 'too_old', 'short', 'followed', 'followed_without_ine')),
told as (
  select i, name,
    case when name in ('no_ine_now', 'no_ine_at_all') then '' when name in ('other_ine', 'adult') then ine(i + 50000000)
      when name = 'homonyms' then ine(i + 60000000 + copy * 10000000) else ine end as ine,
    case name when 'accents' then plain(nom) when 'no_ine_now' then plain(nom) when 'renamed' then family(k + 1)
      when 'other_names' then family(k + 1) else nom end as nom,
    case name when 'accents' then plain(prenom) when 'adult' then given(k + 27000) when 'other_names' then given(k + 27000) else prenom end
      as prenom,
    case name when 'other_birth' then birth - 1 else birth end as birth,
    case name when 'no_commune' then '' else commune end as commune
  from (select o.*, unnest(case name when 'homonyms' then [0, 1] else [0] end) as copy from old o)
  union all
  select i, 'new', ine, nom, prenom, birth, commune
  from (select i, ine(i) as ine, family(number(i)) as nom, given(number(i)) as prenom, commune,
    (date '{reference}' - to_years((11 + i % 5)::integer) - to_days((i * 37 % 364)::integer))::date as birth
    from persons({people}, {newcomers}))
)
select uai(i + 1) as uai, ine, nom, prenom, birth as date_naissance, commune as commune_naissance, formation(i + 1) as formation,
  date '2026-09-01' as date_entree, case name when 'left_this_year' then date '2026-10-05' else null end as date_sortie
from told
"""

DIPLOMAS = f"""
select {LINE}, case name when 'adult_with_dnb' then '03' else '08' end as diplome_obtenu, date '2026-07-05' as date_obtention
from persons(0, {{people}})
where name in ('graduate', 'minor_with_diploma', 'adult_with_dnb', 'stays_with_diploma')
"""

FOLLOWED = """
select case name when 'followed_without_ine' then '' else ine end as ine,
  case name when 'followed_without_ine' then plain(nom) else nom end as nom, prenom, birth as date_naissance, commune as commune_naissance
from persons(0, {people}) where name in ('followed', 'followed_without_ine')
"""
