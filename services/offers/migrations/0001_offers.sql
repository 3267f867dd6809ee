-- migrate:up
-- What offers shows: the catalogue with its seats, referrals, and the cases that may be referred (projections, made again at any time).

create table offers (
  offer_id text primary key,
  name text not null,
  organisation text not null,
  themes text[] not null,
  status text not null,
  min_age integer not null,
  max_age integer not null,
  departements text[] not null,
  seats integer not null,
  held integer not null,
  free integer not null
);

create table referrals (
  referral_id uuid primary key,
  case_id uuid not null,
  person_id uuid not null,
  offer_id text not null,
  organisation text not null,
  answer_by date not null,
  status text not null
);
create index referrals_offer on referrals (offer_id);

create table referable_cases (
  case_id uuid primary key,
  person_id uuid not null,
  departement text not null,
  bilan_id uuid,
  age integer,
  search_area text[] not null,
  closed boolean not null
);

select grant_to('consumer', 'select, insert, update, delete', 'offers, referrals, referable_cases');
select grant_to('app', 'select', 'offers, referrals, referable_cases');
