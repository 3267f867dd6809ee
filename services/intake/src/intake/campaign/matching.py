"""Who is in last year's lists and in none of this year's: the cross-match by DuckDB, out of core, under intake's rule of identity.

The same, as `intake.identity` has it: INE, birth date and first given name agree, or both names, swapped; or, an INE lacking on one
side, folded names, birth date and commune of birth (through mergers) are equal and no second INE stands under them. A line of last
year without INE is of whoever has the one INE that stands under its names, birth date and commune. Less than that, but something (an
INE alone, names and birth date with a commune unstated, the same identity under another INE), goes to a human. Under-16s are counted
where they are read and left there.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import duckdb

from chassis.paris import age_on
from contracts.intake import SnapshotKind
from intake.campaign.folding import MACROS
from intake.campaign.snapshots import Snapshot, SnapshotRefused
from intake.cleaning import DIPLOMA, FIRST_YEAR, INE, LAST_YEAR, NO_INE
from intake.domain.detection import Rule
from intake.formats.csv_list import LEAVERS
from intake.identity import COMMUNE
from intake.reference.communes import communes, current_commune
from intake.validation import OLDEST

TWO_DIGITS = "|".join(f"{digit}{{1,2}}[^{digit}A-Z]" for digit in range(10))
"""How an INE begins of which the first three characters are no one digit."""
YEARS = {"first": FIRST_YEAR, "last": LAST_YEAR}
OF_A_FILE = (duckdb.InvalidInputException, duckdb.BinderException, duckdb.IOException, duckdb.ConversionException)
"""What DuckDB raises of a file; of the machine, it raises others."""


@dataclass(frozen=True, kw_only=True)
class Funnel:
    """What became of each line of somebody seen; these add up to `seen`."""

    seen: int
    unreadable: int
    under_16: int
    still_enrolled: int
    review: int
    followed: int
    not_dropout: int
    leavers: int


@dataclass(frozen=True, kw_only=True)
class Lines:
    """Of one file. read: those that were cut out of it, good or bad. unreadable: those of them of which nobody can be known."""

    read: int
    unreadable: int


@dataclass(frozen=True, kw_only=True)
class Match:
    """One campaign's cross-match on an open DuckDB.

    rule: whose thresholds the vectorised form (`DECIDE`) takes; the domain decides again on each person that it lets through.
    """

    connection: duckdb.DuckDBPyConnection
    snapshots: Mapping[SnapshotKind, Snapshot]
    reference: date
    rule: Rule

    def run(self) -> tuple[Funnel, dict[SnapshotKind, Lines]]:
        """The funnel, and what each file has of lines. What is left is read by `leavers` and `reviews`.

        Raises:
            SnapshotRefused: a file that is not what it says.
            duckdb.Error: the machine does not give what the match needs.
        """
        self._sql(MACROS)
        self._sql(HELPERS.format(ine=INE.pattern, no_ine=NO_INE.pattern, commune=COMMUNE.pattern, **YEARS, **self._days()))
        self._remember_mergers()
        self._read("current", ENROLLED)
        self._read("previous", SEEN)
        self._sql(TOLD_LAST_YEAR.format(**self._days()))
        for kind, query in BESIDE.items():
            self._read(kind, query) if kind in self.snapshots else self._sql(NOBODY.format(kind=kind))
        low = _quoted(self._low())
        self._find_near("seen", "enrolled")
        self._sql(ADOPTED)
        self._meet("seen", "enrolled")
        self._sql(ABSENT)
        self._find_near("absent", "followed")
        self._meet("absent", "followed")
        self._sql(UNSETTLED.format(low=low, **self._days()))
        self._find_near("unsettled", "diplomas", counted="absent")
        self._meet("unsettled", "diplomas")
        self._sql(DECIDE.format(low=low, enrolled_days=self.rule.enrolled_days, **self._days()))
        return self._counted()

    def _counted(self) -> tuple[Funnel, dict[SnapshotKind, Lines]]:
        lines = {kind: self._lines(kind) for kind in self.snapshots}
        unreadable = lines["previous"].unreadable
        over_16, under_16 = self._row(COUNTED.format(**self._days()))
        left, met, doubt, followed, not_dropout, leavers = self._row(FATES)
        funnel = Funnel(
            seen=over_16 + under_16 + unreadable, unreadable=unreadable, under_16=under_16,
            still_enrolled=over_16 - left + met, review=doubt, followed=followed, not_dropout=not_dropout, leavers=leavers,
        )  # fmt: skip
        return funnel, lines

    def _lines(self, kind: SnapshotKind) -> Lines:
        """Somebody without a birth date cannot be told from another."""
        bad = self._bad(kind)
        read, undated = self._row(f"select count(*), count(*) filter (birth is null) from {READ_AS[kind]}")
        return Lines(read=bad + read, unreadable=bad + undated)

    def leavers(self) -> Iterator[Sequence[tuple[str, ...]]]:
        """Lines of those who may be dropouts, cells as our CSV of leavers has them, some lines at a time.

        By person; of one day's exits the longest stay comes last and so is the one that counts.
        """
        cells = ", ".join(TOLD.get(name, "''") for name in LEAVERS)
        found = self.connection.execute(LEFT.format(cells=cells, low=_quoted(self.rule.low_diplomas)))
        while rows := found.fetchmany(5000):
            yield rows

    def reviews(self) -> Iterator[tuple[str, ...]]:
        """Lines that a human must look at: why, then the cells of the line."""
        found = self.connection.execute(REVIEWS)
        while rows := found.fetchmany(5000):
            yield from rows

    def _low(self) -> frozenset[str]:
        """Diplomas with which somebody may be a dropout; whether a CAP holder is one, the domain says from the formation."""
        may = self.rule.cap_diplomas if self.rule.cap_holder == "dropout_before_terminale" else frozenset[str]()
        return self.rule.low_diplomas | may

    def _remember_mergers(self) -> None:
        """Under which code each commune that is no longer one stands today."""
        gone = {code: into for code, times in communes().items() if times[-1].into and (into := current_commune(code)) != code}
        self.connection.execute(MERGED, [list(gone), list(gone.values())])

    def _read(self, kind: SnapshotKind, query: str) -> None:
        """Raises SnapshotRefused."""
        try:
            self._sql(query.format(scan=self.snapshots[kind].scan(), codes=DIPLOMA.pattern, two_digits=TWO_DIGITS, **self._days()))
        except OF_A_FILE as error:
            raise SnapshotRefused(f"{kind}: it cannot be read as what it is said to be ({type(error).__name__})") from None

    def _find_near(self, left: str, right: str, counted: str | None = None) -> None:
        """Whom of `right` lines of `left` may mean. counted: the lines in which several INE may stand under one identity, if not `left`."""
        self._sql(NEAR.format(left=left, right=right, counted=counted or left, **self._days()))

    def _meet(self, left: str, right: str) -> None:
        """What each line of `left` is to those near it."""
        self._sql(MET.format(left=left, right=right))

    def _days(self) -> dict[str, str]:
        """The dates between which a birth date gives an age; whole years by the civil calendar, as the domain counts them."""
        ages = {"from_16": self.rule.age_from, "from_18": self.rule.majority, "from_26": self.rule.age_before, "too_old": OLDEST + 1}
        return {"reference": self.reference.isoformat(), **{name: _born_by(age, self.reference).isoformat() for name, age in ages.items()}}

    def _bad(self, kind: SnapshotKind) -> int:
        if self.snapshots[kind].is_parquet:
            return 0
        return self._row(f"select count(distinct line) from bad_{kind}")[0]

    def _sql(self, statements: str) -> None:
        self.connection.execute(statements)

    def _row(self, query: str) -> tuple[int, ...]:
        row = self.connection.execute(query).fetchone()
        return tuple(row or ())


def _quoted(codes: frozenset[str]) -> str:
    return ", ".join(f"'{code}'" for code in sorted(codes))


def _born_by(age: int, on: date) -> date:
    """The latest birth date of somebody who is that old on that day."""
    day = date(on.year - age, on.month, min(on.day, 28)) + timedelta(days=5)
    while age_on(day, on) < age:
        day -= timedelta(days=1)
    return day


HELPERS = r"""
create or replace temp macro bare(cell) as regexp_replace(cell, '^[\s\p{{Z}}\x1c-\x1f\x{{85}}]+|[\s\p{{Z}}\x1c-\x1f\x{{85}}]+$', '', 'g');
create or replace temp macro plain_day(cell) as case when cell like '____-__-__' then try_cast(cell as date)
  when cell like '__/__/____' then try_strptime(cell, '%d/%m/%Y')::date end;
