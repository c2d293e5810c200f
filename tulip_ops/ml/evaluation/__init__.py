"""Evaluation of networks: predictions, metrics, intervals, calibration.

`ml/training`, `reports` and `cli` import this package; what counts needs no Keras.
"""
