"""What `meshnode doctor` looks at.  Each check yields findings and changes nothing."""

from __future__ import annotations

import contextlib
import ipaddress
import os
import platform
import shutil
import socket
import ssl
from collections.abc import Iterator
from importlib.metadata import version

from cryptography.hazmat.backends.openssl import backend

from meshnode.cli.conflicts import taken_flags
from meshnode.cli.folder import DataFolder, LockedError, default_folder
from meshnode.config import Settings
from meshnode.node.addresses import advertised, local_addresses
from meshnode.node.planes import choose
from meshproto.errors import StateError

OK, NOTE, BAD = "ok", "note", "bad"
Finding = tuple[str, str, str]
"""Verdict, subject, and a sentence."""

SOL_UDP = 17
UDP_SEGMENT = 103
UDP_GRO = 104
RECEIVE_BUFFER_WANTED_BYTES = 8 * 2**20


def findings(settings: Settings) -> Iterator[Finding]:
    """Everything there is to say, the machine first."""
    yield from _software()
    yield _plane(settings)
    yield from _offload()
    yield from _receive_buffer()
    yield from _addresses(settings)
    yield from _ports(settings)
    yield from _folder(settings)
    yield from _access(settings)


def _software() -> Iterator[Finding]:
    yield OK, "python", f"{platform.python_version()} on {platform.platform()}"
    yield OK, "openssl", f"{backend.openssl_version_text()} for DTLS and keys"
    yield OK, "https", f"{ssl.OPENSSL_VERSION} for the page"
    names = ("aiohttp", "aiortc", "av", "cryptography")
    yield OK, "packages", ", ".join(f"{name} {version(name)}" for name in names)


def _plane(settings: Settings) -> Finding:
    try:
        chosen = choose(settings)
    except StateError as error:
        return BAD, "plane", str(error)
    return OK, "plane", f"{chosen.name}: {chosen.why}"


def _offload() -> Iterator[Finding]:
    for name, option, gain in (
        ("GSO", UDP_SEGMENT, "packets of a frame leave in one system call"),
        ("GRO", UDP_GRO, "bursts arrive in one system call"),
    ):
        if _accepts(option):
            yield OK, name, gain
        else:
            yield NOTE, name, "not offered by this kernel: every packet costs a call"


def _accepts(option: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.setsockopt(SOL_UDP, option, 1)
        except OSError:
            return False
    return True


def _receive_buffer() -> Iterator[Finding]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        with contextlib.suppress(OSError):
            probe.setsockopt(
                socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER_WANTED_BYTES
            )
        got = probe.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) // 2
    if got >= RECEIVE_BUFFER_WANTED_BYTES:
        yield OK, "buffer", f"{got // 1024} KiB of receive buffer"
        return
    yield (
        NOTE,
        "buffer",
        f"{got // 1024} KiB of receive buffer; for busy nodes: sysctl"
        f" net.core.rmem_max={RECEIVE_BUFFER_WANTED_BYTES}",
    )


def _addresses(settings: Settings) -> Iterator[Finding]:
    named = advertised(
        [(host, settings.port) for host in settings.hosts],
        machine=local_addresses(),
        public=settings.public_ip,
        exact=settings.advertise,
        loopback=settings.http_endpoint.is_loopback,
    )
    if not named:
        yield BAD, "addresses", "none to advertise: name one with --advertise"
        return
    shown = [host for host, _ in named]
    yield OK, "addresses", f"clients are told {' '.join(shown)}"
    if not any(ipaddress.ip_address(host).is_global for host in shown):
        yield (
            NOTE,
            "addresses",
            "none of them is public: from outside this network a node is reached only"
            " with --public-ip and a forwarded port",
        )


def _ports(settings: Settings) -> Iterator[Finding]:
    taken = taken_flags(settings)
    if taken:
        yield BAD, "ports", f"in use (a running node?); to move: {' '.join(taken)}"
    else:
        shown = f"UDP {settings.port}, TCP {settings.http} and {settings.admin}"
        yield OK, "ports", f"free: {shown}"


def _folder(settings: Settings) -> Iterator[Finding]:
    folder = DataFolder(settings.data or default_folder(os.environ))
    if not folder.path.exists():
        yield OK, "data", f"{folder.path} will be made"
        return
    try:
        with folder:
            pass
    except LockedError as error:
        yield BAD, "data", str(error)
        return
    except StateError as error:
        yield BAD, "data", str(error)
        return
    free = shutil.disk_usage(folder.path).free
    yield OK, "data", f"{folder.path}, {free // 2**20} MiB free"
    if folder.path.stat().st_mode & 0o077:
        yield NOTE, "data", f"others can look into {folder.path}: chmod 700 closes it"


def _access(settings: Settings) -> Iterator[Finding]:
    if settings.read_publish_key() is not None:
        yield OK, "access", "publishing asks for the key"
    elif settings.http_endpoint.is_loopback and not settings.public_url:
        yield OK, "access", "the page is for this machine only, publishing is open"
    else:
        yield OK, "access", "publishing will ask for the key in the data folder"
    if not settings.http_endpoint.is_loopback and settings.tls_cert is None:
        yield NOTE, "camera", "browsers give it to https pages only: add --tls-cert"
    if not settings.admin_endpoint.is_loopback:
        yield NOTE, "admin", f"{settings.admin} is open to others: keep it on loopback"
