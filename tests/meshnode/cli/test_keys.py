"""keygen and token, with a node's own doorkeeper as the judge."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from meshnode.signalling.access import Right, TokenKey

Run = Callable[..., subprocess.CompletedProcess[str]]
PUBLISH_AND_PLAY = {Right.PUBLISH, Right.PLAY}


def key_in(done: subprocess.CompletedProcess[str]) -> str:
    return done.stdout.splitlines()[0].removeprefix("publish key: ")


def test_a_key_is_shown_once_and_kept(meshnode: Run, tmp_path: Path) -> None:
    done = meshnode("keygen", "--data", str(tmp_path / "d"))
    assert done.returncode == 0
    assert key_in(done) == (tmp_path / "d" / "publish.key").read_text().strip()
    again = meshnode("keygen", "--data", str(tmp_path / "d"))
    assert again.returncode == 2
    assert "add --force" in again.stderr
    assert key_in(done) not in again.stdout + again.stderr
    forced = meshnode("keygen", "--data", str(tmp_path / "d"), "--force")
    assert key_in(forced) != key_in(done)


def test_the_default_folder(meshnode: Run, tmp_path: Path) -> None:
    meshnode("keygen")
    assert (tmp_path / "meshnode" / "publish.key").exists()


def test_a_token_grants_what_was_said(meshnode: Run) -> None:
    key = TokenKey.derive(key_in(meshnode("keygen")))
    token = meshnode("token", "demo", "--rights", "publish", "--expires", "2h").stdout
    grant = key.verify(token.strip(), time.time())
    assert grant is not None
    assert (grant.stream, grant.rights) == ("demo", {Right.PUBLISH})
    assert key.verify(token.strip(), time.time() + 7190) is not None
    assert key.verify(token.strip(), time.time() + 7210) is None


def test_tokens_from_every_source_of_a_key(meshnode: Run, tmp_path: Path) -> None:
    token = meshnode("token", "*", MESHNODE_PUBLISH_KEY="from the environment").stdout
    grant = TokenKey.derive("from the environment").verify(token.strip(), time.time())
    assert grant is not None
    assert grant.stream == "*"
    assert grant.rights == PUBLISH_AND_PLAY
    file = tmp_path / "key"
    file.write_text("from a file\n")
    token = meshnode("token", "demo", "--publish-key-file", str(file)).stdout
    assert TokenKey.derive("from a file").verify(token.strip(), time.time())


def test_a_token_key_signs_without_opening(meshnode: Run, tmp_path: Path) -> None:
    made = meshnode("keygen", "--token-key")
    file = tmp_path / "meshnode" / "token.key"
    assert str(file) in made.stdout
    token = meshnode("token", "demo").stdout.strip()
    assert TokenKey.load(file).verify(token, time.time())
    elsewhere = meshnode("token", "demo", "--token-key-file", str(file), "--data", "/x")
    assert TokenKey.load(file).verify(elsewhere.stdout.strip(), time.time())


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["a b"], "'a b' should be a stream name"),
        (["x" * 129], "should be a stream name"),
        (
            ["demo", "--rights", "fly"],
            "--rights is 'fly' but should be some of publish",
        ),
        (["demo", "--rights", ","], "--rights is ','"),
        (["demo", "--expires", "1y"], "--expires is '1y' but should be like 90m"),
        (["demo", "--expires", "0d"], "--expires is '0d'"),
        (["demo", "--expires", "9999w"], "--expires is '9999w'"),
        (["demo", "--expires", "²d"], "--expires is '²d'"),
        (["demo"], "there is no key in"),
    ],
)
def test_what_cannot_be_signed(meshnode: Run, arguments: list[str], said: str) -> None:
    done = meshnode("token", *arguments)
    assert said in done.stderr
    assert done.returncode == 2
    assert done.stdout == ""
