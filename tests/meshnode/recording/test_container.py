"""Every format with every codec it takes: whole, cut short, and where it cannot be."""

from __future__ import annotations

import shutil
from pathlib import Path

import av
import pytest

from meshnode.recording.container import MediaWriter, Template
from meshnode.recording.formats import FORMATS
from meshnode.recording.frames import Frame
from meshnode.recording.payloads import joiner
from meshproto.errors import StateError
from support.packetise import encoded, payloads

SOUND = Frame("opus", b"\xfc\xff\xfe", True, 0, 0.0)
PAIRS = [
    (suffix, codec)
    for suffix, (_, codecs) in FORMATS.items()
    for codec in sorted(codecs - {"opus"})
]


def frames(codec: str, count: int) -> list[Frame]:
    join = joiner(codec)
    assert join is not None
    return [
        Frame(codec, *join(payloads(codec, data, key)), 0, 0.0)
        for data, key in encoded(codec, count)
    ]


def written(path: Path, codec: str, count: int) -> MediaWriter:
    """A file that is still open: 25 pictures and 50 sounds a second."""
    made = frames(codec, count)
    writer = MediaWriter(path, {0: Template(made[0]), 1: Template(SOUND)})
    for number, frame in enumerate(made):
        writer.write(0, frame, number / 25)
        for half in range(2):
            writer.write(1, SOUND, (2 * number + half) / 50)
    return writer


@pytest.mark.parametrize(("suffix", "codec"), PAIRS)
def test_a_whole_file(tmp_path: Path, suffix: str, codec: str) -> None:
    path = tmp_path / f"a{suffix}"
    writer = written(path, codec, 50)
    writer.close()
    assert writer.frames == {"video": 50, "audio": 100}
    assert writer.size == (160, 96)
    with av.open(str(path)) as container:
        pictures = [frame.time for frame in container.decode(video=0)]
        assert container.duration == pytest.approx(2e6, abs=60_000)
    assert pictures == pytest.approx([n / 25 for n in range(50)], abs=0.002)


@pytest.mark.parametrize(("suffix", "codec"), PAIRS)
def test_a_file_that_was_cut_short_plays(
    tmp_path: Path, suffix: str, codec: str
) -> None:
    writer = written(tmp_path / f"a{suffix}", codec, 75)
    cut = tmp_path / f"cut{suffix}"
    shutil.copy(writer.path, cut)  # as it is on the disk when a process is killed
    with av.open(str(cut)) as container:
        pictures = len(list(container.decode(video=0)))
    assert pictures >= 75 - 25
    with av.open(str(cut)) as container:
        assert len(list(container.decode(audio=0))) >= 100
    writer.close()


def test_a_full_disk_is_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "full.mkv"
    path.symlink_to("/dev/full")
    with pytest.raises(StateError, match=r"full\.mkv cannot be written: no space left"):
        written(path, "vp8", 75).close()


def test_a_place_that_does_not_exist(tmp_path: Path) -> None:
    with pytest.raises(StateError, match="no such file"):
        MediaWriter(tmp_path / "absent" / "out.mkv", {1: Template(SOUND)})


def test_a_key_frame_that_is_none() -> None:
    with pytest.raises(StateError, match="h264 key frame makes no sense"):
        Template(Frame("h264", b"nonsense", True, 0, 0.0))
