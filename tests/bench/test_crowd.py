"""The bench's crowd: keys that fit each other, and checks that a plane believes."""

from __future__ import annotations

from bench import crowd
from bench.shapes import AUDIO, VIDEO_HIGH
from meshnode.media.srtp import make_inbound, make_outbound
from meshproto.wire import stun


def test_what_the_plane_protects_its_viewer_opens() -> None:
    head, payload = bytes((0x80, 96, 0, 1)) + bytes(8), b"picture"
    sealed = make_outbound(crowd.keys(7)).protect(head, payload)
    opened = make_inbound(crowd.keys(7, client=True)).unprotect(head + sealed)
    assert opened == head + payload


def test_two_viewers_share_no_key() -> None:
    found = [crowd.keys(number) for number in (7, 8)]
    assert (
        len({key for keys in found for key in (keys.send_key, keys.receive_key)}) == 4
    )


def test_a_check_names_both_ends() -> None:
    message = stun.decode(crowd.check(7))
    assert message.message_class == stun.REQUEST
    known = crowd.spec(7)
    name = f"{known.local_ufrag}:{known.remote_ufrag}".encode()
    assert name in crowd.check(7)


def test_sound_is_not_asked_to_repeat() -> None:
    assert crowd.consumer(AUDIO.kind, 2).rtx_ssrc is None
    assert crowd.consumer(VIDEO_HIGH.kind, 2).rtx_ssrc is not None
