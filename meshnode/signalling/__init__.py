"""The front doors: WHIP and WHEP over one session model, page, status and metrics."""
