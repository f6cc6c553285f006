"""The outbox: a bounded queue, in order."""

from __future__ import annotations

import pytest

from meshproto import outputs
from meshproto.errors import LimitError
from meshproto.ids import LinkId, NodeId
from meshproto.outputs import HangUp, Outbox, Send, Transmit
from support.link_records import Word

NODE = NodeId(b"neighbour")


def test_outputs_leave_in_the_order_they_came() -> None:
    outbox = Outbox()
    first, second = Transmit(LinkId(1), b"frame"), HangUp(NODE, "quota")
    outbox.put(first)
    outbox.put(second)
    assert len(outbox) == 2
    assert [outbox.poll(), outbox.poll(), outbox.poll()] == [first, second, None]


def test_send_is_a_record_for_a_neighbour() -> None:
    outbox = Outbox()
    outbox.send(NODE, Word(1))
    assert outbox.poll() == Send(NODE, Word(1))


def test_a_full_box_names_its_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outputs, "OUTPUTS_MAX", 2)
    outbox = Outbox()
    outbox.put(HangUp(NODE, "one"))
    outbox.put(HangUp(NODE, "two"))
    with pytest.raises(LimitError, match="outputs_max"):
        outbox.put(HangUp(NODE, "three"))
    assert len(outbox) == 2
