"""The translators are what they claim to be, before and after a reboot."""

from __future__ import annotations

import pytest

from support.lab.datagrams import udp
from support.lab.lab import Lab
from support.lab.namespaces import require_root
from support.lab.nat import KINDS, NatBox, rules
from support.lab.probe import judge, servers


@pytest.mark.parametrize("kind", KINDS)
def test_a_translator_is_of_its_kind_and_a_reboot_moves_the_mapping(kind: str) -> None:
    require_root()
    with Lab(["one", "two", "nat"]) as lab:
        box = NatBox(lab, "nat", kind)
        with (
            servers(lab, "one", "two") as answering,
            udp(box.client, box.client_address) as client,
        ):
            before = judge(client, answering)
            assert before.kind == kind
            assert before.mapped[0] == lab.address("nat")
            box.reboot()
            answering.sockets[0, 0].sendto(b"still there?", before.mapped)
            client.settimeout(0.2)
            with pytest.raises(TimeoutError):
                client.recvfrom(2048)
            after = judge(client, answering)
            assert after.kind == kind
            assert after.mapped[0] != before.mapped[0]


def test_a_cone_keeps_its_mapping_though_a_stranger_knocked_first() -> None:
    require_root()
    with Lab(["one", "two", "nat"]) as lab:
        box = NatBox(lab, "nat", "port-restricted")
        with (
            servers(lab, "one", "two") as answering,
            udp(box.client, box.client_address, 5000) as client,
        ):
            answering.sockets[1, 0].sendto(b"punch", (box.outside_address, 5000))
            assert judge(client, answering).kind == "port-restricted"


def test_an_unknown_kind_is_refused() -> None:
    with pytest.raises(ValueError, match="none of"):
        rules("magic", "192.168.1.0/24", "eth0", "masquerade")
