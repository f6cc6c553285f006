"""What people read: a report as a value, on the terminal, as JSON and as a page.

`build` makes a `Report` of an observation; everything else only shows it, so a report
that was saved can be shown again (`model` reads and writes it).
"""
