-- migrate:up
-- What a service heard: position marks, watermarks per stream, records that wait for an earlier fact, records set aside.

create table marks (
  consumer text not null,
  topic text not null,
  partition integer not null,
  cluster_id text not null,
  topic_id text not null,
  next_offset bigint not null,
  primary key (consumer, topic, partition)
);

create table watermarks (
  consumer text not null,
  source text not null,
  stream_id text not null,
  version integer not null,
  primary key (consumer, source, stream_id)
);

create table waiting (
  id bigint generated always as identity primary key,
  consumer text not null,
  source text not null,
  subject text not null,
  needs text not null,
  record bytea not null,
  since timestamptz not null
);
create index waiting_subject on waiting (consumer, subject);

create table known_subjects (
  consumer text not null,
  fact text not null,
  subject text not null,
  primary key (consumer, fact, subject)
);

create table parked (
  id bigint generated always as identity primary key,
  consumer text not null,
  topic text not null,
  partition integer not null,
  record_offset bigint not null,
  topic_id text not null,
  source text,
  subject text,
  stream_id text,
  event_type text,
  record bytea not null,
  reason text not null,
  attempts integer not null,
  at timestamptz not null,
  resolved_at timestamptz,
  unique (consumer, topic_id, partition, record_offset)
);
create index parked_subject on parked (consumer, subject) where resolved_at is null;

select grant_to('consumer', 'select, insert, update', 'marks, watermarks, parked');
select grant_to('consumer', 'select, insert, delete', 'waiting');
select grant_to('consumer', 'select, insert', 'known_subjects');
select grant_to('app', 'select', 'marks, watermarks, waiting, parked, known_subjects');
