"""The answer to a publisher (WHIP, RFC 9725).

Every live section must be one that we can take: WHIP knows no partial answer, so one
section that we cannot carry refuses the whole offer (RFC 9725 section 4.4.3).
"""

from __future__ import annotations

from dataclasses import dataclass, field

from meshproto.wire.sdp import sections as rules
from meshproto.wire.sdp.endpoint import LocalEndpoint, RemoteEndpoint
from meshproto.wire.sdp.extensions import ExtensionIds
from meshproto.wire.sdp.model import Media
from meshproto.wire.sdp.offer import Offer, refusal
from meshproto.wire.sdp.section import DataSection, Section
from meshproto.wire.sdp.sections import NegotiatedTrack, ReceiveRules


@dataclass(frozen=True, slots=True)
class PublishPolicy:
    """What a door lets a publisher do.

    `tracks_per_kind` is 1 in WHIP (RFC 9725 section 4.4.2).  The rtcp-mux-only line is
    in the answer because RFC 9725 section 4.4.1 wants it there, against RFC 8858.
    """

    receive: ReceiveRules = field(
        default_factory=lambda: ReceiveRules(rtcp_mux_only=True)
    )
    tracks_per_kind: int = 1


@dataclass(frozen=True, slots=True)
class PublishAnswer:
    """What was agreed: `text` goes back, the rest programs the node."""

    text: str
    tracks: tuple[NegotiatedTrack, ...]
    data: DataSection | None
    remote: RemoteEndpoint
    sections: tuple[Section, ...]

    @property
    def data_mid(self) -> str | None:
        """The mid of the data channel section, None without one."""
        return None if self.data is None else self.data.mid


def answer(
    offer: Offer, local: LocalEndpoint, policy: PublishPolicy | None = None
) -> PublishAnswer:
    """Accept the whole offer, or raise `DecodeError` with what stands against it."""
    policy = policy or PublishPolicy()
    ids = ExtensionIds()
    tracks: list[NegotiatedTrack] = []

    def media_section(_index: int, media: Media) -> Section:
        section, track = _receive(media, policy, ids)
        tracks.append(track)
        _check_count(media, tracks, policy)
        return section

    done = rules.answer_all(offer, local, media_section)
    return PublishAnswer(
        done.text, tuple(tracks), done.data, offer.remote, done.sections
    )


def _receive(
    media: Media, policy: PublishPolicy, ids: ExtensionIds
) -> tuple[Section, NegotiatedTrack]:
    if not media.direction.sends:
        raise refusal(
            "direction",
            media,
            f"a publisher sends, this section is {media.direction.value}",
        )
    return rules.receive(media, policy.receive, ids)


def _check_count(
    media: Media, tracks: list[NegotiatedTrack], policy: PublishPolicy
) -> None:
    kind = tracks[-1].kind
    if sum(track.kind is kind for track in tracks) > policy.tracks_per_kind:
        raise refusal(
            "tracks", media, f"more {kind.value} tracks than {policy.tracks_per_kind}"
        )
