"""Header extensions: which are answered, under which id, in which direction."""

from __future__ import annotations

from meshproto.wire.parameters import Extension, MediaKind
from meshproto.wire.sdp import extensions as rules
from meshproto.wire.sdp.extensions import (
    MID,
    RECEIVED,
    RID,
    SENT,
    TRANSPORT_CC,
    ExtensionIds,
    answer_received,
    answer_sent,
    bare,
    offer_sent,
)
from meshproto.wire.sdp.model import Direction, ExtMap
from support.sdp import only_media, video

VIDEO = MediaKind.VIDEO


def received(*lines: str, ids: ExtensionIds | None = None) -> tuple[ExtMap, ...]:
    media = only_media(video(lines))
    return answer_received(media, RECEIVED[VIDEO], ids or ExtensionIds())


def sent(*lines: str) -> tuple[ExtMap, ...]:
    return answer_sent(only_media(video(lines)), SENT[VIDEO], ExtensionIds())


def test_known_extensions_are_mirrored_and_others_left_out() -> None:
    found = received(f"a=extmap:4 {MID}", "a=extmap:9 urn:unheard-of")
    assert found == (ExtMap(4, MID),)
    assert bare(found) == (Extension(4, MID),)


def test_the_direction_is_turned_round() -> None:
    assert received(f"a=extmap:9/sendonly {RID}") == (
        ExtMap(9, RID, Direction.RECVONLY),
    )
    assert sent(f"a=extmap:4/recvonly {MID}") == (ExtMap(4, MID, Direction.SENDONLY),)
    assert sent(f"a=extmap:4/sendrecv {MID}") == (ExtMap(4, MID, Direction.SENDRECV),)


def test_an_extension_that_would_go_the_other_way_is_left_out() -> None:
    assert received(f"a=extmap:4/recvonly {MID}") == ()
    assert received(f"a=extmap:4/inactive {MID}") == ()
    assert sent(f"a=extmap:4/sendonly {MID}") == ()


def test_layer_names_are_for_publishers_only() -> None:
    assert sent(f"a=extmap:10 {RID}") == ()


def test_ids_that_no_header_can_carry_are_left_out() -> None:
    for identity in (0, 15, 256, 4_096):
        assert received(f"a=extmap:{identity} {MID}") == ()
    assert received(f"a=extmap:16 {MID}") == (ExtMap(16, MID),)
    # what we send is written in the one-byte form
    assert sent(f"a=extmap:16 {MID}") == ()


def test_an_id_keeps_its_meaning_over_all_sections() -> None:
    ids = ExtensionIds()
    assert received(f"a=extmap:4 {MID}", f"a=extmap:5 {MID}", ids=ids) == (
        ExtMap(4, MID),
    )
    assert received(f"a=extmap:4 {TRANSPORT_CC}", ids=ids) == ()
    assert received(f"a=extmap:6 {MID}", ids=ids) == ()
    assert received(f"a=extmap:4 {MID}", ids=ids) == (ExtMap(4, MID),)


def test_offers_of_ours_use_the_ids_browsers_give() -> None:
    found = {e.uri: e.id for e in offer_sent(SENT[VIDEO], ExtensionIds())}
    assert (found[MID], found[TRANSPORT_CC]) == (4, 3)
    assert len(set(found.values())) == len(SENT[VIDEO])


def test_offers_of_ours_go_around_ids_in_use() -> None:
    ids = ExtensionIds([Extension(4, "urn:other"), Extension(9, TRANSPORT_CC)])
    found = {e.uri: e.id for e in offer_sent(SENT[VIDEO], ids)}
    assert found[TRANSPORT_CC] == 9
    assert found[MID] not in (4, 9)
    again = {e.uri: e.id for e in offer_sent(SENT[VIDEO], ids)}
    assert again == found


def test_where_no_id_is_left_the_extension_is_left_out() -> None:
    taken = ExtensionIds(Extension(n, f"urn:{n}") for n in range(1, 15))
    assert offer_sent({MID}, taken) == ()


def test_every_extension_we_may_send_has_a_preferred_id() -> None:
    every = frozenset().union(*SENT.values())
    assert len(offer_sent(every, ExtensionIds())) == len(every)
    assert rules.MAX_ONE_BYTE_ID == 14
