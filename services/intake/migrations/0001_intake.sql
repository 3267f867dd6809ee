-- migrate:up
-- Lists, verdicts of lines, who is the same person, enrolments of those whom nobody looks for yet.

-- size: in bytes, of the clear body. charset: of a text, as its sender declared it. fingerprint: keyed, of sender, format, date and body, so that the same sending is recognised.
create table lists (
  list_id uuid primary key,
  sender text not null,
  format text not null,
  reference_date date not null,
  received_at timestamptz not null,
  size bigint not null,
  charset text,
  fingerprint bytea not null,
  last_line integer not null default 0,
  accepted integer not null default 0,
  accepted_with_remarks integer not null default 0,
  rejected integer not null default 0,
  held integer not null default 0,
  not_kept integer not null default 0,
  closed_at timestamptz
);
create index lists_open on lists (received_at, list_id) where closed_at is null;

create table refused_lists (
  id bigint generated always as identity primary key,
  list_id uuid not null,
  sender text not null,
  rule text not null,
  refused_at timestamptz not null
);

-- hmac: of an accepted line's record. sealed_line: a refused or held line under the list's own key, for 30 days at most.
-- departement, people: of a held line, where it is decided, and whom it may mean while it waits.
create table line_verdict (
  list_id uuid not null references lists,
  line integer not null,
  verdict text not null,
  fields text[] not null default '{}',
  rules text[] not null default '{}',
  hmac bytea,
  sealed_line bytea,
  at timestamptz not null,
  departement text,
  people uuid[],
  primary key (list_id, line)
);
create index line_verdict_waiting on line_verdict (at, list_id, line) where verdict = 'held' and sealed_line is not null;
create index line_verdict_hmac on line_verdict (hmac) where hmac is not null;
create index line_verdict_sealed on line_verdict (at) where sealed_line is not null;

-- Keyed digests by which a person is recognised; an INE is one person's, an identity may be that of several. said: by a human's word.
create table identity_token (
  token bytea not null,
  person_id uuid not null,
  kind text not null check (kind in ('ine', 'ine_birth', 'ine_name', 'identity', 'names', 'said')),
  primary key (token, person_id)
);
create unique index identity_token_ine on identity_token (token) where kind = 'ine';
create index identity_token_person on identity_token (person_id);

create table person_derived (
  person_id uuid primary key,
  majority_month text not null,
  departement text not null
);

create table enrolment_snapshot (
  list_id uuid not null references lists,
  line integer not null,
  ine bytea,
  ine_birth bytea,
  ine_names bytea[] not null,
  identity bytea,
  uai text not null,
  formation text,
  start_on date,
  end_on date,
  diploma text,
  reference_date date not null,
  apprentice boolean not null,
  contracts text not null,
  primary key (list_id, line)
);
create index enrolment_snapshot_ine on enrolment_snapshot (ine) where ine is not null;
create index enrolment_snapshot_identity on enrolment_snapshot (identity) where identity is not null;

-- Who must be decided upon when the list closes; emptied as the decisions are taken.
create table touched (
  list_id uuid not null references lists,
  person_id uuid not null,
  age integer not null,
  primary key (list_id, person_id)
);

create table list_totals (
  list_id uuid primary key,
  departement text,
  closed boolean not null,
  lines integer not null,
  accepted integer not null,
  accepted_with_remarks integer not null,
  rejected integer not null,
  held integer not null,
  not_kept integer not null
);

create table dropouts (
  detection_id uuid primary key,
  person_id uuid not null,
  departement text not null,
  last_uai text not null,
  rule text not null,
  rule_version integer not null,
  l313_7 boolean not null,
  obligation_formation boolean not null,
  contested text,
  withdrawn boolean not null,
  reason text
);

select grant_to('app', 'select, insert, update', 'lists, line_verdict, person_derived');
select grant_to('app', 'insert', 'refused_lists');
select grant_to('app', 'select, insert, delete', 'identity_token, enrolment_snapshot, touched');
select grant_to('app', 'select', 'list_totals, dropouts');
select grant_to('consumer', 'select, insert, update, delete', 'list_totals, dropouts');
