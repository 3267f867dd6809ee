-- migrate:up
-- What offers shows (offers, referrals) and what it knows of the cases that it may refer: projections, all three.

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
  person_id uuid not null,
  case_id uuid not null,
  offer_id text not null,
  organisation text not null,
  answer_by date not null,
  status text not null,
  motive text
);
create index referrals_offer on referrals (offer_id);

create table cases (
  case_id uuid primary key,
  person_id uuid not null,
  departement text not null,
  is_open boolean not null,
  bilan_id uuid,
  age integer,
  search_area text[] not null
);

select grant_to('consumer', 'select, insert, update, delete', 'offers, referrals, cases');
select grant_to('app', 'select', 'offers, referrals, cases');
-- a referral holds its case by a row lock until it is written, and PostgreSQL asks for this right to lock a row
select grant_to('app', 'update (case_id)', 'cases');
