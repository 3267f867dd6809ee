-- migrate:up
-- Who stands on an establishment's last complete list, so that whoever the next one lacks is seen to have left.

-- marks: keyed digests, each of which alone says who it is (names with birth date; INE with birth date or name). sealed: the record under
-- the key of its list's snapshot. newcomer: no earlier list told them there. seen_in: the later list that tells them.
-- absent_from: the later list that lacks them, until that has become a fact.
create table roster (
  list_id uuid not null references lists,
  line integer not null,
  format text not null,
  uai text not null,
  reference_date date not null,
  marks bytea[] not null,
  sealed bytea not null,
  newcomer boolean not null,
  seen_in uuid,
  absent_from uuid,
  primary key (list_id, line)
);
create index roster_establishment on roster (format, uai, reference_date);
create index roster_absent on roster (absent_from) where absent_from is not null;

-- One establishment of one complete list: what came of comparing it with the list before. No outcome: not compared yet.
-- unnamed: lines that may be about anybody. earlier, missing: how many stood on earlier lists, and how many of them not on this one.
create table complete_list (
  list_id uuid not null references lists,
  uai text not null,
  format text not null,
  reference_date date not null,
  unnamed integer not null default 0,
  earlier integer,
  missing integer,
  outcome text check (outcome in ('concluded', 'unnamed_lines', 'too_many_missing', 'overtaken')),
  primary key (list_id, uai)
);
create index complete_list_of on complete_list (format, uai, reference_date) where outcome is not null;

-- Lists whose snapshot has a key of its own; leaving: some of its records are gone, and with the last one goes the key.
create table roster_key (
  list_id uuid primary key references lists,
  leaving boolean not null default false
);
create index roster_key_leaving on roster_key (list_id) where leaving;

select grant_to('app', 'select, insert, update, delete', 'roster, roster_key');
select grant_to('app', 'select, insert, update', 'complete_list');
select grant_to('consumer', 'select, delete', 'roster');
select grant_to('consumer', 'select, update (leaving)', 'roster_key');

-- Who may be about to leave: for prevention, apart from dropouts.
create table risks (
  list_id uuid primary key,
  person_id uuid not null,
  departement text not null,
  uai text not null,
  signal text not null,
  half_days integer,
  month text,
  school_year integer,
  signalled_on date not null
);
create index risks_place on risks (departement, uai);

select grant_to('app', 'select', 'risks');
select grant_to('consumer', 'select, insert, update, delete', 'risks');
