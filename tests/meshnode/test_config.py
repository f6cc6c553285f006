"""Settings hold their promises whoever builds them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from pydantic import SecretStr, ValidationError

from meshnode.config import Endpoint, Settings
from meshproto.errors import StateError


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("127.0.0.1:8080", "127.0.0.1", 8080),
        ("[::1]:8080", "::1", 8080),
        ("localhost:0", "localhost", 0),
        (" [2001:db8::1]:65535 ", "2001:db8::1", 65535),
    ],
)
def test_an_endpoint_reads_and_writes_itself(text: str, host: str, port: int) -> None:
    endpoint = Endpoint.parse(text)
    assert (endpoint.host, endpoint.port) == (host, port)
    assert str(endpoint) == text.strip()


@pytest.mark.parametrize(
    "text",
    [
        "8080",
        ":8080",
        "::1:8080",
        "[::1]",
        "[1.2.3.4]:80",
        "a:b",
        "a:65536",
        "a:",
        "",
        "a:²",
    ],
)
def test_a_broken_endpoint_says_what_it_should_be(text: str) -> None:
    with pytest.raises(ValueError, match="should be HOST:PORT"):
        Endpoint.parse(text)


@pytest.mark.parametrize(
    ("text", "loopback"),
    [
        ("127.0.0.9:1", True),
        ("[::1]:1", True),
        ("localhost:1", True),
        ("0.0.0.0:1", False),
    ],
)
def test_an_endpoint_knows_loopback(text: str, loopback: bool) -> None:
    assert Endpoint.parse(text).is_loopback is loopback


def test_the_defaults_are_one_port_and_loopback() -> None:
    settings = Settings()
    assert settings.port == 5000
    assert settings.http_endpoint == ("127.0.0.1", 8080)
    assert settings.admin_endpoint.is_loopback


def test_settings_do_not_read_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(os.environ, "MESHNODE_PORT", "1")
    assert Settings().port == 5000


def test_lists_may_be_written_with_commas() -> None:
    settings = Settings.model_validate({"public_ip": "203.0.113.7, 2001:DB8::1"})
    assert settings.public_ip == ("203.0.113.7", "2001:db8::1")


@pytest.mark.parametrize(
    "wrong",
    [
        {"port": 70000},
        {"port": -1},
        {"http": "8080"},
        {"public_ip": "example.org"},
        {"hosts": ""},
        {"trusted_proxy": "10.0.0.0/33"},
        {"public_url": "ftp://example.org"},
        {"public_url": "https://example.org/path"},
        {"public_url": "https://example.org:x"},
        {"tls_cert": "/nonexistent"},
        {"plane": "rust"},
        {"limits": {"streams": 0}},
        {"limits": {"nonsense": 1}},
        {"prot": 1},
    ],
)
def test_wrong_values_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Settings.model_validate(wrong)


@pytest.mark.parametrize(
    ("text", "origin"),
    [
        ("https://Live.example.org/", "https://live.example.org"),
        ("http://[2001:db8::1]:8080", "http://[2001:db8::1]:8080"),
        ("", ""),
    ],
)
def test_a_public_url_is_an_origin(text: str, origin: str) -> None:
    assert Settings(public_url=text).public_url == origin


def test_certificate_and_key_belong_together(tmp_path: Path) -> None:
    (tmp_path / "cert.pem").write_text("x")
    with pytest.raises(ValidationError, match="also set --tls-key"):
        Settings(tls_cert=tmp_path / "cert.pem")


def test_the_publish_key_comes_from_memory_or_a_file(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text("from the file\n")
    assert Settings().read_publish_key() is None
    assert Settings(publish_key_file=file).read_publish_key() == "from the file"
    both = Settings(publish_key=SecretStr("direct"), publish_key_file=file)
    assert both.read_publish_key() == "direct"
    assert "direct" not in repr(both)


def test_an_empty_or_vanished_key_file_is_no_open_door(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text(" \n")
    settings = Settings(publish_key_file=file)
    with pytest.raises(StateError, match="is empty"):
        settings.read_publish_key()
    file.unlink()
    with pytest.raises(StateError, match="No such file"):
        settings.read_publish_key()


def test_an_empty_publish_key_is_refused() -> None:
    with pytest.raises(ValidationError):
        Settings(publish_key=SecretStr(""))


def test_the_home_folder_may_be_written_short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/u")
    assert Settings(data=Path("~/node")).data == Path("/home/u/node")


@pytest.mark.parametrize(
    ("text", "bps"),
    [("20M", 20_000_000), ("800K", 800_000), ("1.5m", 1_500_000), ("5000", 5_000)],
)
def test_a_rate_is_read_as_people_write_it(text: str, bps: int) -> None:
    assert Settings(max_upload=text).max_upload == bps  # type: ignore[arg-type]


@pytest.mark.parametrize("text", ["fast", "", "1X", "-1M"])
def test_a_rate_that_is_none_says_what_it_should_be(text: str) -> None:
    with pytest.raises(ValidationError, match=r"should be|greater than"):
        Settings(max_upload=text)  # type: ignore[arg-type]


def test_a_library_node_is_in_a_mesh_only_where_it_is_told_to() -> None:
    assert not Settings().meshed
    assert Settings(mesh=True).meshed
    assert Settings(bootstrap=("192.0.2.1",)).meshed
    assert not Settings(bootstrap=("192.0.2.1",), mesh=False).meshed


def test_dialects_listen_where_they_are_told() -> None:
    text = "monoport=:8000, tutorial=[::1]:0 tutorial-p2p=8003"
    settings = Settings(http="0.0.0.0:80", dialects=text)  # type: ignore[arg-type]
    assert settings.dialect_endpoints == {
        "monoport": Endpoint("0.0.0.0", 8000),
        "tutorial": Endpoint("::1", 0),
        "tutorial-p2p": Endpoint("0.0.0.0", 8003),
    }
    assert Settings().dialect_endpoints == {}


@pytest.mark.parametrize(
    "text",
    [
        "monoport",
        "monoport=",
        "monoport=:66000",
        "monoport=host",
        "monoport=:²",
        "polling=:8000",
        "monoport=:8000,monoport=:8001",
        "=:8000",
    ],
)
def test_a_broken_dialect_says_what_it_should_be(text: str) -> None:
    with pytest.raises(ValidationError, match="monoport, tutorial, tutorial-p2p"):
        Settings(dialects=text)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (
            {"dialects": "tutorial=:8081"},
            "admin and tutorial both want 127.0.0.1:8081: give one of them another"
            " port, such as --admin 127.0.0.1:8082",
        ),
        (
            {"dialects": "monoport=:1,tutorial=:1"},
            "monoport and tutorial both want 127.0.0.1:1: give one of them another"
            " port, such as monoport=127.0.0.1:2",
        ),
        ({"http": "127.0.0.1:8081"}, "http and admin both want 127.0.0.1:8081"),
    ],
)
def test_two_listeners_want_two_ports(given: dict[str, str], sentence: str) -> None:
    with pytest.raises(ValidationError) as refused:
        Settings(**given)  # type: ignore[arg-type]
    assert sentence in str(refused.value)
