"""Flags beat environment beats file beats defaults, and mistakes read well."""

from __future__ import annotations

from pathlib import Path

import pytest

from meshnode.cli.sources import load
from meshnode.config import Limits
from meshproto.errors import StateError


def config(tmp_path: Path, text: str) -> Path:
    file = tmp_path / "node.toml"
    file.write_text(text)
    return file


def refused(*args: object, **kwargs: object) -> str:
    with pytest.raises(StateError) as caught:
        load(*args, **kwargs)  # type: ignore[arg-type]
    return str(caught.value)


def test_each_source_beats_the_next(tmp_path: Path) -> None:
    file = config(
        tmp_path,
        'port = 1\nhttp = "127.0.0.1:1"\nadmin = "127.0.0.1:1"\nplane = "reference"\n',
    )
    environ = {"MESHNODE_PORT": "2", "MESHNODE_HTTP": "127.0.0.1:2"}
    settings = load({"port": "3", "plane": None}, environ, file)
    assert settings.port == 3
    assert settings.http == "127.0.0.1:2"
    assert settings.admin == "127.0.0.1:1"
    assert settings.plane == "reference"
    assert settings.log_level == "info"


def test_limits_come_from_every_source_key_by_key(tmp_path: Path) -> None:
    file = config(tmp_path, "[limits]\ntransports = 1\nstreams = 1\nsdp_bytes = 2000\n")
    environ = {"MESHNODE_LIMITS__STREAMS": "2", "MESHNODE_LIMITS__TRANSPORTS": "2"}
    limits = load({"limits": {"transports": "3"}}, environ, file).limits
    assert (limits.transports, limits.streams, limits.sdp_bytes) == (3, 2, 2000)


def test_lists_from_flags_environment_and_file(tmp_path: Path) -> None:
    file = config(tmp_path, 'trusted_proxy = ["10.0.0.1", "10.1.0.0/16"]\n')
    settings = load(
        {"public_ip": ["203.0.113.7"]}, {"MESHNODE_ADVERTISE": "10.0.0.9,::1"}, file
    )
    assert settings.trusted_proxy == ("10.0.0.1/32", "10.1.0.0/16")
    assert settings.advertise == ("10.0.0.9", "::1")
    assert settings.public_ip == ("203.0.113.7",)


def test_a_message_names_place_value_and_expectation(tmp_path: Path) -> None:
    assert refused({"port": "70000"}) == (
        "--port is '70000' but should be less than or equal to 65535"
    )
    assert refused({"port": "x"}) == "--port is 'x' but should be a valid integer"
    assert refused({}, {"MESHNODE_HTTP": "8080"}) == (
        "MESHNODE_HTTP is '8080' but should be HOST:PORT such as 127.0.0.1:8080"
        " or [::1]:8080"
    )
    file = config(tmp_path, "http = 8080\n")
    assert refused(file=file).startswith(
        f"http in {file} is 8080 but should be HOST:PORT"
    )
    assert refused({"public_ip": ["here"]}).startswith(
        "--public-ip is 'here' but should"
    )
    assert "'auto', 'reference' or 'native'" in refused({"plane": "rust"})


def test_every_mistake_gets_its_line() -> None:
    assert len(refused({"port": "x", "http": "y"}).splitlines()) == 2


def test_unknown_keys_get_a_suggestion(tmp_path: Path) -> None:
    file = config(tmp_path, "prot = 1\n")
    assert refused(file=file) == f"prot in {file} is no setting; did you mean port?"
    file = config(tmp_path, "[limits]\nstream = 1\n")
    assert "did you mean limits.streams?" in refused(file=file)
    assert "known: admin, " in refused(file=config(tmp_path, "zzzzzz = 1\n"))
    assert refused(environ={"MESHNODE_PROT": "1"}) == (
        "MESHNODE_PROT is no setting; did you mean MESHNODE_PORT?"
    )


def test_an_unknown_limit_is_answered_with_names_that_can_be_typed() -> None:
    assert refused({"limits": {"stream": "1"}}) == (
        "--limit stream is no limit; did you mean streams?"
    )
    names = refused({"limits": {"zzz": "1"}}).removesuffix(")").partition("known: ")[2]
    assert set(names.split(", ")) == set(Limits.model_fields)


def test_names_of_others_in_the_environment_are_left_alone() -> None:
    assert load(environ={"MESHNODE_SHARED": "/x", "PATH": "/bin"}).port == 5000


def test_a_secret_comes_from_the_environment_but_not_from_the_file(
    tmp_path: Path,
) -> None:
    assert (
        load(environ={"MESHNODE_PUBLISH_KEY": "s3cret"}).read_publish_key() == "s3cret"
    )
    said = refused(file=config(tmp_path, 'publish_key = "s3cret"\n'))
    assert "a secret belongs into a file of its own" in said
    assert "s3cret" not in said


def test_a_wrong_secret_is_not_shown() -> None:
    assert "''" not in refused(environ={"MESHNODE_PUBLISH_KEY": ""})


def test_broken_and_missing_files(tmp_path: Path) -> None:
    assert "is not TOML" in refused(file=config(tmp_path, "port 5000"))
    assert "No such file" in refused(file=tmp_path / "absent.toml")


def test_a_pair_of_files_needs_its_other_half(tmp_path: Path) -> None:
    key = config(tmp_path, "")
    assert refused({"tls_key": key}) == (
        "tls_cert and tls_key belong together: also set --tls-cert"
    )
    assert refused({"tls_cert": "/absent", "tls_key": key}) == (
        "--tls-cert is '/absent' but should be an existing file"
    )


def test_the_environment_of_an_sfu_go_server_is_understood(tmp_path: Path) -> None:
    environ = {
        "SFU_HOST": "127.0.0.1",
        "SFU_PORT": "9000",
        "SFU_PUBLIC_IP": "203.0.113.7",
        "SFU_MAX_ROOMS": "7",
        "SFU_MAX_PEERS_PER_ROOM": "5",
        "SFU_RATE_LIMIT_BURST": "9",
    }
    settings = load({}, environ)
    assert settings.http == "127.0.0.1:9000"
    assert settings.public_ip == ("203.0.113.7",)
    assert (settings.limits.rooms, settings.limits.members_per_room) == (7, 5)
    assert settings.limits.socket_burst == 9
    ours = load({}, {**environ, "MESHNODE_HTTP": "127.0.0.1:1"})
    assert ours.http == "127.0.0.1:1"
    assert load({}, {"SFU_PORT": "9000"}).http == "0.0.0.0:9000"
    assert "SFU_MAX_ROOMS is 'many'" in refused({}, {"SFU_MAX_ROOMS": "many"})
    assert "SFU_PORT is" in refused({}, {"SFU_PORT": "nine"})
