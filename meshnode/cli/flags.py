"""The flags of a node, as they are typed: texts, checked later with all other sources.

Every field has the name of a setting (`meshnode/config.py`), so that one validator and
one style of message serve flags, environment and file alike.  Nothing heavy is imported
here: this module is read by every `meshnode --help`.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Group, Parameter

from meshproto.errors import StateError

if TYPE_CHECKING:
    from meshnode.config import Settings

NETWORK = Group.create_ordered("Where it listens")
ACCESS = Group.create_ordered("Who may do what")
MESH = Group.create_ordered("The mesh")
OPERATION = Group.create_ordered("How it runs")

Text = str | None
Texts = tuple[str, ...]


def _in(group: Group, text: str) -> Parameter:
    """A flag; the last one wins, so that advice can be pasted behind a command."""
    return Parameter(
        group=group, help=text, negative="", show_default=False, allow_repeating=True
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFlags:
    """What was typed; None and () mean not given."""

    port: Annotated[
        Text, _in(NETWORK, "UDP port of all media and STUN [5000]; 0 takes a free one.")
    ] = None
    http: Annotated[
        Text,
        _in(
            NETWORK,
            "HOST:PORT of page, WHIP and WHEP [127.0.0.1:8080]; 0.0.0.0:8080 to be"
            " reached from other machines.",
        ),
    ] = None
    admin: Annotated[
        Text,
        _in(NETWORK, "HOST:PORT of /status, /metrics and commands [127.0.0.1:8081]."),
    ] = None
    dialects: Annotated[
        Text,
        _in(
            NETWORK,
            "NAME=HOST:PORT, several with commas: ports for unchanged clients of"
            " monoport and tutorial (tutorial-p2p: peer to peer), such as"
            " monoport=:8000 [none].",
        ),
    ] = None
    public_ip: Annotated[
        Texts,
        _in(
            NETWORK,
            "Address by which the outside reaches the media port, where a NAT or a"
            " cloud hides it. Repeatable.",
        ),
    ] = ()
    advertise: Annotated[
        Texts,
        _in(
            NETWORK,
            "The exact addresses to tell clients, instead of those found. Repeatable.",
        ),
    ] = ()
    map_port: Annotated[
        bool | None,
        _in(
            NETWORK,
            "Ask the router, by PCP, NAT-PMP or UPnP, to let others in by --port [no].",
        ),
    ] = None
    hosts: Annotated[
        Texts,
        _in(
            NETWORK,
            "Local addresses the media port binds [0.0.0.0 and ::]. Repeatable.",
        ),
    ] = ()
    public_url: Annotated[
        Text,
        _in(
            NETWORK,
            "How others call this node, such as https://live.example.org: for links,"
            " and behind a proxy.",
        ),
    ] = None
    tls_cert: Annotated[
        Text,
        _in(
            NETWORK,
            "PEM certificate chain; with --tls-key the page is https, which browsers"
            " demand before they give the camera.",
        ),
    ] = None
    tls_key: Annotated[Text, _in(NETWORK, "PEM private key of the certificate.")] = None
    publish_key_file: Annotated[
        Text,
        _in(
            ACCESS,
            "File with the secret that publishers send as Bearer token (or the"
            " environment: MESHNODE_PUBLISH_KEY). Without one everybody on this machine"
            " may publish; where others can reach the node, one is made in --data.",
        ),
    ] = None
    token_key_file: Annotated[
        Text,
        _in(
            ACCESS,
            "PEM file with an Ed25519 key whose tokens are honoured besides those made"
            " with the publish key [token.key in --data, if there].",
        ),
    ] = None
    open_rooms: Annotated[
        bool | None,
        _in(ACCESS, "Let whoever reaches the page join rooms without a key [no]."),
    ] = None
    dialect_metrics: Annotated[
        bool | None,
        _in(ACCESS, "Serve /metrics of --http under the names of sfu-go [no]."),
    ] = None
    trusted_proxy: Annotated[
        Texts,
        _in(
            ACCESS,
            "Address or network of a proxy whose X-Forwarded-For is believed."
            " Repeatable.",
        ),
    ] = ()
    limit: Annotated[
        Texts,
        _in(
            ACCESS,
            "NAME=NUMBER, a bound to change, such as viewers_per_stream=200; `meshnode"
            " status` shows them all. Repeatable.",
        ),
    ] = ()
    bootstrap: Annotated[
        Texts,
        _in(
            MESH,
            "A node of the mesh to join by: HOST, HOST:PORT [5000] or a multiaddr, each"
            " also with /p2p/ID. Repeatable.",
        ),
    ] = ()
    mesh: Annotated[
        bool | None,
        Parameter(
            group=MESH,
            help="Be part of a mesh that others may join [yes]; --no-mesh: alone.",
            show_default=False,
        ),
    ] = None
    max_upload: Annotated[
        Text,
        _in(MESH, "What may be sent to others, such as 20M (bits a second) [10M]."),
    ] = None
    max_upload_month: Annotated[
        Text, _in(MESH, "Bytes that may leave in a month, such as 500G [no limit].")
    ] = None
    max_viewers: Annotated[
        Text, _in(MESH, "Viewers of all streams together [no limit].")
    ] = None
    max_relays: Annotated[
        Text, _in(MESH, "Copies to other nodes, of all streams together [no limit].")
    ] = None
    allow: Annotated[
        Text,
        _in(
            MESH,
            "File of the only streams and nodes to carry and link, one a line: `stream"
            " NAME`, `claim FINGERPRINT` or `node ID`; read again on SIGHUP.",
        ),
    ] = None
    deny: Annotated[
        Text,
        _in(MESH, "File, as for --allow, of what to have nothing to do with."),
    ] = None
    dual: Annotated[
        Texts,
        _in(
            MESH,
            "Stream whose sound and lowest layer come over two ways all the time;"
            ' repeatable, "*": every stream [none].',
        ),
    ] = ()
    role: Annotated[
        Literal["both", "relay", "edge"] | None,
        _in(
            MESH,
            "relay: carries streams of others, serves no clients; edge: serves clients"
            " and carries only what they publish [both].",
        ),
    ] = None
    operator: Annotated[
        Text,
        _in(MESH, "One name for all nodes that you run: trees spread over families."),
    ] = None
    data: Annotated[
        Text,
        _in(
            OPERATION,
            "Folder for keys, locked while a node runs [meshnode in the user's data"
            " folder].",
        ),
    ] = None
    config: Annotated[
        Text,
        _in(
            OPERATION,
            "TOML file with any of these settings (public_ip for --public-ip, [limits]"
            " for --limit).",
        ),
    ] = None
    plane: Annotated[
        Literal["auto", "reference", "native"] | None,
        _in(OPERATION, "The packet path [auto: native where it is built]."),
    ] = None
    log_level: Annotated[
        Literal["debug", "info", "warning", "error"] | None,
        _in(OPERATION, "How much is logged [info]."),
    ] = None
    log_format: Annotated[
        Literal["console", "json"] | None,
        _in(OPERATION, "For people, or one JSON object a line [console]."),
    ] = None


def settings_from(flags: RunFlags) -> Settings:
    """All sources merged.  Raises `StateError` with one sentence per mistake."""
    from meshnode.cli.sources import load  # noqa: PLC0415 - keeps --help quick

    given = {
        field.name: getattr(flags, field.name)
        for field in fields(flags)
        if field.name not in {"limit", "config"} and getattr(flags, field.name) != ()
    }
    config = flags.config or os.environ.get("MESHNODE_CONFIG")
    return load(
        {**given, "limits": _limits(flags.limit)},
        os.environ,
        Path(config) if config else None,
    )


def _limits(pairs: tuple[str, ...]) -> dict[str, str]:
    limits = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or not name:
            raise StateError(
                f"--limit is {pair!r} but should be NAME=NUMBER such as streams=500"
            )
        limits[name.strip().replace("-", "_")] = value.strip()
    return limits
