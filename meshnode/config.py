"""Every setting of a node in one typed object.

`Settings` is plain data: building it reads neither environment nor configuration, so
that somebody else's program can hold several nodes without surprises.  The command
line fills it from flags > environment > file > defaults (`meshnode/cli/sources.py`).

The names here are the flags (`--public-ip`), the environment (`MESHNODE_PUBLIC_IP`,
`MESHNODE_LIMITS__STREAMS`) and the keys of the TOML file (`public_ip`, `[limits]`).
Validators say what a value *should be*; whoever shows the message puts the place and
the value in front, which makes one sentence.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Literal, NamedTuple
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    model_validator,
)

from meshproto.errors import StateError


class Endpoint(NamedTuple):
    """Where to listen: `host` without brackets, `port` 0 for any free one."""

    host: str
    port: int

    @classmethod
    def parse(cls, text: str) -> Endpoint:
        """Read `HOST:PORT`, `[::1]:8080` too.  Raises `ValueError`."""
        host, colon, port = text.strip().rpartition(":")
        bracketed = host.startswith("[") and host.endswith("]")
        host = host[1:-1] if bracketed else host
        good = colon and host and port.isascii() and port.isdigit() and len(port) < 6
        if not good or int(port) > 65535 or bracketed != (":" in host):
            raise ValueError("should be HOST:PORT such as 127.0.0.1:8080 or [::1]:8080")
        return cls(host, int(port))

    def __str__(self) -> str:
        return (
            f"[{self.host}]:{self.port}"
            if ":" in self.host
            else ":".join((self.host, str(self.port)))
        )

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can reach it."""
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"


def _endpoint(value: object) -> str:
    return str(Endpoint.parse(str(value)))


def _several(value: object) -> object:
    """A list, or one text with commas (the environment has no lists)."""
    if isinstance(value, str):
        return tuple(value.replace(",", " ").split())
    return value


def _address(text: str) -> str:
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        raise ValueError("should be an IP address such as 203.0.113.7") from None


def _network(text: str) -> str:
    try:
        return str(ipaddress.ip_network(text, strict=False))
    except ValueError:
        raise ValueError("should be an address or network such as 10.0.0.0/8") from None


def _origin(text: str) -> str:
    """The start of every URL we print: scheme and authority, nothing else."""
    message = "should be like https://live.example.org, without a path"
    try:
        parts = urlsplit(text.strip())
        port = parts.port
    except ValueError:
        raise ValueError(message) from None
    extra = parts.path.strip("/") or parts.query or parts.fragment or parts.username
    if text and (parts.scheme not in {"http", "https"} or not parts.hostname or extra):
        raise ValueError(message)
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    return f"{parts.scheme}://{host}{f':{port}' if port else ''}" if text else ""


def _expanded(path: Path) -> Path:
    try:
        return path.expanduser()
    except RuntimeError:  # ~nobody
        raise ValueError("should be a path; that user has no home here") from None


def _folder(value: object) -> Path:
    # Path("") is the folder one happens to be in: no place for keys that nobody named
    if not isinstance(value, str | Path) or not str(value).strip():
        raise ValueError("should be a folder")
    return _expanded(Path(value))


def _readable(path: Path) -> Path:
    path = _expanded(path)
    if not path.is_file():
        raise ValueError("should be an existing file")
    return path


_FACTORS = {"K": 1_000, "M": 1_000_000, "G": 1_000_000_000, "T": 10**12}


def _scaled(units: tuple[str, ...], wanted: str) -> Callable[[object], object]:
    """Reads a number, or one with K, M, G or T behind it, and then perhaps a unit."""

    def read(value: object) -> object:
        if not isinstance(value, str):
            return value
        number, factor = value.strip(), 1
        for unit in units:
            number = number.removesuffix(unit)
        if number[-1:].upper() in _FACTORS:
            number, factor = number[:-1], _FACTORS[number[-1].upper()]
        try:
            return int(float(number) * factor)
        except (ValueError, OverflowError):
            raise ValueError(f"should be {wanted}") from None

    return read


def _delays(value: object) -> object:
    """`127.1.0.2=20 127.1.0.3=35`: milliseconds by address."""
    if not isinstance(value, str):
        return value
    pairs = (pair.partition("=") for pair in value.replace(",", " ").split())
    try:
        return {address: float(ms) for address, _, ms in pairs}
    except ValueError:
        raise ValueError(
            "should be ADDRESS=MILLISECONDS, several with spaces"
        ) from None


DIALECTS = ("monoport", "tutorial", "tutorial-p2p")
_DIALECTS_WANTED = (
    f"should be NAME=PORT or NAME=HOST:PORT with NAME one of {', '.join(DIALECTS)},"
    " such as monoport=:8000,tutorial=:8082"
)


def _dialects(value: object) -> object:
    """`monoport=:8000,tutorial=127.0.0.1:8082`: where to listen, by dialect."""
    if not isinstance(value, str):
        return value
    found: dict[str, str] = {}
    for word in value.replace(",", " ").split():
        name, _, where = word.partition("=")
        if name in found or not where:
            raise ValueError(_DIALECTS_WANTED)
        found[name] = where
    return found


