-- migrate:up
-- What a human decided about a parked record, facts that are awaited, and rebuilding a projection beside the live one. The consumer's role owns no table:
-- these functions do for it, with the owner's rights, what a rebuild needs, and only to tables that this role may write in full.

alter table parked add column because text;

-- A row that is awaited is no fact: it is where whoever learns the fact and whoever begins to wait for it meet.
alter table known_subjects add column awaited boolean not null default false;
select grant_to('consumer', 'update (awaited)', 'known_subjects');

create schema rebuild;
create schema retired;
select grant_to('consumer', 'usage', 'schema rebuild');

create function rebuild_live(projection text) returns regclass language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  live regclass := to_regclass(format('public.%I', projection));
  needed text;
begin
  if live is null or not exists (select 1 from pg_class where oid = live and relkind = 'r' and not relispartition) then
    raise exception 'there is no table %', projection using errcode = 'undefined_table';
  end if;
  foreach needed in array array['select', 'insert', 'update', 'delete'] loop
    if not has_table_privilege(session_user, live, needed) then
      raise exception '% is no projection of %', projection, session_user using errcode = 'insufficient_privilege';
    end if;
  end loop;
  if exists (select 1 from pg_constraint where contype = 'f' and live in (conrelid, confrelid))
    or exists (select 1 from pg_trigger where tgrelid = live and not tgisinternal)
    or exists (select 1 from pg_depend where refobjid = live and classid = 'pg_rewrite'::regclass)
    or exists (select 1 from pg_inherits where live in (inhrelid, inhparent)) then
    raise exception '% has keys, triggers, views or heirs, and cannot be replaced', projection using errcode = 'dependent_objects_still_exist';
  end if;
  return live;
end $$;

create function rebuild_shape(relation regclass) returns text language sql set search_path = pg_catalog, pg_temp as $$
  select string_agg(format('%I %s %s', attname, format_type(atttypid, atttypmod), attnotnull), ', ' order by attnum)
  from pg_attribute where attrelid = relation and attnum > 0 and not attisdropped
$$;

-- Makes rebuild.<projection> with columns, constraints, index names and grants of the live table; false when it is there already.
create function rebuild_open(projection text) returns boolean
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  live regclass := public.rebuild_live(projection);
  made text := format('rebuild.%I', projection);
  statement text;
begin
  if to_regclass(made) is not null then
    if public.rebuild_shape(to_regclass(made)) = public.rebuild_shape(live) then
      return false;
    end if;
    raise exception 'the table % was changed since its rebuild began', projection using errcode = 'object_not_in_prerequisite_state';
  end if;
  -- room in each page for the next version of its rows: they change again and again, faster than vacuum can follow
  execute format('create table %s (like %s including all excluding indexes) with (fillfactor = 80)', made, live);
  for statement in
    (select format('alter table %s add constraint %I %s', made, conname, pg_get_constraintdef(oid))
     from pg_constraint where conrelid = live and contype in ('p', 'u', 'x') order by conname)
    union all
    (select replace(pg_get_indexdef(indexrelid), format(' ON %s ', live), format(' ON %s ', made))
     from pg_index where indrelid = live and not exists (select 1 from pg_constraint where conindid = indexrelid and conrelid = live))
    union all
    (select format('grant %s%s on %s to %s%s', acl.privilege_type, ' (' || quote_ident(acl.attname) || ')', made,
       case acl.grantee when 0 then 'public' else quote_ident(pg_get_userbyid(acl.grantee)) end,
       case when acl.is_grantable then ' with grant option' else '' end)
     from (
       select (aclexplode(relacl)).*, null::name as attname from pg_class where oid = live
       union all
       select (aclexplode(attacl)).*, attname from pg_attribute where attrelid = live and not attisdropped
     ) as acl)
  loop
    execute statement;
  end loop;
  return true;
end $$;

-- In the caller's transaction: the rebuilt table takes the place of the live one, which is gone.
create function rebuild_switch(projection text) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  live regclass := public.rebuild_live(projection);
  options text;
begin
  if public.rebuild_shape(format('rebuild.%I', projection)::regclass) <> public.rebuild_shape(live) then
    raise exception 'the table % was changed since its rebuild began', projection using errcode = 'object_not_in_prerequisite_state';
  end if;
  execute format('alter table rebuild.%I reset (fillfactor)', projection);
  for options in select array_to_string(reloptions, ', ') from pg_class where oid = live and reloptions is not null loop
    execute format('alter table rebuild.%I set (%s)', projection, options);
  end loop;
  execute format('analyze rebuild.%I', projection); -- or the first questions would be planned as if it were empty
  execute format('alter table public.%I set schema retired', projection);
  execute format('alter table rebuild.%I set schema public', projection);
  execute format('drop table retired.%I', projection);
end $$;

-- Removes what is left of a rebuild: its table, and what its consumer (`<live consumer>~<projection>`) kept of its hearing.
create function rebuild_drop(projection text, hearing text) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
  perform public.rebuild_live(projection);
  if split_part(hearing, '~', 2) <> projection then
    raise exception '% is no rebuild of %', hearing, projection using errcode = 'insufficient_privilege';
  end if;
  execute format('drop table if exists rebuild.%I', projection);
  delete from public.marks where consumer = hearing;
  delete from public.watermarks where consumer = hearing;
  delete from public.waiting where consumer = hearing;
  delete from public.known_subjects where consumer = hearing;
  delete from public.parked where consumer = hearing;
end $$;

revoke all on function rebuild_live(text), rebuild_shape(regclass), rebuild_open(text), rebuild_switch(text), rebuild_drop(text, text) from public;
select grant_to('consumer', 'execute', 'function rebuild_open(text), rebuild_switch(text), rebuild_drop(text, text)');
