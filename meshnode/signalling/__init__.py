"""The front doors: WHIP and WHEP over one session model, page, status and metrics.

Where to look.  A request passes `doorway` (with `trust`, `buckets`, `problems`), is
authorised by `access`, and reaches a handler: `endpoints` for POST, `resource` for the
session, `extensions` for events and layers, `lists`, `page`, `operator`; `routes` says
which path is whose.  Handlers turn it into `calls`, which negotiate (`entries`), keep
HTTP `sessions` and tell the registry, `streams`, who publishes (`stream`, `members`,
`directory`).  What happens leaves as `happenings` through `broadcast`.  The media port
is known by the types in `seam` only.  RFC 0004 is the specification.
"""
