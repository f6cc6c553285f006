"""Nodes of a mesh as processes of their own: publish at one, watch at another."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import av

from meshnode.client.picture import read_number
from meshnode.config import Settings
from meshnode.control.libp2p.multiaddress import from_octets
from meshnode.control.mapping.keeper import Outside
from meshnode.node.meshing import ability, candidates
from support.links import Keys, record
from support.node import KEY, RunningNode, running_node
from support.ports import free_port

MESHNODE = (sys.executable, "-m", "meshnode.cli.main")
ENVIRONMENT = {**os.environ, "MESHNODE_PUBLISH_KEY": KEY}


def started(stack: contextlib.ExitStack, *arguments: str) -> RunningNode:
    http, admin = (f"127.0.0.1:{free_port()}" for _ in range(2))
    return stack.enter_context(running_node(*arguments, http=http, admin=admin, port=0))


def bootstrap(node: RunningNode) -> str:
    """What the next node is started with."""
    lines: list[str] = node.status()["mesh"]["bootstrap"]
    return lines[-1]


def until(check: Callable[[], Any], what: str, deadline_s: float = 40.0) -> Any:
    end = time.monotonic() + deadline_s
    while not (value := check()):
        if time.monotonic() > end:
            raise AssertionError(f"not within {deadline_s} s: {what}")
        time.sleep(0.1)
    return value


def knows(node: RunningNode, stream: str) -> bool:
    return any(s["name"] == stream for s in node.status()["mesh"]["streams"])


@contextlib.contextmanager
def publishing(node: RunningNode, stream: str) -> Iterator[None]:
    """`meshnode publish --test` into a node."""
    target = f"{node.url}/{stream}"
    process = subprocess.Popen(
        [*MESHNODE, "publish", "--test", target, "--size", "320x180"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=ENVIRONMENT,
    )
    try:
        yield
    finally:
        process.terminate()
        process.wait()


def playing(node: RunningNode, stream: str, output: Path, seconds: int) -> Any:
    """`meshnode play` for some seconds, recorded; the process."""
    target = [f"{node.url}/{stream}", "-o", str(output), "--duration", str(seconds)]
    return subprocess.Popen(
        [*MESHNODE, "play", *target],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=ENVIRONMENT,
    )


def numbers_in(path: Path) -> list[int]:
    """The frame numbers in the test picture, as they were decoded."""
    with av.open(str(path)) as container:
        found = [read_number(frame) for frame in container.decode(video=0)]
    return [number for number in found if number is not None]


def test_a_descriptor_names_how_others_see_the_node_and_its_own_addresses() -> None:
    own, outside = ("192.168.1.2", 5_000), ("198.51.100.7", 41_000)
    behind = record(Keys(1), 1, [outside, own])
    assert candidates(behind, [own, ("10.0.0.1", 5_000)]) == (
        outside,
        own,
        ("10.0.0.1", 5_000),
    )


def test_what_is_published_at_one_node_plays_at_another(tmp_path: Path) -> None:
    with contextlib.ExitStack() as stack:
        first = started(stack)
        second = started(stack, "--bootstrap", bootstrap(first))
        with publishing(first, "cam"):
            until(lambda: knows(second, "cam"), "the stream is known")
            output = tmp_path / "out.mkv"
            player = playing(second, "cam", output, 3)
            said, _ = player.communicate(timeout=90)
            assert player.returncode == 0, said
            (tree,) = second.status()["mesh"]["trees"]
            assert tree["state"] == "live"
            assert tree["parent"] == first.status()["mesh"]["node"]
        numbers = numbers_in(output)
        assert len(numbers) > 10
        assert numbers == sorted(set(numbers))


def doors(outside: Outside | None, **settings: Any) -> list[str]:
    """The addresses for libp2p that others are told."""
    addresses = [("203.0.113.7", 5007), ("192.168.1.7", 5000)]
    told = ability(Settings(**settings), addresses, 5000, outside)
    return [str(from_octets(octets)) for octets in told.control]


def test_the_router_has_its_own_port_for_libp2p() -> None:
    media, inside = ("203.0.113.7", 5007), "/ip4/192.168.1.7/tcp/5000"
    both = Outside(media, ("203.0.113.7", 5009), "PCP")
    assert doors(both) == ["/ip4/203.0.113.7/tcp/5009", inside]
    assert doors(Outside(media, None, "PCP")) == [inside]
    assert doors(None) == ["/ip4/203.0.113.7/tcp/5000", inside]


def test_what_the_operator_forwards_stays_where_the_router_gives_no_tcp() -> None:
    outside = Outside(("203.0.113.7", 5007), None, "UPnP")
    assert doors(outside, public_ip=("203.0.113.7",))[0] == "/ip4/203.0.113.7/tcp/5000"
