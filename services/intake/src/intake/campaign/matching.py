"""Who is in last year's lists and in none of this year's: the cross-match by DuckDB, out of core, under intake's rule of identity.

The same: INE and birth date agree and the first given name agrees (or both names do, swapped); or, an INE lacking on one side, folded
names, birth date and commune of birth are equal and no second INE stands under them. Less than that, but something (an INE alone,
names and birth date with a commune unstated, the same identity under another INE), goes to a human. Under-16s are counted where they
are read and left there. Each file is read once; nearly everybody stands in both years with the same cells, and is done with there.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta

import duckdb

from chassis.paris import age_on
from intake.campaign.folding import MACROS
from intake.campaign.snapshots import Kind, Snapshot
from intake.cleaning import INE
from intake.domain.detection import Rule

type Row = tuple[str, str, str, str, str, str, str, str, str, list[str]]
"""uai, ine, nom, prenom, date_naissance, commune_naissance, formation, date_entree, exit (ISO), diplomas; all text."""

UNREADABLE_PER_THOUSAND = 1


class TooManyUnreadable(Exception):
    """More lines than one in a thousand of a file cannot be read: whoever stands on them would look absent."""


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
class Match:
    """One campaign's cross-match on an open DuckDB.

    rule: whose thresholds the vectorised form (`DECIDE`) takes; the domain decides again on each person that it lets through.
    """

    connection: duckdb.DuckDBPyConnection
    snapshots: Mapping[Kind, Snapshot]
    reference: date
    rule: Rule

    def run(self) -> tuple[Funnel, dict[Kind, int]]:
        """The funnel, and how many lines each file has. What is left is read by `leavers` and `reviews`.

        Raises:
            TooManyUnreadable; duckdb.Error: a file that is not what it says.
        """
        lines: dict[Kind, int] = {}
        self._sql(MACROS)
        self._sql(HELPERS.format(ine=INE.pattern))
        self._sql(CURRENT.format(current=self.snapshots["current"].scan(), **self._days()))
        self._sql(PREVIOUS.format(previous=self.snapshots["previous"].scan(), **self._days()))
        self._sql(SEEN.format(**self._days()))
        unreadable, under_16, enrolled, left, lines["previous"] = self._row(COUNTED)
        ended, young, bad, lines["current"] = self._row(COUNTED_CURRENT.format(**self._days()))
        unreadable += self._bad("previous")
        lines["previous"] += self._bad("previous")
        lines["current"] += self._bad("current")
        self._readable("previous", unreadable, lines["previous"])
        self._readable("current", bad + self._bad("current"), lines["current"])
        self._relate("seen", "enrolled")
        self._sql(ABSENT)
        others: tuple[tuple[Kind, str], ...] = (("followed", FOLLOWED), ("diplomas", DIPLOMAS))
        for kind, scan in others:
            self._sql(NOBODY.format(kind=kind) if kind not in self.snapshots else scan.format(scan=self.snapshots[kind].scan()))
            self._relate("absent", kind)
            if kind in self.snapshots:
                lines[kind] = self._row(f"select count(*) from {kind}")[0] + self._bad(kind)
                self._readable(kind, self._bad(kind), lines[kind])
        self._sql(DECIDE.format(enrolled_days=self.rule.enrolled_days, **self._days()))
        found, doubtful, review, followed, not_dropout, leavers = self._row(FATES)
        funnel = Funnel(
            seen=enrolled + left + ended + under_16 + young + unreadable, unreadable=unreadable, under_16=under_16 + young,
            still_enrolled=enrolled + found, review=doubtful + review, followed=followed, not_dropout=not_dropout, leavers=leavers,
        )  # fmt: skip
        return funnel, lines

    def leavers(self) -> Iterator[Row]:
        """Lines of those who may be dropouts, each person's together, in an order that depends on nothing but the files."""
        found = self.connection.execute(LEAVERS)
        while rows := found.fetchmany(5000):
            yield from rows

    def leaver_lines(self) -> int:
        """How many lines `leavers` gives."""
        return self._row(LEAVER_LINES)[0]

    def reviews(self) -> Iterator[tuple[str, ...]]:
        """Lines that a human must look at: why, then the cells of the line."""
        found = self.connection.execute(REVIEWS)
        while rows := found.fetchmany(5000):
            yield from rows

    def _relate(self, left: str, right: str) -> None:
        self._sql(RELATED.format(left=left, right=right, low=self._low()))

    def _low(self) -> str:
        """Codes that may leave their holder a dropout; where a CAP counts only sometimes, the domain says when."""
        rule = self.rule
        low = rule.low_diplomas | (rule.cap_diplomas if rule.cap_holder == "dropout_before_terminale" else set())
        return ", ".join(f"'{code}'" for code in sorted(low))

    def _days(self) -> dict[str, str]:
        """The dates between which a birth date gives an age; whole years by the civil calendar, as the domain counts them."""
        ages = {"from_16": self.rule.age_from, "from_18": self.rule.majority, "from_26": self.rule.age_before}
        return {"reference": self.reference.isoformat(), **{name: _born_by(age, self.reference).isoformat() for name, age in ages.items()}}

    def _bad(self, kind: Kind) -> int:
        if kind not in self.snapshots or self.snapshots[kind].path.suffix == ".parquet":
            return 0
        return self._row(f"select count(distinct line) from bad_{kind}")[0]

    @staticmethod
    def _readable(kind: str, unreadable: int, lines: int) -> None:
        if unreadable * 1000 > lines * UNREADABLE_PER_THOUSAND:
            raise TooManyUnreadable(f"{kind}: {unreadable:,} of {lines:,} lines cannot be read")

    def _sql(self, statements: str) -> None:
        self.connection.execute(statements)

    def _row(self, query: str) -> tuple[int, ...]:
        row = self.connection.execute(query).fetchone()
        return tuple(row or ())


