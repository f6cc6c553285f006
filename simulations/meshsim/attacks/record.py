"""Who got what, when: one line per delivery, in columns."""

from __future__ import annotations

from array import array

from meshproto.ids import NodeId


class Record:
    """Messages in the order of publishing, and their deliveries."""

    __slots__ = ("_numbers", "authors", "delays_s", "messages", "receivers", "times_s")

    def __init__(self) -> None:
        self._numbers: dict[bytes, int] = {}
        self.authors = array("l")
        """The publisher of each message."""
        self.times_s = array("d")
        """When each message was published."""
        self.messages = array("l")
        """The message of each delivery."""
        self.receivers = array("l")
        """The receiver of each delivery."""
        self.delays_s = array("d")
        """The time of each delivery since its message was published."""

    def __len__(self) -> int:
        """Messages published."""
        return len(self.times_s)

    def published(self, message_id: bytes, author: int, now: float) -> None:
        """Node `author` wrote a message."""
        self._numbers[message_id] = len(self.times_s)
        self.authors.append(author)
        self.times_s.append(now)

    def delivered(self, message_id: bytes, origin: NodeId, to: int, now: float) -> None:
        """Node `to` got a message for the first time."""
        number = self._numbers.get(message_id)
        assert number is not None, f"a message of {origin.hex()} that nobody wrote"
        self.messages.append(number)
        self.receivers.append(to)
        self.delays_s.append(now - self.times_s[number])
