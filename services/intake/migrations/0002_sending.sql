-- migrate:up
-- Bodies on their way in and until their list is closed: encrypted parts of 1 MiB, the last one shorter.

-- holder: the request that writes now; whoever comes later takes over. declared: keyed digest of what the sender says the whole is.
create table list_upload (
  list_id uuid primary key,
  sender text not null,
  format text not null,
  reference_date date not null,
  declared bytea,
  holder uuid not null,
  size bigint not null default 0,
  total bigint,
  at timestamptz not null
);

-- digest: keyed, of the clear bytes. No reference to lists: parts come before their list.
create table list_part (
  list_id uuid not null,
  number integer not null,
  sealed bytea not null,
  digest bytea not null,
  primary key (list_id, number)
);
alter table list_part alter column sealed set storage external; -- what is encrypted cannot be compressed

select grant_to('app', 'select, insert, update, delete', 'list_upload');
select grant_to('app', 'select, insert, delete', 'list_part');
