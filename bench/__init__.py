"""Cost per delivered packet, set-up, memory and latency, as ratios within one run.

    make bench                      everything, about ten minutes
    python -m bench cost --quick    one part, small
    python -m bench soak            ten minutes below the rate at which loss begins

Absolute times drift on shared machines; what counts is the ratio to a baseline that ran
between the same repeats.  CPU is that of the serving process alone (user + system, from
the kernel's accounting), never wall time; load and receivers live in another process.

The servers are children: a real `meshnode run` with viewers that join by WHEP
(`node_run`), the loop everybody writes first (`naive`), and aiortc's MediaRelay
(`relay`).  What is common to all is the load (`shapes`, `load`).  Two choices make
figures comparable, and they flatter nobody:

- The packets of one frame are protected first and then sent back to back, so a server
  has them in hand together.  Where a publisher paces them apart, bursts are shorter.
- Receivers do not ask for UDP_GRO.  On loopback a datagram is delivered within the
  sender's call, so the cost of cutting a segmented burst is the server's; a receiver
  with GRO would make bursts look almost free.
"""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

# The light client and the child node are shared with the tests.
for folder in ("tests", "protocol", "simulations"):
    if str(ROOT / folder) not in sys.path:
        sys.path.insert(0, str(ROOT / folder))
