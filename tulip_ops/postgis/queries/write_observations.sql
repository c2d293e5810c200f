-- Keep observations; rows that say the same already are not touched.
insert into tulip.observation as old (
    field_id, acquisition_id, verdict, clear_fraction, tulip_probability, bloom_fraction
)
select * from unnest(
    %(field_id)s::bigint[], %(acquisition_id)s::text[], %(verdict)s::text[],
    %(clear_fraction)s::real[], %(tulip_probability)s::real[], %(bloom_fraction)s::real[]
)
on conflict (field_id, acquisition_id) do update
set
    verdict = excluded.verdict,
    clear_fraction = excluded.clear_fraction,
    tulip_probability = excluded.tulip_probability,
    bloom_fraction = excluded.bloom_fraction
where (old.verdict, old.clear_fraction, old.tulip_probability, old.bloom_fraction)
    is distinct from (
        excluded.verdict, excluded.clear_fraction, excluded.tulip_probability,
        excluded.bloom_fraction
    )
