-- Make these all that is known of where these fields come from.
with given as (
    select * from unnest(
        %(parent_ids)s::bigint[], %(child_ids)s::bigint[], %(seasons)s::integer[],
        %(kinds)s::text[], %(shares)s::double precision[]
    ) as g (parent_id, child_id, season, kind, share)
), gone as (
    delete from tulip.lineage l
    where (l.parent_id = any(%(field_ids)s::bigint[]) or l.child_id = any(%(field_ids)s::bigint[]))
        and not exists (
            select from given g
            where (g.parent_id, g.child_id, g.season) = (l.parent_id, l.child_id, l.season)
        )
)
insert into tulip.lineage as old (parent_id, child_id, season, kind, share)
select * from given
on conflict (parent_id, child_id, season) do update
set kind = excluded.kind, share = excluded.share
where (old.kind, old.share) is distinct from (excluded.kind, excluded.share)
