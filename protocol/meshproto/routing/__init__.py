"""Which way to that origin: RFC 8966's discipline, one table per node (RFC 0010).

`router` is the machine; its parts are `distance` (what may be used without a loop),
`selection` (what is used), `telling` (who is told what, and when), `requests` (how a
starved node gets a newer number), `digest` (how two tables are compared), `wants`
(origins beyond the limit) and `cost` (what a link costs).  `table` holds the rows.
"""
