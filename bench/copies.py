"""The limit: a loop in Rust that copies what comes to everybody, and does nothing else.

No encryption, no rewriting, no feedback; recvmmsg with GRO in, sendmmsg of segmented
runs out.  What a relay costs besides is what it does besides.

Run as a process: reads one JSON line `{"viewers": [[host, port], ..]}` after printing
`{"port": n}`.
"""

from __future__ import annotations

import json
import sys
import threading

from meshnode import _native


def main() -> None:
    """Serve until standard input ends."""
    copies = _native.Copies("127.0.0.1")
    print(json.dumps({"port": copies.port}), flush=True)
    order = json.loads(sys.stdin.readline())
    viewers = [tuple(viewer) for viewer in order["viewers"]]
    loop = threading.Thread(target=copies.run, args=(viewers, order["how"]))
    loop.start()
    sys.stdin.read()
    copies.stop()
    loop.join()


if __name__ == "__main__":
    main()
