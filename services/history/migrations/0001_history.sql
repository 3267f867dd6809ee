-- migrate:up
-- What was heard, as bytes, by place in its speaker's order; and what was heard differently under a place already known.

create table heard (
  source text not null,
  private boolean not null default false,
  sequence bigint not null check (sequence > 0),
  event_id uuid not null,
  type text not null,
  subject text not null,
  stream_id text not null,
  stream_version integer not null,
  happened_at timestamptz not null,
  recorded_at timestamptz not null,
  actor text not null,
  correlation_id uuid not null,
  causation_id uuid,
  attributes bytea not null,
  body bytea not null,
  chain bytea not null,
  digest text not null,
  heard_at timestamptz not null,
  primary key (source, sequence)
);
create index heard_subject on heard (subject);
create index heard_event on heard (event_id);

create table conflicts (
  source text not null,
  sequence bigint not null,
  event_id uuid not null,
  attributes bytea not null,
  body bytea not null,
  chain bytea not null,
  bytes_sha256 bytea not null,
  heard_at timestamptz not null,
  primary key (source, sequence, bytes_sha256)
);

select grant_to('consumer', 'select, insert', 'heard, conflicts');
select grant_to('app', 'select', 'heard, conflicts');
