-- Keep what seasons say of the fields under an acquisition, before another U-Net's result replaces
-- its own; what was kept of the same U-Net before stays.
insert into tulip.past_field_season (
    unet_id, field_id, season, simulated, verdict, clear_looks, area_m2, onset_earliest,
    onset_latest, peak, end_earliest, end_latest, confidence, geometry
)
select
    a.unet_id, s.field_id, s.season, f.simulated, s.verdict, s.clear_looks, s.area_m2,
    s.onset_earliest, s.onset_latest, s.peak, s.end_earliest, s.end_latest, s.confidence,
    f.geometry
from tulip.acquisition a
join tulip.observation o using (acquisition_id)
join tulip.field_season s on s.field_id = o.field_id and s.season = a.season
join tulip.field f on f.field_id = s.field_id
where a.acquisition_id = %(id)s and a.unet_id <> %(unet_id)s
on conflict (unet_id, field_id, season, drawn_from) do nothing