create or replace temp macro day_of(cell) as case when strlen(cell) = 10 then plain_day(cell) else plain_day(bare(cell)) end;
create or replace temp macro birth_of(day) as
  case when day > date '{too_old}' and day <= date '{reference}' and day <> date '1900-01-01' then day end;
create or replace temp macro believable(day) as case when day between date '{first}-01-01' and date '{last}-12-31' then day end;
create or replace temp macro place_of(cell) as case when regexp_full_match(cell, '{commune}') then cell
  when regexp_full_match(upper(bare(cell)), '{commune}') then upper(bare(cell)) end;
create or replace temp macro code_of(cell) as case when strlen(cell) = 11 then upper(cell)
  else upper(regexp_replace(cell, '[\s\p{{Z}}\x1c-\x1f\x{{85}}]+', '', 'g')) end;
create or replace temp macro ine_of(cell) as
  case when regexp_full_match(code_of(cell), '{ine}') and not regexp_full_match(code_of(cell), '(?:{no_ine}).*') then code_of(cell) end;
create or replace temp macro name_of(cell) as nullif(folded(cell), '');
"""
"""Cells are trimmed as those of lists are, by every kind of space; a name of which no letter is left is nobody's. A birth date, or
another day, that no list may tell is none.

Every INE has eleven characters, so a cell of eleven bytes holds one as it stands or none.
"""

MERGED = """
create or replace temp table merged as select unnest(?::varchar[]) as code, unnest(?::varchar[]) as today;
"""

ENROLLED = """
create temp table current_year as
select ine, nom, prenom, birth_of(day) as birth, commune,
  case when left_on is null or left_on > date '{reference}' or left_on < believable(day_of(date_entree)) then null
    else [uai, date_naissance, formation, date_entree, date_sortie] end as ended
