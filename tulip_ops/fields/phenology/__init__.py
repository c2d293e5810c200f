"""From what each date says of a field to its season: observations, bloom curves, verdict.

`pipeline` imports this package; it imports no library for input or output.
"""
