-- migrate:up
-- The keyring: one key per owner and class of data, wrapped by the class's master key. Destroying a key leaves its tombstone,
-- so that it is never made again. Nothing else lives in this database, and its backups are kept apart from the others'.

create function grant_to(suffix text, privileges text, relation text) returns void language plpgsql as $$
begin
  execute format('grant %s on %s to %I', privileges, relation, current_database() || '_' || suffix);
end $$;

create table person_key (
  owner_id uuid not null,
  data_class text not null,
  wrapped bytea,                      -- nonce ‖ ciphertext ‖ tag
  master_version integer not null check (master_version > 0),
  made_at timestamptz not null default now(),
  destroyed_at timestamptz,
  primary key (owner_id, data_class),
  check ((wrapped is null) = (destroyed_at is not null))
);

select grant_to('app', 'select, insert', 'person_key');
select grant_to('app', 'update (wrapped, destroyed_at)', 'person_key');
