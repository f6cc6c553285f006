"""The data folder: where it is, that one node has it, and the publish key in it.

The lock is a `flock`, which the kernel releases whatever becomes of the process, so a
crash leaves nothing to clean up.  The number in the lock file is for the message only.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import sys
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType

from meshproto.errors import StateError

LOCK_NAME = "lock"
KEY_BYTES = 24


class LockedError(StateError):
    """Another process has the folder."""


def default_folder(environ: Mapping[str, str], platform: str = sys.platform) -> Path:
    """Where this platform keeps a user's data (XDG base directories on Unix)."""
    home = Path(environ.get("HOME") or Path.home())
    if platform == "darwin":
        return home / "Library" / "Application Support" / "meshnode"
    if platform == "win32":
        return Path(environ.get("LOCALAPPDATA") or home) / "meshnode"
    xdg = environ.get("XDG_DATA_HOME", "")
    return (Path(xdg) if xdg.startswith("/") else home / ".local/share") / "meshnode"


class DataFolder:
    """A folder of our own.  As a context it is locked; `LockedError` if it is taken."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock: int | None = None

    @property
    def key_file(self) -> Path:
        """Where the publish key lies, once there is one."""
        return self.path / "publish.key"

    @property
    def token_key_file(self) -> Path:
        """Where the token key lies, once there is one."""
        return self.path / "token.key"

    def create(self) -> None:
        """Make the folder, readable by nobody else.  Raises `StateError`."""
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise StateError(
                f"--data {self.path} cannot be made: {error.strerror}"
            ) from None

    def __enter__(self) -> DataFolder:
        self.create()
        try:
            self._lock = os.open(self.path / LOCK_NAME, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise StateError(
                f"--data {self.path} cannot be used: {error.strerror}"
            ) from None
        if not _lock(self._lock):
            holder = os.read(self._lock, 20).decode("ascii", "replace").strip()
            self._close()
            by = f"process {holder}" if holder else "another process"
            raise LockedError(f"--data {self.path} is in use by {by}")
        os.ftruncate(self._lock, 0)
        os.write(self._lock, str(os.getpid()).encode())
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._close()

    def read_key(self) -> str | None:
        """The publish key in the folder, None if there is none."""
        try:
            return self.key_file.read_text(encoding="utf-8").strip() or None
        except FileNotFoundError:
            return None
        except (OSError, UnicodeError) as error:
            raise StateError(f"{self.key_file} cannot be read: {error}") from None

    def make_key(self, *, replace: bool = False) -> str:
        """A new publish key, written for our eyes only.

        Raises `StateError` where there is one and `replace` does not allow to lose it.
        """
        key = secrets.token_urlsafe(KEY_BYTES)
        self._write(self.key_file, f"{key}\n".encode(), replace=replace)
        return key

    def make_token_key(self, *, replace: bool = False) -> None:
        """A new Ed25519 key that signs tokens; raises as `make_key` does."""
        from cryptography.hazmat.primitives import serialization as form  # noqa: PLC0415
        from cryptography.hazmat.primitives.asymmetric import ed25519  # noqa: PLC0415

        pem = ed25519.Ed25519PrivateKey.generate().private_bytes(
            form.Encoding.PEM, form.PrivateFormat.PKCS8, form.NoEncryption()
        )
        self._write(self.token_key_file, pem, replace=replace)

    def _write(self, path: Path, content: bytes, *, replace: bool) -> None:
        """Write a secret: whole or not at all, and never readable by others."""
        self.create()
        if path.exists() and not replace:
            raise StateError(f"{path} exists: add --force to replace that key")
        fresh = path.with_suffix(".new")
        fresh.unlink(missing_ok=True)
        try:
            file = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except OSError as error:
            raise StateError(f"{path} cannot be written: {error.strerror}") from None
        with os.fdopen(file, "wb") as stream:
            stream.write(content)
        fresh.replace(path)

    def _close(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None


def _lock(file: int) -> bool:
    """Take the lock without waiting; platforms without flock go without."""
    with contextlib.suppress(ImportError):
        import fcntl  # noqa: PLC0415 - not on every platform

        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
    return True
