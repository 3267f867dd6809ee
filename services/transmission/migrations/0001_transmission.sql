-- migrate:up
-- What transmission shows (designations, coordinates, transmissions, unroutable: projections) and what it hands over
-- (deliveries: encrypted bytes, from the transaction of their event until the recipient answers).

create table designations (
  designation_id uuid primary key,
  departement text not null,
  recipient_id text not null,
  recipient_class text not null,
  valid_from timestamptz not null,
  valid_to timestamptz,
  public_key text not null
);

create table coordinates (
  detection_id uuid primary key,
  person_id uuid not null,
  last_uai text not null,
  last_formation text,
  exit_date date not null,
  l313_7 boolean not null,
  obligation_formation boolean not null,
  identity text not null,
  contact text,
  guardians text
);

create table transmissions (
  transmission_id uuid primary key,
  detection_id uuid not null,
  person_id uuid not null,
  recipient_id text not null,
  recipient_class text not null,
  designation_id uuid not null,
  legal_basis text not null,
  fields text[] not null,
  due_at timestamptz not null,
  cause uuid not null,
  correlation_id uuid not null,
  traceparent text,
  status text not null,
  sent boolean not null,
  recalled_at timestamptz,
  recalled_for text
);
create index transmissions_due on transmissions (due_at) where status = 'due';
create index transmissions_recalled on transmissions (recipient_id, recalled_at) where recalled_at is not null;

create table unroutable (
  unroutable_id text primary key,
  detection_id uuid not null,
  recipient_class text not null,
  departement text not null
);

create table deliveries (
  place bigint generated always as identity primary key,
  transmission_id uuid not null unique,
  recipient_id text not null,
  encrypted_sha256 text not null,
  body bytea not null
);
create index deliveries_recipient on deliveries (recipient_id, place);

select grant_to('consumer', 'select, insert, update, delete', 'designations, coordinates, transmissions, unroutable');
select grant_to('app', 'select', 'designations, coordinates, transmissions, unroutable');
select grant_to('app', 'select, insert, delete', 'deliveries');
