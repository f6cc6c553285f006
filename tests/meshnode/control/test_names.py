"""What streams are called where two keys claim one name."""

from __future__ import annotations

from meshnode.control.names import Names, fingerprint
from meshproto.ids import StreamId, StreamName

CAM = StreamName("cam")
ONE, TWO = StreamId(b"1" * 16), StreamId(b"2" * 16)


def both() -> Names:
    names = Names()
    names.learn(ONE, CAM)
    names.learn(TWO, CAM)
    return names


def test_the_first_keeps_the_name_and_the_other_has_a_fingerprint() -> None:
    names = both()
    assert names.find("cam") == ONE
    assert names.called(TWO) == f"cam~{fingerprint(TWO)}"
    assert names.find(f"cam~{fingerprint(TWO)}") == TWO
    assert names.name(TWO) == CAM


def test_what_is_published_here_comes_first() -> None:
    names = both()
    names.learn(TWO, CAM, own=True)
    assert names.find("cam") == TWO
    assert names.called(ONE) == f"cam~{fingerprint(ONE)}"
    names.learn(ONE, CAM)
    assert names.find("cam") == TWO


def test_the_other_inherits_the_name_of_one_that_ends() -> None:
    names = both()
    names.forget(ONE)
    assert names.find("cam") == TWO
    assert names.called(TWO) == CAM
    names.forget(TWO)
    names.forget(TWO)
    assert names.find("cam") is None
    assert len(names) == 0


def test_a_tilde_in_a_name_is_no_fingerprint() -> None:
    names = Names()
    names.learn(ONE, StreamName("a~b"))
    assert names.find("a~b") == ONE
    assert names.find("a~c") is None
