"""From probabilities to polygons, identities and seasons: pure functions.

`pipeline` and `ml` import this package; it imports no library for input or output.
"""