def _born_by(age: int, on: date) -> date:
    """The latest birth date of somebody who is that old on that day."""
    day = date(on.year - age, on.month, min(on.day, 28)) + timedelta(days=5)
    while age_on(day, on) < age:
        day -= timedelta(days=1)
    return day


HELPERS = """
create or replace temp macro day_of(cell) as coalesce(try_cast(cell as date), try_strptime(cell, '%d/%m/%Y')::date);
create or replace temp macro ine_of(cell) as
  case when regexp_full_match(upper(replace(cell, ' ', '')), '{ine}') then upper(replace(cell, ' ', '')) end;
create or replace temp macro commune_of(cell) as nullif(upper(trim(cell)), '');
create or replace temp macro initial(name) as
  upper(translate(strip_accents(left(ltrim(name, ' -.''’ʼ'), 1)), 'ŒÆØœæø', 'OAOOAO'));
"""

CURRENT = """
create temp table current_year as
select ine, nom, prenom, birth, commune_naissance as commune,
  case when date_sortie <> '' then [uai, date_naissance, formation, date_entree, date_sortie] end as ended
from (select *, day_of(date_naissance) as birth from {current});

update current_year set ended = null where ended is not null and not coalesce(day_of(ended[5]) <= date '{reference}', false);

create temp view enrolled as
select rowid as id, ine, nom, prenom, birth, commune, null::varchar as told
from current_year where ended is null and nom <> '' and prenom <> '';

create temp view known as select ine, birth, prenom from enrolled where length(ine) = 11 and birth <= date '{from_16}';

create temp table ended as
select ended[1] as uai, ine, nom, prenom, ended[2] as date_naissance, commune as commune_naissance, ended[3] as formation,
  ended[4] as date_entree, ended[5] as date_sortie, birth
from current_year where ended is not null;
"""

PREVIOUS = """
create temp table previous_year as
select fate, count(*) as n,
  list([uai, ine, nom, prenom, date_naissance, commune_naissance, formation, date_entree, date_sortie]) filter (fate = 'left') as lines
from (
  select *, case when birth is null or nom = '' or prenom = '' then 'unreadable' when birth > date '{from_16}' then 'under_16'
    when exists (select 1 from known k where k.ine = p.ine and k.birth = p.old_enough and k.prenom = p.prenom)
      then 'enrolled' else 'left' end as fate
  from (select *, day_of(date_naissance) as birth, case when birth <= date '{from_16}' then birth end as old_enough from {previous}) p)
group by fate;
"""
"""One pass: whose INE, birth date and first name stand in this year's file letter for letter is enrolled; who is left is kept."""

COUNTED = """
select coalesce(sum(n) filter (fate = 'unreadable'), 0), coalesce(sum(n) filter (fate = 'under_16'), 0),
  coalesce(sum(n) filter (fate = 'enrolled'), 0), coalesce(sum(n) filter (fate = 'left'), 0), coalesce(sum(n), 0)
from previous_year
"""

COUNTED_CURRENT = """
select count(*) filter (birth <= date '{from_16}'), count(*) filter (birth > date '{from_16}'),
  (select count(*) from current_year where birth is null or nom = '' or prenom = ''), (select count(*) from current_year)
from ended
"""

SEEN = """
create temp table seen as
with lines as (
  select l[1] as uai, l[2] as ine, l[3] as nom, l[4] as prenom, l[5] as date_naissance, l[6] as commune_naissance, l[7] as formation,
    l[8] as date_entree, l[9] as date_sortie, day_of(l[5]) as birth
  from (select unnest(lines) as l from previous_year where fate = 'left')
  union all
  select * from ended where birth <= date '{from_16}' and nom <> '' and prenom <> ''
)
select row_number() over () as id, * exclude (ine), ine as ine_cell, ine_of(ine) as ine, folded(nom) as family, folded(prenom) as first,
  commune_of(commune_naissance) as commune
from lines;
"""

FOLLOWED = """
create temp table followed as
select row_number() over () as id, ine, nom, prenom, day_of(date_naissance) as birth, commune_naissance as commune,
  null::varchar as told
from {scan};
"""
DIPLOMAS = """
create temp table diplomas as
select row_number() over () as id, ine, nom, prenom, day_of(date_naissance) as birth, commune_naissance as commune,
  lpad(nullif(trim(diplome_obtenu), ''), 2, '0') as told
from {scan};
"""
NOBODY = """
create temp table {kind} (id bigint, ine varchar, nom varchar, prenom varchar, birth date, commune varchar, told varchar);
"""

