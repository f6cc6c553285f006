"""Lists of what to carry and whom to link: what is in force, and how mistakes read."""

from __future__ import annotations

from pathlib import Path

import pytest

from meshnode.node.lists import Lists, parse
from meshproto.errors import StateError
from meshproto.ids import NodeId, StreamId
from support.mesh_view import node, text

CAM = StreamId(bytes.fromhex("9f3a01bc") + bytes(12))
OTHER = StreamId(bytes(16))


def lists(folder: Path, allow: str | None = None, deny: str | None = None) -> Lists:
    files = []
    for name, content in (("allow", allow), ("deny", deny)):
        if content is None:
            files.append(None)
            continue
        file = folder / name
        file.write_text(content)
        files.append(file)
    return Lists(*files)


def test_without_lists_everything_is_welcome() -> None:
    assert Lists().carries("cam", CAM)
    assert Lists().links(NodeId(node(1)))


def test_a_denied_name_fingerprint_or_node_is_refused(tmp_path: Path) -> None:
    said = f"# not these\nstream bad\n\nclaim 9F3A01BC  # spam\nnode {text(1)}\n"
    found = lists(tmp_path, deny=said)
    assert not found.carries("bad", OTHER)
    assert not found.carries("other-name", CAM)
    assert found.carries("good", OTHER)
    assert not found.links(node(1))
    assert found.links(node(2))


def test_an_allow_list_speaks_for_the_kinds_it_names(tmp_path: Path) -> None:
    streams = lists(tmp_path, allow="stream cam\n")
    assert streams.carries("cam", OTHER)
    assert not streams.carries("more", OTHER)
    assert streams.links(node(1))
    nodes = lists(tmp_path, allow=f"node {text(1)}\n")
    assert nodes.carries("more", OTHER)
    assert not nodes.links(node(2))


def test_a_stream_without_a_name_yet_is_judged_by_its_key(tmp_path: Path) -> None:
    assert lists(tmp_path, deny="stream cam\n").carries("", CAM)
    assert not lists(tmp_path, allow="stream cam\n").carries("", CAM)
    assert lists(tmp_path, allow="claim 9f3a01bc\n").carries("", CAM)


def test_what_is_denied_is_refused_even_if_it_is_allowed(tmp_path: Path) -> None:
    found = lists(tmp_path, allow="stream cam\n", deny="claim 9f3a01bc00\n")
    assert not found.carries("cam", CAM)


@pytest.mark.parametrize(
    "line",
    [
        "steam cam",
        "stream",
        "stream a b",
        "claim xyz",
        "claim 9f3a",
        "node 12D3",
        "cam",
    ],
)
def test_a_mistake_is_one_sentence_with_its_line(line: str) -> None:
    with pytest.raises(StateError) as error:
        parse(["stream good", "", line], "my.list")
    assert str(error.value) == (
        f"my.list line 3 is {line!r} but should be stream NAME, claim FINGERPRINT or"
        " node ID"
    )


def test_a_mistake_on_reload_leaves_the_old_lists_in_force(tmp_path: Path) -> None:
    found = lists(tmp_path, allow="stream cam\n", deny="stream bad\n")
    (tmp_path / "allow").write_text("stream new\n")
    (tmp_path / "deny").write_text("nonsense\n")
    with pytest.raises(StateError):
        found.reload()
    assert found.carries("cam", None)
    assert not found.carries("new", None)
    (tmp_path / "deny").write_text("")
    found.reload()
    assert found.carries("new", None)
