"""From a model's card to probabilities of a raster: registry, engines, windows, streaming.

`pipeline`, `reports`, `services`, `cli` and the rest of `ml` import this package. Keras is loaded
where a network is built, and with an export never.
"""
