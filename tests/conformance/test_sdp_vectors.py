"""The vectors of RFC 0004 are what our code does, and the RFC has their sections."""

from __future__ import annotations

import re
from pathlib import Path

import aiortc.sdp
import pytest

from meshproto.wire.sdp.parse import parse
from support.sdp_vectors import FOLDER, load, local_endpoint, result, vectors

RFC = FOLDER.parents[1] / "0004-signalling.md"


@pytest.mark.parametrize("path", vectors(), ids=lambda path: path.stem)
def test_our_code_makes_of_a_vector_what_it_says(path: Path) -> None:
    vector = load(path)
    assert result(vector) == vector["expect"]


@pytest.mark.parametrize("path", vectors(), ids=lambda path: path.stem)
def test_a_vector_is_about_a_section_of_the_rfc(path: Path) -> None:
    vector = load(path)
    assert vector["name"] == path.stem
    headings = re.findall(r"^#+ (\d+(?:\.\d+)*)[. ]", RFC.read_text(), re.MULTILINE)
    assert vector["section"] in headings


def test_every_door_and_every_reason_of_refusal_has_a_vector() -> None:
    found = [load(path) for path in vectors()]
    assert {vector["door"] for vector in found} == {
        "publish",
        "play",
        "conference",
        "counteroffer",
        "fragment",
        "restart",
    }
    shown = {vector["expect"].get("refused") for vector in found} - {None}
    named = set(re.findall(r"`(sdp-refused-[a-z-]+)`", RFC.read_text()))
    assert {reason for reason in shown if reason.startswith("sdp-refused-")} <= named


@pytest.mark.parametrize(
    "path",
    [path for path in vectors() if "answer" in load(path)["expect"]],
    ids=lambda path: path.stem,
)
def test_answers_of_the_vectors_are_read_by_others(path: Path) -> None:
    text = "".join(f"{line}\r\n" for line in load(path)["expect"]["answer"])
    found = aiortc.sdp.SessionDescription.parse(text)
    assert len(found.media) == len(parse(text).media)
    assert found.media[0].ice.usernameFragment == local_endpoint().ufrag
