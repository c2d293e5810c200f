-- What quarantine means now that every kind of bad data leads there.

comment on column tulip.acquisition.state is
    'discovered, then acquired, screened, segmented, vectorized, recorded as the steps are done; skipped (nothing more to do), failed (the last attempt failed; a repeat may help, and comes half a day later) or quarantined (its data are bad, and a repeat would read the same) otherwise.';
