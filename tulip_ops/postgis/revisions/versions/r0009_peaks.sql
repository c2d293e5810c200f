-- Peaks that neighbours help to date.

comment on column tulip.field_season.peak is
    'Most likely day of full bloom: the middle of the seven days that most probably hold it, by the shares in flower on all clear days and as neighbours flowered; null where it did not bloom.';

-- What is known is summed up by the new rule.
insert into tulip.stale (field_id, season) select field_id, season from tulip.field_season;
