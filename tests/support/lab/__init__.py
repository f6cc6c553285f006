"""A laboratory for the live mesh: many hosts, their networks and their faults.

`spaces` makes and leaves network namespaces, `wire` joins them (delay, jitter, loss,
rate, cuts; a program of its own, driven by `wiring`), `nat` puts address translators
in between, `processes` runs nodes there, `source` and `viewer` are a publisher and
viewers without codecs, `figures` says what came out.  `lab` puts them together.
"""