from (select *, day_of(date_naissance) as day, case when date_sortie <> '' then believable(day_of(date_sortie)) end as left_on,
    commune_naissance as commune from {scan});

create temp view enrolled as select ine, nom, prenom, birth, commune, null::varchar as told from current_year where ended is null;

create temp table ended as
select ended[1] as uai, ine, nom, prenom, ended[2] as date_naissance, commune as commune_naissance, ended[3] as formation,
  ended[4] as date_entree, ended[5] as date_sortie, birth
from current_year where ended is not null;
"""

SEEN = """
create temp table previous_year as
with told as (
  select *, exists (
      select 1 from enrolled e where e.ine = p.ine and e.birth = p.birth and e.prenom = p.prenom and e.nom = p.nom
        and e.commune = p.commune_naissance and e.birth <= date '{from_16}' and strlen(e.ine) = 11
        and regexp_full_match(e.ine, '(?:{two_digits})[0-9]{{6,7}}[A-HJK]{{2}}')
        and (e.prenom between 'A' and '[' or e.prenom between 'a' and '{{')
    ) as plainly
  from (select * exclude (day), birth_of(day) as birth from (select *, day_of(date_naissance) as day from {scan})) p
)
select birth, case when birth <= date '{from_16}' and not plainly
    then [uai, ine, nom, prenom, date_naissance, commune_naissance, formation, date_entree, date_sortie] end as missing
from told;
"""
"""Last year's file is read once, and of who plainly goes on nothing but the birth date is kept, to be counted.

Plainly is less than the rule asks: the same in every cell, lest an INE go uncounted; and an INE that repeats itself, as placeholders
do, or a first name that begins with no plain letter, is left for the rule to look at.
"""

TOLD_LAST_YEAR = """
create temp table line_seen as
with lines as (
  select missing[1] as uai, missing[2] as ine_cell, missing[3] as nom, missing[4] as prenom, missing[5] as date_naissance,
    missing[6] as commune_naissance, missing[7] as formation, missing[8] as date_entree, missing[9] as date_sortie, birth
  from previous_year where missing is not null
  union all
  select uai, ine, nom, prenom, date_naissance, commune_naissance, formation, date_entree, date_sortie, birth
  from ended where birth <= date '{from_16}'
)
select lines.*, ine_of(ine_cell) as ine, name_of(nom) as family, name_of(prenom) as first,
  coalesce(merged.today, place_of(commune_naissance)) as commune
