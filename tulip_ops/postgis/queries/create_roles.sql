-- The group roles, unless they are there; whoever migrates becomes a member of the owner.
do $$
declare
    wanted text;
begin
    foreach wanted in array array['tulip_owner', 'tulip_writer', 'tulip_reader'] loop
        if not exists (select from pg_roles where rolname = wanted) then
            begin
                execute format('create role %I nologin', wanted);
            exception when duplicate_object or unique_violation then
                null;  -- a migration of another database of this server was first
            end;
        end if;
    end loop;
    begin
        set local role tulip_owner;
        reset role;
    exception when insufficient_privilege then
        execute format('grant tulip_owner to %I', session_user);
    end;
end
$$
