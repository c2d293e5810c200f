"""From a field's observations to its season: observations, bloom curves, verdict.

`pipeline` imports this package; it imports no I/O library.
"""
