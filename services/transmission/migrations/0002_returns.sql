-- migrate:up
-- What returns to the establishments of origin: projections of what was heard (origins, destinations, offer_kinds, exits,
-- sent_lists, returns), and the last file of each establishment, sealed under a key of its own (return_files).

create table origins (
  detection_id uuid primary key,
  person_id uuid not null,
  uai text not null,
  exit_date date not null,
  detected_at timestamptz not null,
  withdrawn_at timestamptz,
  withdrawn_for text
);
create index origins_uai on origins (uai, detected_at);

create table destinations (
  case_id uuid primary key,
  detection_id uuid not null,
  reached text[] not null,
  reached_at timestamptz[] not null,
  offers text[] not null
);
create index destinations_detection on destinations (detection_id);

create table offer_kinds (
  offer_id text primary key,
  kind text not null
);

create table exits (
  place text primary key,
  list_id uuid not null,
  line integer not null,
  person_id uuid not null,
  uai text not null,
  exit_date date not null,
  seen_at timestamptz not null
);
create index exits_person on exits (person_id, uai, exit_date);

create table sent_lists (
  list_id uuid primary key,
  sender text not null
);

create table returns (
  return_id text primary key,
  uai text not null,
  period text not null,
  until timestamptz not null,
  lines integer not null,
  sealed_sha256 text not null
);
create index returns_uai on returns (uai, period);

create table return_files (
  uai text primary key,
  considered text not null,   -- the last period for which it was asked what there is to tell
  period text,                -- that of the file
  sealed bytea,
  check ((period is null) = (sealed is null))
);

select grant_to('consumer', 'select, insert, update, delete', 'origins, destinations, offer_kinds, exits, sent_lists, returns');
select grant_to('app', 'select', 'origins, destinations, offer_kinds, exits, sent_lists, returns');
select grant_to('app', 'select, insert, update', 'return_files');
