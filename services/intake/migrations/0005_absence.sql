-- migrate:up
-- Who stands on an establishment's last complete list, so that whoever the next one lacks is seen to have left.

-- marks: keyed digests of names with birth date, and of INE with birth date or name (`agreement`). sealed: the record under the key of its
-- list's snapshot. told_before: the day of the last earlier list that told them there, none of a newcomer. seen_in: the later list that tells them. absent_from: the later list that
-- lacks them, until that has become a fact. doubted_in: the last list that may mean them and tells them not for certain. asked_in: the
-- list since which a human must say.
create table roster (
  list_id uuid not null references lists,
  line integer not null,
  format text not null,
  uai text not null,
  reference_date date not null,
  marks bytea[] not null,
  sealed bytea not null,
  told_before date,
  seen_in uuid,
  absent_from uuid,
  doubted_in uuid,
  asked_in uuid,
  primary key (list_id, line)
);
create index roster_establishment on roster (format, uai, reference_date);
create index roster_absent on roster (absent_from) where absent_from is not null;
create index roster_doubted on roster (doubted_in) where doubted_in is not null;
create index roster_asked on roster (asked_in) where asked_in is not null;

-- Accepted lines of later lists, each of which may mean somebody who stands: the same young person under a mended name, or a newcomer.
create table absence_doubt (
  list_id uuid not null,
  line integer not null,
  alike_list uuid not null,
  alike_line integer not null,
  primary key (list_id, line, alike_list, alike_line),
  foreign key (list_id, line) references roster on delete cascade
);

-- One establishment of one complete list: what came of comparing it with the list before. No outcome: not compared yet.
-- unnamed: lines that may be about anybody. earlier, missing, doubtful: how many stood on earlier lists and no human was asked about, how many of them not on this one,
-- and of how many that is not known. missed_in: the list by which it was noticed that its sender tells this establishment no more.
create table complete_list (
  list_id uuid not null references lists,
  uai text not null,
  format text not null,
  reference_date date not null,
  unnamed integer not null default 0,
  earlier integer,
  missing integer,
  doubtful integer,
  missed_in uuid,
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
select grant_to('app', 'select, insert', 'absence_doubt');
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
