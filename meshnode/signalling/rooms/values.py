"""The words of rooms: who is in them, what happens in them, how many there may be."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from meshnode.signalling.problems import Refused

NAME_MAX = 128
_ID = re.compile(r"[A-Za-z0-9_.-]{1,128}")


@dataclass(frozen=True, slots=True)
class RoomLimits:
    """Bounds of the table of rooms, named as in the settings."""

    rooms: int = 1_000
    members_per_room: int = 100


@dataclass(frozen=True, slots=True)
class Who:
    """A member as the others know it.

    `peer` is drawn by the node it joined at, `user` is what its client calls itself;
    `name` is for people.
    """

    room: str
    user: str
    peer: str
    name: str = ""


@dataclass(frozen=True, slots=True)
class Shown:
    """A track of a member: `label` tells it from its others, and stays when it resumes.

    `source` is what its client calls the MediaStream it belongs to ("screen"); `muted`
    that it says it shows nothing at the moment.
    """

    label: str
    kind: str
    source: str = ""
    muted: bool = False


@dataclass(frozen=True, slots=True)
class MemberJoined:
    """Somebody is here."""

    who: Who


@dataclass(frozen=True, slots=True)
class MemberLeft:
    """Somebody is gone."""

    who: Who


@dataclass(frozen=True, slots=True)
class TracksChanged:
    """What a member shows now."""

    who: Who
    tracks: tuple[Shown, ...]


@dataclass(frozen=True, slots=True)
class SpeakerChanged:
    """Who speaks now, as peers; "" is nobody."""

    old: str
    new: str


@dataclass(frozen=True, slots=True)
class Said:
    """A message of a member to all others."""

    who: Who
    label: str
    data: bytes | str


@dataclass(frozen=True, slots=True)
class MuteWanted:
    """Somebody asks this member to mute a track of its kind ("audio", "video")."""

    by: str
    kind: str


@dataclass(frozen=True, slots=True)
class Removed:
    """The member itself is out: kicked, replaced, the room was closed; or the node
    stops, and the member may `resume` at another one.
    """

    reason: str
    resume: bool = False


@dataclass(frozen=True, slots=True)
class Quality:
    """How much of what this member gets is lost, as a share."""

    peer: str
    lost: float


@dataclass(frozen=True, slots=True)
class SlotsChanged:
    """Whom slots show by now: ids of tracks by ids of slots, "" for nobody."""

    showing: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class LayersSeen:
    """A picture that this member gets comes in these layers, cheapest first."""

    track: str
    layers: tuple[str, ...]


RoomEvent = (
    MemberJoined
    | MemberLeft
    | TracksChanged
    | SpeakerChanged
    | Said
    | MuteWanted
    | Removed
    | Quality
    | LayersSeen
    | SlotsChanged
)


class Guest(Protocol):
    """A dialect, as a seat sees it: whoever speaks to the client."""

    def negotiate(self) -> None:
        """See `connection.Party`."""

    def told(self, event: RoomEvent) -> None:
        """Something happened in the room."""

    def changed(self, state: str) -> None:
        """See `connection.Party`."""


class RoomState(Enum):
    """Life of a room."""

    ACTIVE = "active"
    INACTIVE = "inactive"  # nobody is in it
    CLOSED = "closed"


def valid_id(text: object, what: str) -> str:
    """An id of a room or a user; raises `Refused` (400)."""
    if not isinstance(text, str) or _ID.fullmatch(text) is None:
        raise Refused(400, f"{what} must be 1 to 128 characters of A-Z a-z 0-9 _ . -")
    return text


def display_name(text: object) -> str:
    """A name for people; raises `Refused` (400)."""
    if not isinstance(text, str) or len(text) > NAME_MAX or not text.isprintable():
        raise Refused(400, f"name must be at most {NAME_MAX} printable characters")
    return text


@dataclass(frozen=True, slots=True)
class SlotCounts:
    """How many tracks of each kind a member gets for good, whoever is in them; with
    `lowest` pictures come in their cheapest layer.
    """

    audio: int
    video: int
    lowest: bool = False


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a member wants of the others.

    `everything` but `without`, or `only` what that names; entries are peers or
    PEER-LABEL.  `last_n` bounds how many pictures it gets: those of who spoke last.
    `slots` bounds both kinds, sound to the loudest, and has them come in fixed tracks.
    """

    everything: bool = True
    only: frozenset[str] = frozenset()
    without: frozenset[str] = frozenset()
    last_n: int | None = None
    slots: SlotCounts | None = None

    def has(self, peer: str, label: str) -> bool:
        """Whether a track is wanted, before `last_n` and `slots`."""
        if self.everything and not self.without:
            return True
        names = {peer, f"{peer}-{label}"}
        if names & self.without:
            return False
        return self.everything or bool(names & self.only)


@dataclass(slots=True)
class Roll:
    """What a room says about itself."""

    id: str
    name: str
    state: RoomState
    members: Sequence[Who] = ()
    tracks: int = 0
    age_s: float = 0.0
    idle_s: float = 0.0
    members_max: int = 0
