-- migrate:up
-- The event store of one service (GUARANTEES 2): append-only events, the commands that made them, the outbox, the relay's log.
-- Roles are the database's name with a suffix; nobody but the owner can change or delete an event.

create function grant_to(suffix text, privileges text, relation text) returns void language plpgsql as $$
begin
  execute format('grant %s on %s to %I', privileges, relation, current_database() || '_' || suffix);
end $$;

create table events (
  event_id uuid primary key,
  stream_id text not null,
  stream_version integer not null check (stream_version > 0),
  private boolean not null,
  type text not null,
  subject text not null,
  happened_at timestamptz not null,
  recorded_at timestamptz not null,
  actor text not null,
  correlation_id uuid not null,
  causation_id uuid,
  command_id uuid not null,
  attributes bytea not null,
  leaf bytea not null,
  body bytea not null,
  traceparent text,
  tracestate text,
  unique (stream_id, stream_version)
);
create index events_subject on events (subject);

create table commands (
  command_id uuid primary key,
  actor text not null,
  route text not null,
  fingerprint bytea not null,
  status smallint not null,
  answer bytea not null,
  at timestamptz not null
);

create table outbox (
  id bigint generated always as identity (cache 1) primary key,
  event_id uuid not null
);

create table relay_log (
  private boolean not null,
  sequence bigint not null check (sequence > 0),
  event_id uuid not null unique,
  chain bytea not null,
  primary key (private, sequence)
);

create table relay_topic (
  topic text primary key,
  cluster_id text not null,
  topic_id text not null
);

create table timers (
  timer_id uuid primary key,
  due_at timestamptz not null,
  kind text not null,
  subject text not null,
  body bytea not null,
  traceparent text,
  fired_at timestamptz
);
create index timers_due on timers (due_at) where fired_at is null;

select grant_to('app', 'select, insert', 'events, commands, timers');
select grant_to('app', 'insert', 'outbox');
select grant_to('app', 'select', 'relay_log, relay_topic, outbox');
select grant_to('consumer', 'select, insert', 'events, commands, timers');
select grant_to('consumer', 'update (fired_at)', 'timers');
select grant_to('consumer', 'insert', 'outbox');
select grant_to('consumer', 'select', 'relay_log, relay_topic, outbox');
select grant_to('relay', 'select', 'events');
select grant_to('relay', 'select, delete', 'outbox');
select grant_to('relay', 'select, insert', 'relay_log');
select grant_to('relay', 'select, insert, update', 'relay_topic');
