-- Everybody who may read our tables may read their styles; only its owner can say so.
do $$
begin
    if pg_has_role(
        (select relowner from pg_class where oid = 'public.layer_styles'::regclass), 'usage'
    ) then
        grant select on public.layer_styles to tulip_reader, tulip_writer;
    end if;
end
$$
