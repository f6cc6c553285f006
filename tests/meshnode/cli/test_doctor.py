"""`meshnode doctor` finds what would stop a node, before it does."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
from pydantic import SecretStr

from meshnode.cli.checks import BAD, NOTE, OK, findings
from meshnode.cli.folder import DataFolder
from meshnode.cli.main import main
from meshnode.config import Settings
from meshnode.media import native

FREE = {"port": 0, "http": "127.0.0.1:0", "admin": "127.0.0.1:0"}


def found(subject: str, **options: object) -> list[tuple[str, str]]:
    settings = Settings.model_validate({**FREE, **options})
    return [
        (verdict, text) for verdict, of, text in findings(settings) if of == subject
    ]


def test_a_good_machine(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    flags = [word for name, value in FREE.items() for word in (f"--{name}", str(value))]
    assert main(["doctor", "--data", str(tmp_path / "d"), *flags]) == 0
    said = capsys.readouterr().out
    for subject in ("python", "openssl", "plane", "GSO", "addresses", "ports", "data"):
        assert f" {subject} " in said
    assert not (tmp_path / "d").exists()


def test_the_plane(tmp_path: Path) -> None:
    ((verdict, text),) = found("plane", plane="auto")
    assert verdict == OK
    assert text == "native: built here" or text.startswith("reference: ")
    assert found("plane", plane="reference") == [(OK, "reference: asked for")]
    ((verdict, text),) = found("plane", plane="native")
    if native.missing():
        assert (verdict, "`make native` builds it" in text) == (BAD, True)
    else:
        assert (verdict, text) == (OK, "native: asked for")


def test_addresses() -> None:
    ((_, told), (note, _)) = found("addresses", advertise=["10.0.0.9"])
    assert told == "clients are told 10.0.0.9"
    assert note == NOTE
    assert [v for v, _ in found("addresses", advertise=["1.1.1.1"])] == [OK]
    assert [v for v, _ in found("addresses", hosts="0.0.0.0", advertise=["::1"])] == [
        BAD
    ]


def test_a_taken_port(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        http = f"127.0.0.1:{other.getsockname()[1]}"
        ((verdict, text),) = found("ports", http=http)
        assert verdict == BAD
        assert "--http 127.0.0.1:" in text
        assert main(["doctor", "--http", http]) == 1
    assert "bad   ports" in capsys.readouterr().out


def test_the_data_folder(tmp_path: Path) -> None:
    data = tmp_path / "d"
    assert found("data", data=data) == [(OK, f"{data} will be made")]
    with DataFolder(data):
        assert found("data", data=data)[0][0] == BAD
    assert [v for v, _ in found("data", data=data)] == [OK]
    data.chmod(0o755)
    assert [v for v, _ in found("data", data=data)] == [OK, NOTE]
    (tmp_path / "file").write_text("")
    assert found("data", data=tmp_path / "file")[0][0] == BAD


def test_access() -> None:
    assert "publishing is open" in found("access")[0][1]
    assert "asks for the key" in found("access", publish_key=SecretStr("k"))[0][1]
    assert "will ask" in found("access", http="0.0.0.0:0")[0][1]
    assert found("camera", http="0.0.0.0:0")[0][0] == NOTE
    assert found("admin", admin="0.0.0.0:0")[0][0] == NOTE
