"""Which node to enter by: the least sum of origin to node and node to here.

A node lists others by which a stream can be watched (`/api/entries`).  Each is sent a
few plain STUN Bindings on its media port, the very way that media would take, and the
sum of the told delay and half the measured round trip decides.  The nearest node alone
would be the wrong choice where it lies far from the origin.

Everything here is a wish: a server that knows no entries, a list that makes no sense or
probes that nobody answers leave the viewer where it asked.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import math
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import aiohttp

from meshnode.client.urls import stream_name
from meshproto.errors import DecodeError
from meshproto.wire import stun, stun_binding

LIST_TIMEOUT_S = 2.0
LIST_BYTES_MAX = 1 << 16
ENTRIES_MAX = 16
PROBES = 3
PROBE_EVERY_S = 0.03
PROBE_TIMEOUT_S = 0.4
"""For all entries together: they are asked at one time."""
WORTH_S = 0.005
"""What another node must gain over the one that was asked."""
COST_MAX_S = 60.0


@dataclass(frozen=True, slots=True)
class Entry:
    """A node of the list, as far as it is usable."""

    whep: str
    stun: tuple[str, int]
    cost_s: float
    here: bool


async def nearest(http: aiohttp.ClientSession, url: str) -> str:
    """The WHEP URL to use instead of `url`, `url` itself where that is best."""
    entries = await listed(http, url)
    if len(entries) < 2:
        return url
    trips = await round_trips({entry.stun for entry in entries})
    best, own_s, best_s = url, math.inf, math.inf
    for entry in entries:
        trip_s = trips.get(entry.stun)
        if trip_s is None:
            continue
        total_s = entry.cost_s + trip_s / 2
        if entry.here:
            own_s = total_s
        elif total_s < best_s:
            best, best_s = entry.whep, total_s
    return best if best_s < own_s - WORTH_S else url


async def listed(http: aiohttp.ClientSession, url: str) -> list[Entry]:
    """The entries that the server of `url` names; none where it names none."""
    with contextlib.suppress(aiohttp.ClientError, TimeoutError, OSError, ValueError):
        timeout = aiohttp.ClientTimeout(total=LIST_TIMEOUT_S)
        params = {"stream": stream_name(url)}
        asked = _entries_url(url)
        async with http.get(asked, params=params, timeout=timeout) as response:
            if response.status == 200:
                return list(_usable(url, json.loads(await _body(response))))
    return []


def _entries_url(url: str) -> str:
    parts = urlsplit(url)
    above = parts.path.partition("/whep/")[0]
    return urlunsplit((parts.scheme, parts.netloc, f"{above}/api/entries", "", ""))


async def _body(response: aiohttp.ClientResponse) -> bytes:
    body = await response.content.read(LIST_BYTES_MAX + 1)
    if len(body) > LIST_BYTES_MAX:
        raise ValueError("the list of entries is too long")
    return body


def _usable(url: str, answer: Any) -> Iterable[Entry]:
    rows = answer.get("entries") if isinstance(answer, dict) else None
    for row in rows[:ENTRIES_MAX] if isinstance(rows, list) else ():
        entry = _entry(row) if isinstance(row, dict) else None
        # https is never left for http, whoever proposes it
        if entry and (entry.whep.startswith("https:") or not url.startswith("https:")):
            yield entry


def _entry(row: dict[str, Any]) -> Entry | None:
    whep, address, cost_ms = row.get("whep"), row.get("stun"), row.get("cost_ms")
    if not isinstance(whep, str) or not isinstance(address, str):
        return None
    if not isinstance(cost_ms, int | float) or not 0 <= cost_ms <= COST_MAX_S * 1000:
        return None
    if not whep.startswith(("http://", "https://")):
        return None
    host, _, port = address.rpartition(":")
    if not port.isascii() or not port.isdigit() or not 0 < int(port) < 65536:
        return None
    here = row.get("here") is True
    if not here and row.get("slots") == 0:
        return None
    return Entry(whep, (host.strip("[]"), int(port)), cost_ms / 1000, here)


async def round_trips(
    addresses: Iterable[tuple[str, int]],
) -> dict[tuple[str, int], float]:
    """The shortest round trip to each STUN address that answers, in seconds."""
    wanted = list(addresses)
    found = await asyncio.gather(*map(_round_trip_s, wanted))
    return {a: s for a, s in zip(wanted, found, strict=True) if s is not None}


async def _round_trip_s(address: tuple[str, int]) -> float | None:
    loop = asyncio.get_running_loop()
    try:
        transport, probe = await loop.create_datagram_endpoint(
            _Probe, remote_addr=address
        )
    except OSError:
        return None
    try:
        for _ in range(PROBES):
            transport.sendto(probe.request())
            await asyncio.sleep(PROBE_EVERY_S)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(PROBE_TIMEOUT_S):
                await probe.answered.wait()
    finally:
        transport.close()
    return probe.best_s


class _Probe(asyncio.DatagramProtocol):
    """Asks one STUN server."""

    def __init__(self) -> None:
        self.best_s: float | None = None
        self.answered = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._asked: dict[bytes, float] = {}

    def request(self) -> bytes:
        """One Binding request, which leaves now."""
        transaction = secrets.token_bytes(12)
        self._asked[transaction] = self._loop.time()
        return stun_binding.request(transaction)

    def datagram_received(self, data: bytes, _address: object) -> None:
        """An answer, or something else."""
        try:
            message = stun.decode(data)
        except DecodeError:
            return
        asked = self._asked.pop(message.transaction_id, None)
        if asked is None or message.message_type != stun_binding.SUCCESS:
            return
        trip_s = self._loop.time() - asked
        self.best_s = trip_s if self.best_s is None else min(self.best_s, trip_s)
        self.answered.set()

    def error_received(self, _error: Exception) -> None:
        """Nobody listens there; the time-out says so."""
