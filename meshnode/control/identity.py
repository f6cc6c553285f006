"""Who this node is: its Ed25519 key and its epoch (RFC 0005 sections 2 and 3).

With a data folder both outlive the process: `identity.key` (PEM, for our eyes only) and
`epoch` (the last one used, in decimal).  An epoch that went back would make the mesh
ignore everything the node says, so it is written to disk before it is used.  Without a
folder a node is somebody new at each start.
"""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization as form
from cryptography.hazmat.primitives.asymmetric.ed25519 import (
    Ed25519PrivateKey,
    Ed25519PublicKey,
)

from meshproto.errors import DecodeError, StateError
from meshproto.ids import NodeId
from meshproto.wire import peer_id

KEY_NAME = "identity.key"
EPOCH_NAME = "epoch"
EPOCH_AHEAD_MAX_MS = 86_400_000
"""Records of an epoch further ahead than a day are refused by others (section 8)."""


@dataclass(frozen=True, slots=True, repr=False)
class KeyPair:
    """An Ed25519 key; `node` is what others call its holder."""

    seed: bytes
    node: NodeId = field(init=False)
    _private: Ed25519PrivateKey = field(init=False, compare=False)

    def __post_init__(self) -> None:
        private = Ed25519PrivateKey.from_private_bytes(self.seed)
        public = private.public_key().public_bytes_raw()
        object.__setattr__(self, "_private", private)
        object.__setattr__(self, "node", peer_id.from_ed25519(public))

    def __repr__(self) -> str:
        return f"<KeyPair of {peer_id.to_text(self.node)}>"

    @classmethod
    def generate(cls) -> KeyPair:
        """A fresh key."""
        return cls(Ed25519PrivateKey.generate().private_bytes_raw())

    def sign(self, data: bytes) -> bytes:
        """The signature of `data`, 64 octets."""
        return self._private.sign(data)


def verify(node: NodeId, data: bytes, signature: bytes) -> bool:
    """Whether `node` signed `data`; False too for an id that holds no Ed25519 key."""
    try:
        key = Ed25519PublicKey.from_public_bytes(peer_id.ed25519_key(node))
        key.verify(signature, data)
    except (InvalidSignature, DecodeError, ValueError):
        return False
    return True


@dataclass(frozen=True, slots=True)
class Identity:
    """The key of this node and the epoch of this start, in ms since 1970."""

    keys: KeyPair
    epoch: int


def open_identity(data: Path | None, wall_ms: int) -> Identity:
    """The identity kept in `data`, made if there is none; a passing one without `data`.

    Raises `StateError` with one sentence for a key that others can read, that is no
    key, or for an epoch that lies too far ahead of the clock (`wall_ms`).
    """
    if data is None:
        return Identity(KeyPair.generate(), wall_ms)
    return Identity(load_keys(data / KEY_NAME), next_epoch(data / EPOCH_NAME, wall_ms))


def load_keys(path: Path) -> KeyPair:
    """The key in `path`, written first if there is no such file."""
    try:
        with path.open("rb") as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            content = file.read()
    except FileNotFoundError:
        return _make_keys(path)
    except OSError as error:
        raise StateError(f"{path} cannot be read: {error.strerror}") from None
    if os.name == "posix" and mode & 0o077:
        raise StateError(f"{path} is open to other users: type chmod 600 {path}")
    try:
        private = form.load_pem_private_key(content, None)
    except (ValueError, TypeError):
        private = None
    if not isinstance(private, Ed25519PrivateKey):
        raise StateError(
            f"{path} holds no Ed25519 key: move it away and a new identity is made"
        )
    return KeyPair(private.private_bytes_raw())


def next_epoch(path: Path, wall_ms: int) -> int:
    """The epoch of this start, kept in `path` before it is returned."""
    try:
        last = int(path.read_text(encoding="ascii"))
    except FileNotFoundError:
        last = 0
    except (OSError, ValueError):
        raise StateError(
            f"{path} holds no number: delete it if the clock was always right"
        ) from None
    if last - wall_ms > EPOCH_AHEAD_MAX_MS:
        days = (last - wall_ms) // EPOCH_AHEAD_MAX_MS
        raise StateError(
            f"{path} is {days} days ahead of the clock: set the clock, or delete the"
            " file if the clock was wrong before"
        )
    epoch = max(wall_ms, last + 1)
    _write(path, b"%d\n" % epoch)
    return epoch


def _make_keys(path: Path) -> KeyPair:
    keys = KeyPair.generate()
    pem = Ed25519PrivateKey.from_private_bytes(keys.seed).private_bytes(
        form.Encoding.PEM, form.PrivateFormat.PKCS8, form.NoEncryption()
    )
    _write(path, pem)
    return keys


def _write(path: Path, content: bytes) -> None:
    """Whole or not at all, on disk when it returns, readable by nobody else."""
    fresh = path.with_suffix(".new")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        fresh.unlink(missing_ok=True)
        file = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(file, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        fresh.replace(path)
    except OSError as error:
        raise StateError(f"{path} cannot be written: {error.strerror}") from None
