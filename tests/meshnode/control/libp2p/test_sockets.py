from __future__ import annotations

import socket

import pytest

from meshnode.control.identity import KeyPair
from meshnode.control.libp2p import sockets
from meshnode.control.libp2p.multiaddress import parse_multiaddress
from meshproto.errors import StateError

NODE = KeyPair(bytes(32)).node


def test_a_port_of_nobodys_choice_is_the_same_for_all_hosts() -> None:
    bound = sockets.bind_all(["127.0.0.1", "127.0.0.2"], 0)
    try:
        ports = {one.getsockname()[1] for one in bound}
        assert len(ports) == 1
        assert [one.getsockname()[0] for one in bound] == ["127.0.0.1", "127.0.0.2"]
    finally:
        sockets.close_all(bound)


def test_a_taken_port_is_one_sentence_and_leaves_nothing_bound() -> None:
    with socket.create_server(("127.0.0.2", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(StateError) as caught:
            sockets.bind_all(["127.0.0.1", "127.0.0.2"], port)
        assert str(caught.value) == (
            f"TCP port {port} is taken on 127.0.0.2: choose another with --port"
        )
        sockets.close_all(sockets.bind_all(["127.0.0.1"], port))


def test_an_address_of_somebody_else_is_one_sentence() -> None:
    with pytest.raises(StateError, match=r"TCP port 0 on 192\.0\.2\.1 cannot be used"):
        sockets.bind_all(["192.0.2.1"], 0)


def test_a_family_that_the_machine_lacks_is_left_out_if_another_remains(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    make = socket.socket

    def without_v6(family: int, kind: int) -> socket.socket:
        if family == socket.AF_INET6:
            raise OSError(97, "Address family not supported by protocol")
        return make(family, kind)

    monkeypatch.setattr(sockets.socket, "socket", without_v6)
    bound = sockets.bind_all(["::", "127.0.0.1"], 0)
    assert len(bound) == 1
    sockets.close_all(bound)
    with pytest.raises(StateError, match="nothing to listen on"):
        sockets.bind_all(["::"], 0)
    with pytest.raises(StateError, match="not supported"):
        sockets.bind_all(["::1"], 0)


def test_wildcards_are_named_by_the_addresses_of_the_interfaces() -> None:
    bound = sockets.bind_all(["0.0.0.0"], 0)
    try:
        texts = sockets.addresses(bound, NODE)
    finally:
        sockets.close_all(bound)
    assert texts
    for text in texts:
        address = parse_multiaddress(text)
        assert address.node == NODE
        assert not address.is_wildcard
