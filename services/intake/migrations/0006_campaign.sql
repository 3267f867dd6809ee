-- migrate:up
-- National cross-matches: how far each is, and the lines that a human must look at.

-- last_line: of the leavers' lines, in the order of the match, those up to here are decided upon and committed.
create table campaign (
  campaign_id uuid primary key,
  opened_event uuid not null,
  reference_date date not null,
  leavers integer not null,
  last_line integer not null default 0,
  held integer not null default 0,
  rejected integer not null default 0,
  detected integer not null default 0,
  opened_at timestamptz not null,
  closed_at timestamptz
);

-- sealed: the cells, under the campaign's own key, for 30 days at most.
create table campaign_review (
  campaign_id uuid not null references campaign,
  number integer not null,
  reason text not null,
  sealed bytea not null,
  at timestamptz not null,
  primary key (campaign_id, number)
);

select grant_to('app', 'select, insert, update', 'campaign');
select grant_to('app', 'select, insert, delete', 'campaign_review');