RELATED = """
create temp table near_{right} as
select nom, prenom, birth, told, ine_of(ine) as ine, commune_of(commune) as commune, folded(nom) as family, folded(prenom) as first
from (
  select r.* from {right} r semi join {left} l on upper(replace(r.ine, ' ', '')) = l.ine
  union
  select r.* from {right} r semi join {left} l on r.birth = l.birth and upper(trim(r.commune)) = l.commune
  union
  select r.* from (select * from {right} where length(trim(commune)) = 0) r semi join {left} l
    on r.birth = l.birth and initial(r.nom) = left(l.family, 1)
  union
  select r.* from {right} r semi join (select * from {left} where commune is null) l
    on r.birth = l.birth and initial(r.nom) = left(l.family, 1));

create temp table ines_{right} as
with unproven as (
  select family, first, birth, commune from {left} where ine is null
  union
  select family, first, birth, commune from near_{right} where ine is null)
select family, first, birth, commune, count(distinct ine) as ines
from (
  select family, first, birth, commune, ine from {left} semi join unproven using (family, first, birth, commune)
  union all
  select family, first, birth, commune, ine from near_{right} semi join unproven using (family, first, birth, commune))
group by all;

create temp table met_{right} as
select l.id, r.told, l.birth = r.birth and (l.first = r.first or l.first = r.family and l.family = r.first) as same
from {left} l join near_{right} r on l.ine = r.ine
union all
select l.id, r.told, (l.ine is null or r.ine is null) and l.commune = r.commune and one.ines <= 1 as same
from {left} l join near_{right} r on l.family = r.family and l.first = r.first and l.birth = r.birth
  and (l.ine is null or r.ine is null or l.ine <> r.ine)
  left join ines_{right} one on one.family = l.family and one.first = l.first and one.birth = l.birth and one.commune = l.commune
where l.commune = r.commune or ((l.commune is null or r.commune is null) and (l.ine is null or r.ine is null));

create temp table fate_{right} as
select id, bool_or(coalesce(same, false)) as same, bool_or(same and told not in ({low})) as high,
  bool_or(not coalesce(same, false) and told not in ({low})) as perhaps_high
from met_{right} group by id;
"""

ABSENT = """
create temp table absent as select id, ine, family, first, birth, commune from seen where id not in (select id from fate_enrolled);
"""

DECIDE = """
create temp table standing as
select a.*, coalesce(f.same, false) as is_followed,
  coalesce(f.same, true) = false or coalesce(d.perhaps_high and not coalesce(d.high, false), false) as doubt,
  coalesce(d.high, false) as high
from absent a left join fate_followed f using (id) left join fate_diplomas d using (id);

create temp table maybe as
select p.*, coalesce(p.ine, p.family || '|' || p.commune, p.family) as known_by, s.high, day_of(date_entree) as entry,
  least(coalesce(day_of(date_sortie), date '{reference}'), date '{reference}') as exit
from standing s join seen p using (id)
where not is_followed and not doubt and (s.birth > date '{from_18}' or s.birth > date '{from_26}' and not high);

create temp table decided as
select known_by, birth, first from maybe group by all
having arg_max(exit - entry, exit) >= {enrolled_days} and birth > date '{from_26}' and not bool_or(high) or birth > date '{from_18}';

create temp table leaver as
select m.*, coalesce((select list(distinct told order by told) from met_diplomas d where d.id = m.id and d.same), []) as diplomas
from maybe m semi join decided using (known_by, birth, first);
"""
"""As `domain.detection.SIEI_V1` decides on the same facts; a test compares the two over every combination of them."""

FATES = """
select (select count(*) from fate_enrolled where same), (select count(*) from fate_enrolled where not same),
  (select count(*) from standing where doubt and not is_followed), (select count(*) from standing where is_followed),
  (select count(*) from standing where not is_followed and not doubt) - (select count(*) from leaver),
  (select count(*) from leaver)
"""

CELLS = "uai, ine_cell, nom, prenom, date_naissance, commune_naissance, formation, date_entree"
ONCE = """
(select distinct on (known_by, birth, first, uai, formation, date_entree, exit) * from leaver
  order by known_by, birth, first, uai, formation, date_entree, exit, ine_cell, nom, prenom, date_naissance, commune_naissance)
"""
LEAVERS = f"select {CELLS}, exit::varchar, diplomas from {ONCE} order by known_by, birth, first, exit, uai, formation, date_entree"
LEAVER_LINES = f"select count(*) from {ONCE}"

REVIEWS = f"""
select 'enrolment', {CELLS}, date_sortie from seen s join fate_enrolled f using (id) where not f.same
union all
select 'followed_or_diploma', {CELLS}, date_sortie from standing join seen using (id) where doubt and not is_followed
order by all
"""
