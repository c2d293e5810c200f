"""Evaluation of networks: predictions, metrics, intervals, calibration.

`ml/training`, `reports` and `cli` import this package; only predictions need Keras.
"""
