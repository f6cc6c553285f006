"""A laboratory for the live mesh: many hosts, their networks and their faults.

`namespaces` makes and leaves network namespaces, `hosts` keeps some as long as a block
is open.  In a `lab` they are joined by `wire` (delay, jitter, loss, rate, cuts; a
program of its own, driven by `wiring`), in a `switch` by the kernel's bridge.  `nat`
puts address translators in between, `processes` runs nodes there, `source` and `viewer`
are a publisher and viewers without codecs, `datagrams` is less than that, `figures`
says what came out.
"""
