"""Header extensions mean the same to the native crate and to `meshproto.wire`."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from meshproto.errors import DecodeError, StateError
from meshproto.wire import extensions

native = pytest.importorskip("meshnode._native", reason="extension is not built")

ids = st.one_of(st.integers(0, 15), st.integers(0, 255))
values = st.one_of(st.binary(max_size=17), st.binary(max_size=300))
elements = st.lists(st.tuples(ids, values), max_size=5)
profiles = st.sampled_from((0xBEDE, 0x1000, 0x100F, 0x1234))


def outcome(read: Callable[[], object]) -> object:
    """What `read` answers, or the reason of its refusal."""
    try:
        return read()
    except DecodeError as error:
        return error.reason
    except UnicodeEncodeError:
        return "misused"
    except ValueError as error:
        return str(error)
    except (StateError, RuntimeError):
        return "misused"


def test_the_same_names() -> None:
    assert {name: getattr(extensions, name) for name, _ in native.wire.URIS} == dict(
        native.wire.URIS
    )


@given(elements, profiles)
def test_elements_are_written_alike(
    found: list[tuple[int, bytes]], profile: int
) -> None:
    assert native.wire.profile_for(found) == extensions.profile_for(found)
    for form in (profile, extensions.profile_for(found)):
        assert outcome(
            lambda form=form: bytes(native.wire.encode_elements(form, found))
        ) == outcome(lambda form=form: extensions.encode(form, found))


decoders = {
    "abs_send_time": extensions.decode_abs_send_time,
    "transport_sequence": extensions.decode_transport_sequence,
    "time_offset": extensions.decode_time_offset,
    "audio_level": extensions.decode_audio_level,
    "video_orientation": extensions.decode_video_orientation,
    "playout_delay": extensions.decode_playout_delay,
    "text": extensions.decode_text,
}


def fields(value: object) -> object:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return dataclasses.astuple(value)
    return (value,)


@given(
    st.one_of(
        st.binary(max_size=5), st.text(st.characters(max_codepoint=127)).map(str.encode)
    )
)
@example(b"a\0b\0\0")
def test_values_are_read_alike(value: bytes) -> None:
    for name, decode in decoders.items():
        found = outcome(lambda name=name: native.wire.decode_value(name, value))
        assert found == outcome(lambda decode=decode: fields(decode(value))), name


@given(st.floats(-1e6, 1e12), st.integers(0, 0xFFFF), st.integers(-(1 << 24), 1 << 24))
def test_numbers_are_written_alike(time_s: float, sequence: int, ticks: int) -> None:
    write = native.wire.encode_value
    sent = extensions.encode_abs_send_time(time_s)
    assert write("abs_send_time", (time_s,)) == sent
    number = extensions.encode_transport_sequence(sequence)
    assert write("transport_sequence", (sequence,)) == number
    assert outcome(lambda: write("time_offset", (ticks,))) == outcome(
        lambda: extensions.encode_time_offset(ticks)
    )


@given(st.booleans(), *[st.integers(0, 255)] * 3, *[st.integers(0, 5000)] * 2)
def test_records_are_written_alike(
    voice: bool, level: int, camera: int, flip: int, low: int, high: int
) -> None:
    write = native.wire.encode_value
    audio = extensions.AudioLevel(voice, level)
    assert write("audio_level", (voice, level)) == extensions.encode_audio_level(audio)
    turned = extensions.VideoOrientation(camera, flip, low)
    assert write(
        "video_orientation", (camera, flip, low)
    ) == extensions.encode_video_orientation(turned)
    delay = extensions.PlayoutDelay(low, high)
    assert outcome(lambda: write("playout_delay", (low, high))) == outcome(
        lambda: extensions.encode_playout_delay(delay)
    )


@given(st.text(st.characters(exclude_categories=("Cs",)), max_size=20))
def test_texts_are_written_alike(text: str) -> None:
    assert outcome(lambda: native.wire.encode_value("text", (text,))) == outcome(
        lambda: extensions.encode_text(text)
    )
