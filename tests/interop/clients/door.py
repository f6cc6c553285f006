"""WHIP and WHEP in the standard library: post an offer, delete the session.

Shared by the Python clients, one of which runs under the system's own interpreter, so
nothing beyond the standard library is imported.  Each client is a program:

    CLIENT publish|play URL [--codec vp8] [--key KEY] [--seconds 10] [...]

A publisher prints `live` once it is connected and goes on until its standard input
closes.  A player prints one line of JSON, a `Result`.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import asdict, dataclass

CONNECT_DEADLINE_S = 20.0
FIRST_FRAME_DEADLINE_S = 20.0


@dataclass
class Result:
    """What a player saw during the seconds after its first frame."""

    frames: int = 0
    seconds: float = 0.0
    first_frame_s: float = 0.0
    audio: int = 0
    note: str = ""


def arguments() -> argparse.Namespace:
    """The command line that all clients share."""
    parser = argparse.ArgumentParser()
    parser.add_argument("action", choices=["publish", "play"])
    parser.add_argument("url")
    parser.add_argument("--codec", default="vp8")
    parser.add_argument("--key", default="")
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--simulcast", action="store_true")
    return parser.parse_args()


def post(url: str, offer: str, key: str = "") -> tuple[str, str]:
    """The answer and the session's URL; retries while there is no publisher (409)."""
    deadline = time.monotonic() + CONNECT_DEADLINE_S
    while True:
        try:
            return _post(url, offer, key)
        except urllib.error.HTTPError as error:
            if error.code != 409 or time.monotonic() > deadline:
                text = error.read().decode(errors="replace")
                raise SystemExit(f"{error.code} {text[:300]}") from error
            time.sleep(float(error.headers.get("Retry-After", "1")))


def _post(url: str, offer: str, key: str) -> tuple[str, str]:
    headers = {"Content-Type": "application/sdp"}
    if key:
        headers["Authorization"] = f"Bearer {key}"
    request = urllib.request.Request(url, offer.encode(), headers, method="POST")
    with urllib.request.urlopen(request, timeout=10) as response:
        session = urllib.parse.urljoin(url, response.headers["Location"])
        return response.read().decode(), session


def delete(session: str, key: str = "") -> None:
    """End the session; a node that is gone already is fine."""
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    request = urllib.request.Request(session, headers=headers, method="DELETE")
    with contextlib.suppress(OSError):
        urllib.request.urlopen(request, timeout=5).close()


def live() -> None:
    """Tell the runner that media flows from now on."""
    print("live", flush=True)


def until_told() -> None:
    """Return when the runner closes our standard input."""
    sys.stdin.read()


async def told() -> None:
    """The same for asyncio programs."""
    await asyncio.to_thread(until_told)


def report(result: Result) -> None:
    """The player's one line."""
    print(json.dumps(asdict(result)), flush=True)
