-- Forget over which acquisitions an area lies.
delete from tulip.acquisition_area where area = %(name)s
