from __future__ import annotations

import pytest

from meshproto.errors import StateError
from meshproto.ice.credentials import CredentialTable
from meshproto.ice.path import ClientPath, IceConfig
from meshproto.ids import TransportId

PWD = "p" * 22


def client(number: int = 1) -> ClientPath:
    return ClientPath(TransportId(number), IceConfig())


def test_a_username_names_both_fragments() -> None:
    table = CredentialTable()
    ours = table.add(client(), "ours", PWD, "theirs")
    assert table.find(b"ours:theirs") is ours
    assert table.find(b"ours:another") is None
    assert table.find(b"ours") is None
    assert table.find(b"another:theirs") is None
    assert table.find(b"") is None


def test_an_unknown_remote_fragment_fits_everybody() -> None:
    table = CredentialTable()
    ours = table.add(client(), "ours", PWD, "")
    assert table.find(b"ours:whoever") is ours


@pytest.mark.parametrize(
    ("ufrag", "pwd"), [("abc", PWD), ("ours", "p" * 21), ("our:s", PWD)]
)
def test_weak_credentials_are_refused(ufrag: str, pwd: str) -> None:
    with pytest.raises(StateError):
        CredentialTable().add(client(), ufrag, pwd, "")


def test_a_ufrag_belongs_to_one_transport() -> None:
    table = CredentialTable()
    table.add(client(1), "ours", PWD, "")
    with pytest.raises(StateError, match="taken"):
        table.add(client(2), "ours", PWD, "")


def test_the_old_generation_ends_when_the_new_one_is_used() -> None:
    table, path = CredentialTable(), client()
    old = table.add(path, "old1", PWD, "")
    new = table.add(path, "new1", PWD, "")
    table.used(old)
    assert table.find(b"old1:") is old
    table.used(new)
    assert table.find(b"old1:") is None
    assert table.find(b"new1:") is new


def test_a_generation_that_nobody_used_is_replaced() -> None:
    table, path = CredentialTable(), client()
    first = table.add(path, "aaaa", PWD, "")
    table.add(path, "bbbb", PWD, "")
    third = table.add(path, "cccc", PWD, "")
    assert table.find(b"aaaa:") is first
    assert table.find(b"bbbb:") is None
    assert table.find(b"cccc:") is third


def test_a_removed_transport_leaves_nothing() -> None:
    table, path = CredentialTable(), client()
    table.add(path, "aaaa", PWD, "")
    table.add(path, "bbbb", PWD, "")
    table.remove(path)
    assert table.find(b"aaaa:") is table.find(b"bbbb:") is None
    table.add(client(2), "aaaa", PWD, "")
