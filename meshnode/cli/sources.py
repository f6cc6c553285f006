"""Where settings come from: flags > environment > TOML file > defaults, key by key.

Each value keeps the place it came from, because a good message names what a person
would have to change.  Keys nobody knows are errors in the file, and in the environment
where they look like a slip of the pen (other programs may own `MESHNODE_` names).
Secrets are never flags and never lie in the configuration: they come from files of
their own or from the environment.
"""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import ValidationError

from meshnode.config import Limits, Settings
from meshproto.errors import StateError

ENVIRONMENT_PREFIX = "MESHNODE_"
NESTED = "__"
SECRETS = frozenset({"publish_key"})
ALIASES: Mapping[str, tuple[str, ...]] = {
    "SFU_PUBLIC_IP": ("public_ip",),
    "SFU_MAX_ROOMS": ("limits", "rooms"),
    "SFU_MAX_PEERS_PER_ROOM": ("limits", "members_per_room"),
    "SFU_WS_READ_LIMIT": ("limits", "socket_frame_bytes"),
    "SFU_RATE_LIMIT_PER_SEC": ("limits", "socket_messages_per_s"),
    "SFU_RATE_LIMIT_BURST": ("limits", "socket_burst"),
}
"""Names by which the environment of an sfu-go server says the same; ours come first.
SFU_HOST and SFU_PORT together are `http`.
"""


class _Found(NamedTuple):
    """A value and the place a person would change to correct it."""

    value: object
    place: str


Found = dict[tuple[str, ...], _Found]


def load(
    flags: Mapping[str, object] | None = None,
    environ: Mapping[str, str] | None = None,
    file: Path | None = None,
) -> Settings:
    """Settings from all sources, the first that has a key wins.

    `flags` and the file have the shape of `Settings`; `flags` that are None were not
    given.  Raises `StateError` whose text is one sentence per mistake, a line each.
    """
    found: Found = {}
    if file is not None:
        found.update(_from_file(file))
    found.update(_from_aliases(environ or {}))
    found.update(_from_environment(environ or {}))
    found.update(_from_flags(flags or {}))
    try:
        return Settings.model_validate(_nested(found))
    except ValidationError as error:
        raise StateError("\n".join(_sentences(error, found))) from None


def _names() -> set[tuple[str, ...]]:
    plain = {(name,) for name in Settings.model_fields if name != "limits"}
    return plain | {("limits", name) for name in Limits.model_fields}


def _flag(path: Iterable[str]) -> str:
    *above, name = path
    return f"--limit {name}" if above else f"--{name.replace('_', '-')}"


def _from_flags(flags: Mapping[str, object]) -> Found:
    return {
        path: _Found(value, _flag(path))
        for path, value in _leaves(flags)
        if value is not None
    }


def _from_environment(environ: Mapping[str, str]) -> Found:
    known = {ENVIRONMENT_PREFIX + NESTED.join(path).upper(): path for path in _names()}
    for name in environ:
        if name.startswith(ENVIRONMENT_PREFIX) and name not in known:
            close = difflib.get_close_matches(name, known, 1, cutoff=0.85)
            if close:
                raise StateError(f"{name} is no setting; did you mean {close[0]}?")
    return {
        path: _Found(environ[name], name)
        for name, path in known.items()
        if name in environ
    }


def _from_aliases(environ: Mapping[str, str]) -> Found:
    found = {
        path: _Found(environ[name], name)
        for name, path in ALIASES.items()
        if environ.get(name)
    }
    host, port = environ.get("SFU_HOST", ""), environ.get("SFU_PORT", "")
    if host or port:
        place = "SFU_PORT" if port else "SFU_HOST"
        found["http",] = _Found(f"{host or '0.0.0.0'}:{port or '8080'}", place)
    return found


def _from_file(file: Path) -> Found:
    try:
        content = tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise StateError(f"{file}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise StateError(f"{file} is not TOML: {error}") from error
    found: Found = {}
    known = {".".join(path) for path in _names()}
    for path, value in _leaves(content):
        key = ".".join(path)
        if key in SECRETS:
            raise StateError(
                f"{key} in {file}: a secret belongs into a file of its own,"
                f" named by {key}_file"
            )
        if key not in known:
            raise StateError(
                f"{key} in {file} is no setting{_did_you_mean(key, known)}"
            )
        found[path] = _Found(value, f"{key} in {file}")
    return found


def _did_you_mean(key: str, known: Iterable[str]) -> str:
    known = sorted(known)
    close = difflib.get_close_matches(key.replace("-", "_"), known, 1, cutoff=0.6)
    return f"; did you mean {close[0]}?" if close else f" (known: {', '.join(known)})"


def _leaves(tree: Mapping[str, object]) -> list[tuple[tuple[str, ...], object]]:
    leaves: list[tuple[tuple[str, ...], object]] = []
    for name, value in tree.items():
        if isinstance(value, Mapping):
            leaves += [((name, *path), leaf) for path, leaf in _leaves(value)]
        else:
            leaves.append(((name,), value))
    return leaves


def _nested(found: Found) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    for path, (value, _) in found.items():
        inner = tree
        for name in path[:-1]:
            inner = inner.setdefault(name, {})
        inner[path[-1]] = value
    return tree


def _sentences(error: ValidationError, found: Found) -> list[str]:
    return [_sentence(detail, found) for detail in error.errors(include_url=False)]


def _sentence(detail: Any, found: Found) -> str:
    """One mistake: the place, the value, and what was expected."""
    location = tuple(part for part in detail["loc"] if isinstance(part, str))
    expected = detail["msg"].removeprefix("Value error, ").removeprefix("Input ")
    if not location:
        return str(expected)
    if detail["type"] == "extra_forbidden":
        # a --limit: all other names are flags, or were checked where they came from
        guess = _did_you_mean(location[-1], Limits.model_fields)
        return f"{_flag(location)} is no limit{guess}"
    place = found[location].place if location in found else ".".join(location)
    shown = "hidden" if location[-1] in SECRETS else repr(_plain(detail["input"]))
    return f"{place} is {shown} but {expected.split(', unable')[0]}"


def _plain(value: object) -> object:
    return str(value) if isinstance(value, Path) else value
