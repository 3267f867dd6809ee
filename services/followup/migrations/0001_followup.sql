-- migrate:up
-- What followup shows: cases, and the sealed coordinates of each (projections, made again from the topics at any time).

create table cases (
  case_id uuid primary key,
  person_id uuid not null,
  detection_id uuid not null,
  departement text not null,
  l313_7 boolean not null,
  obligation_formation boolean not null,
  status text not null,
  bilan_id uuid,
  opened_at timestamptz not null,
  contacts integer not null,
  reached boolean not null,
  solutions integer not null,
  deadlines_missed integer not null,
  motive text
);
create index cases_departement on cases (departement, case_id);

create table coordinates (
  case_id uuid primary key,
  person_id uuid not null,
  identity text not null,
  contact text,
  guardians text
);

select grant_to('consumer', 'select, insert, update, delete', 'cases, coordinates');
select grant_to('app', 'select', 'cases, coordinates');
