"""From scenes to a model in its folder: augmentation, the loop, losses, exports, cards.

`cli`, `reports` and `bench/` import this package.
"""
