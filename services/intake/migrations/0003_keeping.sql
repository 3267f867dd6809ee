-- migrate:up
-- What a list's source is, when it is expected and whether it is silent, whole lists that wait for a human, lists that came again under another id, and who reports whom.

-- fingerprint: keyed, of sender, format, reference date and body; by it the same list is known under another id.
create table list_source (
  list_id uuid primary key references lists,
  sender text not null,
  format text not null,
  content text not null check (content in ('leavers', 'enrolments', 'all')),
  lines integer not null,
  fingerprint bytea not null unique
);
create index list_source_of on list_source (sender, format, content);

create table repeated_list (
  list_id uuid primary key,
  same_as uuid not null references lists,
  at timestamptz not null
);

-- Establishments that a sender has reported: beside its own, those of which a list was taken.
create table sender_establishment (
  sender text not null,
  format text not null,
  uai text not null,
  primary key (sender, format, uai)
);
create index sender_establishment_uai on sender_establishment (format, uai);

create table held_list (
  list_id uuid primary key references lists,
  reasons text[] not null,
  rule_version integer not null,
  usual integer,
  newer uuid,
  establishments text[] not null,
  held_at timestamptz not null,
  decision text check (decision in ('released', 'refused')),
  decided_at timestamptz,
  check ((decision is null) = (decided_at is null))
);
create index held_list_undecided on held_list (held_at) where decision is null;

create table sources (
  source text primary key,
  sender text not null,
  format text not null,
  content text not null,
  basis text not null,
  every_days integer not null,
  heard_on date not null,
  silent_after date not null,
  silent boolean not null
);

-- Files of a campaign on the machine that ran it: digest, keyed, of the bytes that were matched (reviews: written); the day by which each must be gone.
-- begun: its deletion was, so a file that is not there any more is ours to tell of.
create table campaign_file (
  list_id uuid not null references lists,
  kind text not null,
  host text not null,
  path text not null,
  size bigint not null,
  digest bytea not null,
  delete_on date not null,
  begun boolean not null default false,
  deleted_at timestamptz,
  primary key (list_id, kind, host, path)
);

select grant_to('app', 'select, insert, update', 'campaign_file');
select grant_to('app', 'select', 'sources');
select grant_to('consumer', 'select, insert, update, delete', 'sources');
select grant_to('app', 'select, insert', 'list_source, repeated_list, sender_establishment');
select grant_to('app', 'select, insert, update', 'held_list');
select grant_to('consumer', 'select, update', 'held_list');
select grant_to('consumer', 'select, update (closed_at)', 'lists');
select grant_to('consumer', 'select, delete', 'list_part');