def _dialect_endpoints(value: dict[str, str]) -> dict[str, str]:
    """Checked; a port alone means the host of `http`."""
    for name, where in value.items():
        port = where.removeprefix(":")
        try:
            Endpoint.parse(f"localhost:{port}" if port.isdigit() else where)
        except ValueError:
            raise ValueError(_DIALECTS_WANTED) from None
        if name not in DIALECTS:
            raise ValueError(_DIALECTS_WANTED)
    return value


_bytes = _scaled(("B",), "bytes such as 500G or 1.5T")
_bit_rate = _scaled(("bps", "b/s"), "bits a second such as 20M or 800K")
ByteSize = Annotated[int, BeforeValidator(_bytes), Field(ge=0, le=10**18)]
BitRate = Annotated[int, BeforeValidator(_bit_rate), Field(ge=0, le=10**12)]
ListenAddress = Annotated[str, BeforeValidator(_endpoint)]
IpAddress = Annotated[str, AfterValidator(_address)]
Addresses = Annotated[tuple[IpAddress, ...], BeforeValidator(_several)]
Networks = Annotated[
    tuple[Annotated[str, AfterValidator(_network)], ...], BeforeValidator(_several)
]
Origin = Annotated[str, AfterValidator(_origin)]
ReadableFile = Annotated[Path, AfterValidator(_readable)]
Folder = Annotated[Path, BeforeValidator(_folder)]


class Limits(BaseModel):
    """Bounds of every table; a full one refuses and names the limit."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    transports: Annotated[int, Field(ge=1)] = 2048
    """Client transports on the media port."""
    tracks_per_client: Annotated[int, Field(ge=1)] = 16
    """Media sections that one client may bring."""
    ssrcs_per_transport: Annotated[int, Field(ge=1)] = 64
    """RTP sources of one client."""
    sdp_bytes: Annotated[int, Field(ge=1024)] = 65536
    """Size of a session description."""
    sessions_per_address: Annotated[int, Field(ge=1)] = 64
    """Sessions opened from one IP address."""
    streams: Annotated[int, Field(ge=1)] = 1024
    """Streams published at this node."""
    viewers_per_stream: Annotated[int, Field(ge=1)] = 1024
    """Viewers of one stream."""
    history_bytes: Annotated[int, Field(ge=65536)] = 8 * 2**20
    """Packet history of one layer."""
    requests_per_minute: Annotated[int, Field(ge=1)] = 240
    """POST, PATCH and DELETE requests of one IP address."""
    events_subscribers: Annotated[int, Field(ge=1)] = 256
    """Open event streams."""
    message_bytes: Annotated[int, Field(ge=1)] = 65536
    """One data-channel message."""
    rooms: Annotated[int, Field(ge=1)] = 1000
    """Rooms with members at this node, or made here."""
    members_per_room: Annotated[int, Field(ge=1)] = 100
    """Members of one room."""
    socket_frame_bytes: Annotated[int, Field(ge=1024)] = 524288
    """One message of a room's WebSocket."""
    socket_messages_per_s: Annotated[int, Field(ge=1)] = 20
    """Messages of one WebSocket a second, in the long run."""
    socket_burst: Annotated[int, Field(ge=1)] = 40
    """Messages of one WebSocket at once."""


