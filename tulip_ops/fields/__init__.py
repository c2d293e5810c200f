"""Field polygons, identities and seasons from probabilities: pure functions.

`pipeline` and `ml` import this package; it imports no I/O library.
"""
