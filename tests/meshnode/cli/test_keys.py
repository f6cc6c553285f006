"""keygen and token, with a node's own doorkeeper as the judge."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from meshnode.signalling.access import Right, TokenKey

Say = Callable[..., tuple[int, str, str]]
PUBLISH_AND_PLAY = {Right.PUBLISH, Right.PLAY}


def key_in(output: str) -> str:
    return output.splitlines()[0].removeprefix("publish key: ")


def test_a_key_is_shown_once_and_kept(say: Say, tmp_path: Path) -> None:
    code, output, _ = say("keygen", "--data", str(tmp_path / "d"))
    assert code == 0
    assert key_in(output) == (tmp_path / "d" / "publish.key").read_text().strip()
    code, again, errors = say("keygen", "--data", str(tmp_path / "d"))
    assert code == 2
    assert "add --force" in errors
    assert key_in(output) not in again + errors
    _, forced, _ = say("keygen", "--data", str(tmp_path / "d"), "--force")
    assert key_in(forced) != key_in(output)


def test_the_default_folder(say: Say, tmp_path: Path) -> None:
    say("keygen")
    assert (tmp_path / "meshnode" / "publish.key").exists()


def test_a_token_grants_what_was_said(say: Say) -> None:
    key = TokenKey.derive(key_in(say("keygen")[1]))
    token = say("token", "demo", "--rights", "publish", "--expires", "2h")[1].strip()
    grant = key.verify(token, time.time())
    assert grant is not None
    assert (grant.stream, grant.rights) == ("demo", {Right.PUBLISH})
    assert key.verify(token, time.time() + 7190) is not None
    assert key.verify(token, time.time() + 7210) is None


def test_tokens_from_every_source_of_a_key(
    say: Say, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "key"
    file.write_text("from a file\n")
    token = say("token", "demo", "--publish-key-file", str(file))[1].strip()
    assert TokenKey.derive("from a file").verify(token, time.time())
    monkeypatch.setenv("MESHNODE_PUBLISH_KEY", "from the environment")
    token = say("token", "*")[1].strip()
    grant = TokenKey.derive("from the environment").verify(token, time.time())
    assert grant is not None
    assert grant.stream == "*"
    assert grant.rights == PUBLISH_AND_PLAY


def test_a_token_key_signs_without_opening(say: Say, tmp_path: Path) -> None:
    file = tmp_path / "meshnode" / "token.key"
    assert str(file) in say("keygen", "--token-key")[1]
    token = say("token", "demo")[1].strip()
    assert TokenKey.load(file).verify(token, time.time())
    token = say("token", "demo", "--token-key-file", str(file), "--data", "/x")[
        1
    ].strip()
    assert TokenKey.load(file).verify(token, time.time())


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
def test_what_cannot_be_signed(say: Say, arguments: list[str], said: str) -> None:
    code, output, errors = say("token", *arguments)
    assert said in errors
    assert (code, output) == (2, "")