class Settings(BaseModel):
    """What a person can say about a node."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    port: Annotated[int, Field(ge=0, le=65535)] = 5000
    """UDP port of all media; 0 takes a free one."""
    hosts: Annotated[Addresses, Field(min_length=1)] = ("0.0.0.0", "::")
    """Local addresses the media port binds."""
    http: ListenAddress = "127.0.0.1:8080"
    """Where the page, WHIP and WHEP are served."""
    admin: ListenAddress = "127.0.0.1:8081"
    """Where status, metrics and commands are served; keep it on loopback."""
    dialects: Annotated[
        dict[str, str],
        BeforeValidator(_dialects),
        AfterValidator(_dialect_endpoints),
    ] = Field(default_factory=dict)
    """Signalling of other projects on ports of its own (RFC 0015): where, by name."""
    public_ip: Addresses = ()
    """Addresses by which the outside reaches the media port, added to our own."""
    advertise: Addresses = ()
    """The exact addresses to advertise instead of those found."""
    map_port: bool = False
    """Ask the router (PCP, NAT-PMP or UPnP) to lead the port to this machine."""
    public_url: Origin = ""
    """Origin of the URLs that are printed and linked, as seen from outside."""
    tls_cert: ReadableFile | None = None
    """PEM certificate chain for https."""
    tls_key: ReadableFile | None = None
    """PEM private key of the certificate."""
    open_rooms: bool = False
    """Whether whoever reaches the page may join rooms, without any key."""
    dialect_metrics: bool = False
    """Whether /metrics of `http` speaks the names of the sfu-go project."""
    trusted_proxy: Networks = ()
    """Proxies whose Forwarded headers are believed."""
    data: Folder | None = None
    """Folder for keys; None keeps nothing on disk."""
    publish_key: Annotated[SecretStr, Field(min_length=1)] | None = None
    """The secret publishers must show, from MESHNODE_PUBLISH_KEY or an embedder."""
    publish_key_file: ReadableFile | None = None
    """File holding that secret."""
    token_key_file: ReadableFile | None = None
    """PEM file with an Ed25519 key whose tokens are honoured too."""
    mesh: bool | None = None
    """Whether to be part of a mesh; None: where `bootstrap` names one.  (The command
    line takes None for yes: a node that others may join.)"""
    bootstrap: Annotated[tuple[str, ...], BeforeValidator(_several)] = ()
    """Nodes of the mesh to join by: HOST, HOST:PORT or a multiaddr."""
    max_upload: BitRate = 10_000_000
    """What may be sent to others, in bit/s; K, M and G are understood."""
    dual: Annotated[tuple[str, ...], BeforeValidator(_several)] = ()
    """Names of streams whose sound and lowest layer come here over two ways all the
    time, so that no node between is missed when it dies; "*": of all."""
    role: Literal["both", "relay", "edge"] = "both"
    """relay: carries streams of others and serves no clients; edge: serves clients and
    carries only what they publish; both."""
    max_upload_month: ByteSize | None = None
    """Bytes that may leave in a calendar month (UTC); K, M, G and T are understood."""
    max_viewers: Annotated[int, Field(ge=0)] | None = None
    """Viewers of all streams together."""
    max_relays: Annotated[int, Field(ge=0, le=65_535)] | None = None
    """Copies to other nodes, of all streams together."""
    allow: ReadableFile | None = None
    """File that lists the only streams and nodes to deal with; read again on SIGHUP."""
    deny: ReadableFile | None = None
    """File that lists streams and nodes to have nothing to do with."""
    delays: Annotated[
        dict[str, Annotated[float, Field(ge=0, le=2000)]], BeforeValidator(_delays)
    ] = Field(default_factory=dict)
    """For demonstrations: milliseconds by which media to an address is held back."""
    operator: Annotated[str, Field(max_length=64)] = ""
    """Name of a family of nodes that one person runs; peers spread over families."""
    plane: Literal["auto", "reference", "native"] = "auto"
    """Which packet path runs; auto prefers native where it is built."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """How much is logged."""
    log_format: Literal["console", "json"] = "console"
    """For people, or one JSON object a line."""
    limits: Limits = Limits()
    """Bounds of every table."""

    @model_validator(mode="after")
    def _belong_together(self) -> Settings:
        if (self.tls_cert is None) != (self.tls_key is None):
            missing = "tls_key" if self.tls_key is None else "tls_cert"
            raise ValueError(
                "tls_cert and tls_key belong together: "
                f"also set --{missing.replace('_', '-')}"
            )
        return self

    @model_validator(mode="after")
    def _listen_apart(self) -> Settings:
        taken: dict[Endpoint, str] = {}
        listeners = {"http": self.http_endpoint, "admin": self.admin_endpoint}
        for name, endpoint in {**listeners, **self.dialect_endpoints}.items():
            other = taken.setdefault(endpoint, name) if endpoint.port else name
            if other != name:
                mover = f"{other}=" if other in DIALECTS else f"--{other} "
                free = Endpoint(endpoint.host, endpoint.port + 1)
                raise ValueError(
                    f"{other} and {name} both want {endpoint}: give one of them"
                    f" another port, such as {mover}{free}"
                )
        return self

    @property
    def upload_cap_bps(self) -> int | None:
        """What may leave at most, None where nobody set a limit: then `max_upload` is
        only what other nodes are offered.
        """
        return self.max_upload if "max_upload" in self.model_fields_set else None

    @property
    def meshed(self) -> bool:
        """Whether this node is part of a mesh."""
        return bool(self.bootstrap) if self.mesh is None else self.mesh

    def is_dual(self, name: str) -> bool:
        """Whether the stream of this name is to come over two ways."""
        return name in self.dual or "*" in self.dual

    @property
    def http_endpoint(self) -> Endpoint:
        """`http` taken apart."""
        return Endpoint.parse(self.http)

    @property
    def admin_endpoint(self) -> Endpoint:
        """`admin` taken apart."""
        return Endpoint.parse(self.admin)

    @property
    def dialect_endpoints(self) -> dict[str, Endpoint]:
        """`dialects` taken apart; a port alone is on the host of `http`."""
        host = self.http_endpoint.host
        found = {}
        for name, where in self.dialects.items():
            port = where.removeprefix(":")
            alone = port.isdigit()
            found[name] = Endpoint(host, int(port)) if alone else Endpoint.parse(where)
        return found

    def read_publish_key(self) -> str | None:
        """The publishers' secret from wherever it is, None when publishing is open.

        Raises `StateError` for an empty or unreadable file.
        """
        if self.publish_key is not None:
            return self.publish_key.get_secret_value()
        if self.publish_key_file is None:
            return None
        try:
            key = self.publish_key_file.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeError) as error:
            raise StateError(f"{self.publish_key_file}: {error}") from error
        if not key:
            raise StateError(f"{self.publish_key_file} is empty: write the key into it")
        return key
