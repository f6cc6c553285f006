"""The answer to a publisher (WHIP, RFC 9725).

Every live section must be one that we can take: WHIP knows no partial answer, so one
section that we cannot carry refuses the whole offer (RFC 9725 section 4.4.3).
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from meshproto.wire.sdp import sections as rules
from meshproto.wire.sdp.endpoint import LocalEndpoint, RemoteEndpoint
from meshproto.wire.sdp.model import Media
from meshproto.wire.sdp.offer import Offer, refusal, require_one_transport
from meshproto.wire.sdp.section import DataSection, Section, write
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
    require_one_transport(offer)
    policy = policy or PublishPolicy()
    sections: list[Section] = []
    tracks: list[NegotiatedTrack] = []
    data: DataSection | None = None
    for media in offer.description.media:
        if not media.live or (rules.is_data(media) and data is not None):
            sections.append(rules.rejected(media))
        elif rules.is_data(media):
            sections.append(rules.data(media))
            data = sections[-1].data
        else:
            section, track = _receive(media, policy)
            sections.append(section)
            tracks.append(track)
    _check_count(offer, tracks, policy)
    setup = rules.our_setup(offer.remote)
    text = write(local, setup, sections, offer.description.bundle())
    return PublishAnswer(text, tuple(tracks), data, offer.remote, tuple(sections))


def _receive(media: Media, policy: PublishPolicy) -> tuple[Section, NegotiatedTrack]:
    if not media.direction.sends:
        raise refusal(
            "direction",
            media,
            f"a publisher sends, this section is {media.direction.value}",
        )
    return rules.receive(media, policy.receive)


def _check_count(
    offer: Offer, tracks: list[NegotiatedTrack], policy: PublishPolicy
) -> None:
    for kind, count in Counter(track.kind for track in tracks).items():
        if count > policy.tracks_per_kind:
            raise refusal(
                "tracks",
                offer.live[-1],
                f"{count} {kind.value} tracks, at most {policy.tracks_per_kind}",
            )
