-- migrate:up
-- Who might be, and who was said to be, the same person as somebody else.

-- Keyed digests of what two spellings of one identity share; they propose candidates to a human and decide nothing.
create table identity_likeness (
  token bytea not null,
  person_id uuid not null,
  criterion text not null,
  primary key (token, person_id)
);
create index identity_likeness_person on identity_likeness (person_id);

-- Written in the transaction of PersonsLinked and PersonsUnlinked, since the next decision must see it.
create table person_link (
  person_id uuid not null,
  other_id uuid not null,
  primary key (person_id, other_id),
  check (person_id < other_id)
);
create index person_link_other on person_link (other_id);

create table identity_candidates (
  candidate_id uuid primary key,
  person_id uuid not null,
  other_id uuid not null,
  score integer,
  criteria text[] not null,
  status text not null check (status in ('open', 'dismissed', 'linked', 'unlinked'))
);
create index identity_candidates_open on identity_candidates (score desc, candidate_id) where status = 'open';

select grant_to('app', 'select, insert, delete', 'identity_likeness, person_link');
select grant_to('app', 'select', 'identity_candidates');
select grant_to('consumer', 'select, insert, update, delete', 'identity_candidates');
