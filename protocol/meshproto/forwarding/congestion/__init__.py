"""Send-side congestion control of one client transport (RFC 0003).

`sender.TransportSender` is the door, and the only thing the forwarder uses.  Behind it:

- `history`: what was sent when, to make sense of transport-wide feedback;
- `delay`, `loss`, `estimator`: how much the path carries;
- `pacer`: when a burst may go, and what waits if it may not;
- `prober`: padding that finds out whether more would fit;
- `allocation`: which simulcast layer each viewer's track gets out of that.
"""
