"""The statements of the cross-match, in the order in which they are carried out; who is the same, `matching` says in words."""

from collections.abc import Mapping

from contracts.intake import SnapshotKind

TWO_DIGITS = "|".join(f"{digit}{{1,2}}[^{digit}A-Z]" for digit in range(10))
"""How an INE begins of which the first three characters are no one digit."""

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
        and (e.prenom >= 'A' and e.prenom < '[' or e.prenom >= 'a' and e.prenom < '{{')
    ) as plainly
  from (select * exclude (day), birth_of(day) as birth from (select *, day_of(date_naissance) as day from {scan})) p
)
select birth, case when birth <= date '{from_16}' and not plainly
    then [uai, ine, nom, prenom, date_naissance, commune_naissance, formation, date_entree, date_sortie] end as missing
from told;
"""
"""Last year's file is read once, and of who plainly goes on nothing but the birth date is kept, to be counted.

Plainly is less than the rule asks: every cell that says who it is is the same, lest an INE go uncounted; and an INE that repeats itself,
as placeholders do, or a first name that begins with no plain letter, is left for the rule to look at.
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