from lines left join merged on merged.code = place_of(commune_naissance);

create temp view seen as select rowid as id, * from line_seen;
"""

READ_AS: Mapping[SnapshotKind, str] = {
    "previous": "previous_year", "current": "current_year", "followed": "followed", "diplomas": "diplomas",
}  # fmt: skip

COUNTED = """
select count(*) filter (birth <= date '{from_16}'), count(*) filter (birth > date '{from_16}')
from (select birth from previous_year union all select birth from ended)
"""
"""Of everybody seen; who no longer comes this year is seen in this year's file too."""

BESIDE: Mapping[SnapshotKind, str] = {
    "followed": """
create temp table followed as
select ine, nom, prenom, birth_of(day) as birth, commune_naissance as commune, null::varchar as told
from (select *, day_of(date_naissance) as day from {scan});
""",
    "diplomas": """
create temp table diplomas as
select ine, nom, prenom, birth_of(day) as birth, commune_naissance as commune,
  case when regexp_full_match(trim(diplome_obtenu), '[0-9]|{codes}') then lpad(trim(diplome_obtenu), 2, '0') end as told
from (select *, day_of(date_naissance) as day from {scan});
""",
}
"""Who is followed already, and who holds a diploma; where there is no such file, nobody."""

NOBODY = """
create temp table {kind} (ine varchar, nom varchar, prenom varchar, birth date, commune varchar, told varchar);
"""

NEAR = """
create temp table near_{right} as
with placed as (
  select birth, coalesce(commune, '') as place from {left}
  union all
  select birth, '' from {left}
  union all
  select l.birth, m.code from {left} l join merged m on m.today = l.commune
),
unplaced as materialized (select distinct family, first, birth from {left} where commune is null),
old as not materialized (select *, place_of(commune) as place from {right} where birth <= date '{from_16}'),
perhaps as (
  select *, place_of(commune) as place from {right} where code_of(ine) in (select ine from {left} where ine is not null)
  union all
  select r.* from old r semi join placed p on r.birth = p.birth and coalesce(r.place, '') = p.place
  union all
  select r.* from (select * from old where birth in (select birth from unplaced)) r
    semi join unplaced p on r.birth = p.birth and name_of(r.nom) = p.family and name_of(r.prenom) = p.first
)
select ine_of(ine) as ine, birth, told, coalesce(merged.today, place) as commune, name_of(nom) as family, name_of(prenom) as first
from perhaps left join merged on merged.code = place;

create temp table ines_{right} as
with told as (
  select family, first, birth, commune, ine from {counted} union all select family, first, birth, commune, ine from near_{right}
)
select family, first, birth, commune, count(distinct ine) as ines, min(ine) as one
from told semi join (select birth, commune from told where ine is null) lacking
  on told.birth = lacking.birth and told.commune = lacking.commune
group by all;
"""
"""Near is whoever might be meant, some of them twice, which changes nothing; what each is to each is asked of these few only."""

ADOPTED = """
update line_seen set ine = told.one from ines_enrolled told
where line_seen.ine is null and told.ines = 1 and told.family = line_seen.family and told.first = line_seen.first
  and told.birth = line_seen.birth and told.commune = line_seen.commune;
"""
"""Somebody who was enrolled twice last year, once without INE, is one person, whatever this year says."""

MET = """
create temp table met_{right} as
select l.id, r.told,
  l.birth = r.birth and (l.first = r.first or l.family = r.first and l.first = r.family) as same
from {left} l join near_{right} r on l.ine = r.ine
union all
select l.id, r.told, (l.ine is null or r.ine is null) and l.commune = r.commune and one.ines <= 1 as same
from {left} l join near_{right} r on l.family = r.family and l.first = r.first and l.birth = r.birth
  and (l.ine is null or r.ine is null or l.ine <> r.ine)
  left join ines_{right} one on one.family = l.family and one.first = l.first and one.birth = l.birth and one.commune = l.commune
where l.commune = r.commune or ((l.commune is null or r.commune is null) and (l.ine is null or r.ine is null));

create temp table fate_{right} as
select id, bool_or(coalesce(same, false)) as same, list(told) filter (same and told is not null) as told,
  list(told) filter (not coalesce(same, false) and told is not null) as perhaps
from met_{right} group by id;
"""

