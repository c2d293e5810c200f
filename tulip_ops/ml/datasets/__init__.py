"""Scenes with labels to train and evaluate on: simulated, own images, parcels, Planet's.

`ml/evaluation`, `ml/training`, `reports` and `cli` import this package; it needs no Keras.
"""
