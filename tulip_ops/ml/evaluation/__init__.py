"""What a network is worth: predictions beside labels, metrics, intervals, calibration.

`ml/training`, `reports` and `cli` import this package; what counts needs no Keras.
"""