ABSENT = """
create temp table absent as
select id, ine, family, first, prenom, birth, commune from seen anti join fate_enrolled using (id);
"""
"""Of many lines, so no more of each than is asked of them."""

UNSETTLED = """
create temp table unsettled as
select * from absent semi join fate_followed using (id)
union all
select * from absent a anti join fate_followed using (id) anti join (select * from diplomas where told not in ({low})) d
  on a.ine = d.ine and a.birth = d.birth and a.prenom = d.prenom and a.birth <= date '{from_18}' and a.prenom <> '';
"""
"""Adults whose own diploma reaches the level are no dropouts: nearly everybody who left, and nothing more need be asked of them."""

DECIDE = """
create or replace temp macro reached(codes) as coalesce(len(list_filter(codes, lambda code : code not in ({low}))), 0) > 0;

create temp table standing as
select s.*, coalesce(s.ine || '|' || s.birth || '|' || s.first,
    concat_ws('|', coalesce(s.family, s.id::varchar), coalesce(s.first, s.id::varchar), s.birth, s.commune)) as person,
  coalesce(f.same, false) as is_followed,
  f.id is not null and not f.same
    or reached(d.perhaps) and not reached(d.told) as doubt,
  coalesce(d.told, []) as codes, day_of(date_entree) as entry,
  least(coalesce(believable(day_of(date_sortie)), date '{reference}'), date '{reference}') as exit, coalesce(exit - entry, -1) as days
from seen s semi join unsettled using (id) left join fate_followed f using (id) left join fate_diplomas d using (id);

create temp table decided as
select person, flatten(list(codes)) as codes,
  (arg_max(days, row(exit, days)) >= {enrolled_days} and bool_and(birth > date '{from_26}')
    and not reached(flatten(list(codes)))) as l313_7,
  bool_and(birth > date '{from_18}') as obligation_formation
from standing where not is_followed and not doubt group by person;

create temp view leaver as
select s.*, d.codes as diplomas from standing s join decided d using (person)
where not is_followed and not doubt and (l313_7 or obligation_formation);
"""
"""As `domain.detection.SIEI_V1` decides on the same facts; a test compares the two over every combination of them."""

FATES = """
select (select count(*) from seen), (select count(*) from fate_enrolled where same),
  (select count(*) from fate_enrolled where not same) + (select count(*) from standing where doubt and not is_followed),
  (select count(*) from standing where is_followed),
  (select count(*) from absent) - (select count(*) from unsettled)
    + (select count(*) from standing where not is_followed and not doubt) - (select count(*) from leaver),
  (select count(*) from leaver)
"""

TOLD: Mapping[str, str] = {
    "uai": "uai", "ine": "ine_cell", "nom": "nom", "prenom": "prenom",
    "date_naissance": "date_naissance", "commune_naissance": "commune_naissance", "formation": "formation",
    "diplome_obtenu": "deciding(diplomas)", "date_entree": "date_entree", "date_sortie": "exit::varchar",
}  # fmt: skip
"""A leaver's cells, of the columns of our CSV; of several diplomas the one that decides."""

LEFT = """
create or replace temp macro deciding(codes) as
  coalesce(list_max(list_filter(codes, lambda code : code not in ({low}))), list_max(codes), '');

select {cells} from (
  select distinct on (person, uai, formation, date_entree, exit)
    person, uai, formation, date_entree, exit, days, ine_cell, nom, prenom, date_naissance, commune_naissance, diplomas
  from leaver order by person, uai, formation, date_entree, exit, id
) order by person, exit, days, uai, formation, date_entree
"""

REVIEWS = """
select 'enrolment', s.uai, s.ine_cell, s.nom, s.prenom, s.date_naissance, s.commune_naissance, s.formation, s.date_entree, s.date_sortie
from seen s join fate_enrolled f using (id) where not f.same
union all
select 'followed_or_diploma', uai, ine_cell, nom, prenom, date_naissance, commune_naissance, formation, date_entree, date_sortie
from standing where doubt and not is_followed
order by all
"""
