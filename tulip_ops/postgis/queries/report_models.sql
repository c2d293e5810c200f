-- The networks behind the detections in an area that count.
select m.role, m.name, m.version, m.sha256, count(*), min(m.day), max(m.day)
from (
    select
        role.role,
        case role.role when 'U-Net' then d.model_name else d.cloud_filter_name end as name,
        case role.role when 'U-Net' then d.model_version else d.cloud_filter_version end as version,
        case role.role when 'U-Net' then d.model_sha256 else d.cloud_filter_sha256 end as sha256,
        d.day
    from tulip.area a
    join tulip.detection_layer d
        on d.simulated = %(simulated)s
        and d.counts
        and d.geometry && a.geometry
        and st_intersects(a.geometry, st_pointonsurface(d.geometry))
    cross join (values ('U-Net'), ('cloud filter')) as role (role)
    where a.name = %(area)s
) as m
group by m.role, m.name, m.version, m.sha256
order by m.role, m.name, m.version, m.sha256
