"""`meshnode status`: what a running node says about itself, for people."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from typing import Annotated, Any

from cyclopts import Parameter

from meshnode.cli.flags import RunFlags, settings_from
from meshnode.cli.terminal import command, say
from meshproto.errors import StateError

ABOUT = """\
Ask a running node what it is doing: its addresses, streams, viewers and limits.

Asks the admin address, on the machine of the node."""
TIMEOUT_S = 5.0
BYTES_MAX = 1 << 24

app = command("status", ABOUT)


@app.default
def status(
    *,
    admin: Annotated[
        str | None, Parameter(help="Admin address of the node [127.0.0.1:8081].")
    ] = None,
    as_json: Annotated[
        bool,
        Parameter(
            name="--json", negative="", show_default=False, help="The whole answer."
        ),
    ] = False,
) -> int:
    """Fetch and print."""
    settings = settings_from(RunFlags(admin=admin))
    answer = fetch(f"http://{settings.admin}/status")
    if as_json:
        say(json.dumps(answer, indent=2))
        return 0
    for line in lines_of(answer):
        say(line)
    return 0


def fetch(url: str) -> dict[str, Any]:
    """The JSON object at `url`.  Raises `StateError` with one sentence."""
    try:
        # the scheme is ours: fetch() is called with http URLs of our own making
        with urllib.request.urlopen(url, timeout=TIMEOUT_S) as response:  # noqa: S310
            found = json.loads(response.read(BYTES_MAX))
    except (urllib.error.URLError, OSError) as error:
        reason = getattr(error, "reason", error)
        reason = getattr(reason, "strerror", None) or reason
        raise StateError(
            f"no node answers at {url} ({reason}); is it running, and is this its"
            " --admin address?"
        ) from None
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise StateError(f"{url} answered, but it is no node's status")
    return found


def lines_of(answer: dict[str, Any]) -> list[str]:
    """The status as lines of text, missing parts left out."""
    lines = [
        f"meshnode {answer.get('version', '?')}  {answer.get('state', '?')}"
        f"  up {duration(float(answer.get('uptime_s', 0)))}"
        f"  plane {answer.get('plane', '?')}",
        f"advertised  {' '.join(answer.get('addresses') or ['none'])}",
    ]
    lines += [f"{name:<11} {url}" for name, url in (answer.get("urls") or {}).items()]
    streams = answer.get("streams") or []
    lines += ["", f"streams: {len(streams)}"]
    for stream in streams:
        lines += _stream(stream)
    lines += _mesh(answer.get("mesh") or {})
    lines += _lent(answer.get("volunteer") or {})
    limits = answer.get("limits") or {}
    if limits:
        lines += ["", "limits (change with --limit NAME=NUMBER):"]
        lines += [f"  {name} = {value}" for name, value in sorted(limits.items())]
    return lines


def _mesh(mesh: dict[str, Any]) -> list[str]:
    if not mesh:
        return []
    peers = mesh.get("peers") or []
    lines = ["", f"mesh: node {mesh.get('node')}  reach {mesh.get('reach')}"]
    lines += [f"  peers: {len(peers)}"]
    lines += [f"    {_peer(peer)}" for peer in peers]
    lines += [f"  streams known: {len(mesh.get('streams') or [])}"]
    for tree in mesh.get("trees") or []:
        parent = tree.get("parent") or "-"
        lines.append(
            f"    {tree.get('name') or tree.get('stream')}  {tree.get('state')}"
            f"  parent {parent[-8:]}  children {len(tree.get('children') or [])}"
        )
    return lines


def _peer(peer: dict[str, Any]) -> str:
    rtt_s = peer.get("rtt_s")
    rtt = "?" if rtt_s is None else f"{rtt_s * 1000:.1f} ms"
    return f"{peer.get('node')}  {peer.get('purpose')}  {rtt}  loss {peer.get('loss')}"


def _lent(lent: dict[str, Any]) -> list[str]:
    """What is given away now, and the operator's limits in force."""
    if not lent:
        return []
    lines = [
        "",
        f"upload: {_rate(lent.get('upload_bps'))} now, of it"
        f" {_rate(lent.get('relayed_bps'))} to other nodes;"
        f" {lent.get('month_octets', 0) / 1e9:.2f} GB this month",
    ]
    if lent.get("grant", 1) < 1:
        lines.append(f"overloaded: offers {lent['grant']:.0%} of its capacity")
    lines += map(_carried, lent.get("carrying") or [])
    named = {
        "max_upload_bps": "--max-upload",
        "max_upload_month": "--max-upload-month",
        "max_viewers": "--max-viewers",
        "max_relays": "--max-relays",
        "allowed": "--allow, lines",
        "denied": "--deny, lines",
    }
    set_ = [
        f"{flag} = {lent[k]}" for k, flag in named.items() if lent.get(k) is not None
    ]
    return [*lines, f"  limits: {', '.join(set_) or 'none set'}"]


def _carried(each: dict[str, Any]) -> str:
    name, copies = each.get("name") or each.get("stream"), each.get("copies", 0)
    viewers = each.get("viewers", 0)
    return f"  carries {name}: {copies} copies to nodes, {viewers} viewers"


def _rate(bps: object) -> str:
    return f"{bps / 1e6:.2f} Mb/s" if isinstance(bps, int | float) else "?"


def duration(seconds: float) -> str:
    """Two units at most: `45 s`, `3 min 5 s`, `2 h 10 min`, `4 d 3 h`."""
    whole = int(seconds)
    units = ((86400, "d"), (3600, "h"), (60, "min"), (1, "s"))
    for index, (size, name) in enumerate(units[:-1]):
        if whole >= size:
            smaller, smaller_name = units[index + 1]
            return f"{whole // size} {name} {whole % size // smaller} {smaller_name}"
    return f"{whole} s"


def _stream(stream: dict[str, Any]) -> list[str]:
    head = (
        f"  {stream.get('name')}  {stream.get('state')}"
        f"  {duration(float(stream.get('age_s', 0)))}"
        f"  viewers {stream.get('viewers', 0)}"
    )
    return [head, *(_track(track) for track in stream.get("tracks") or [])]


def _track(track: dict[str, Any]) -> str:
    layers = ", ".join(_layer(layer) for layer in track.get("layers") or [])
    return f"    {track.get('kind')}  {track.get('codec')}  {layers}".rstrip()


def _layer(layer: dict[str, Any]) -> str:
    parts = [str(layer.get("rid") or "")]
    if layer.get("width"):
        parts.append(f"{layer['width']}x{layer['height']}")
    parts.append(f"{layer.get('bitrate_bps', 0) / 1000:.0f} kb/s")
    return " ".join(part for part in parts if part)
