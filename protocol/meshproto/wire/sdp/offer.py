"""What a description offers as WebRTC: the judgement between parsing and answering.

Strategy: `read` says whether a description can be WebRTC at all and who its writer is;
`require_one_transport` adds what this node needs beyond that, everything on one
transport.  Well-formed descriptions that we will not serve are refused with a reason
that begins with "sdp-refused", so that a door can answer 422 instead of 400.

A section inside a BUNDLE group may leave its credentials out; it then uses those of
the group (RFC 9143 section 7.1 and RFC 9429 section 5.3.1 have such sections).
"""

from __future__ import annotations

from dataclasses import dataclass

from meshproto.errors import DecodeError
from meshproto.wire.sdp.endpoint import DtlsRole, RemoteEndpoint
from meshproto.wire.sdp.model import (
    DEFAULT_LIMITS,
    Fingerprint,
    Media,
    SdpLimits,
    SessionDescription,
    Setup,
)
from meshproto.wire.sdp.parse import parse

REFUSED = "sdp-refused"
"""How the reason of every refusal of a well-formed description begins."""

_HASHES = frozenset({"sha-1", "sha-224", "sha-256", "sha-384", "sha-512"})
_PROTOCOLS = frozenset(
    {
        "UDP/TLS/RTP/SAVPF",
        "TCP/TLS/RTP/SAVPF",
        "RTP/SAVPF",
        "UDP/DTLS/SCTP",
        "TCP/DTLS/SCTP",
        "DTLS/SCTP",
    }
)


@dataclass(frozen=True, slots=True)
class Offer:
    """A description that is WebRTC, and the end that wrote it."""

    description: SessionDescription
    remote: RemoteEndpoint

    @property
    def live(self) -> tuple[Media, ...]:
        """The sections that are not stopped."""
        return tuple(media for media in self.description.media if media.live)


def read(text: str | bytes, limits: SdpLimits = DEFAULT_LIMITS) -> Offer:
    """Parse a description and check that every live section can be WebRTC.

    Serves offers and answers alike.  Raises `DecodeError`: malformed, or refused.
    """
    description = parse(text, limits)
    live = [media for media in description.media if media.live]
    if not live:
        raise DecodeError(f"{REFUSED}-empty", "no live media section")
    mids = frozenset(description.bundle())
    bundled = [media for media in description.media if media.mid in mids]
    with_ice = next((m for m in bundled if m.ice_ufrag and m.ice_pwd), None)
    with_dtls = next((m for m in bundled if m.fingerprints), None)
    for media in live:
        inside = media.mid in mids
        _check_protocol(media)
        _check_plan(media)
        _check_security(
            media, with_ice if inside else None, with_dtls if inside else None
        )
    return Offer(description, _remote(live, mids, with_ice, with_dtls))


def is_refusal(error: DecodeError) -> bool:
    """Whether the text was well formed and refused for what it asks."""
    return error.reason.startswith(REFUSED)


def refusal(what: str, media: Media, why: str) -> DecodeError:
    """A refusal that names the line of the section it is about."""
    return DecodeError(f"{REFUSED}-{what}", f"line {media.line}: {why}")


def require_one_transport(offer: Offer) -> None:
    """Refuse what cannot run over a single transport of an ICE-lite node.

    Raises `DecodeError` for live sections outside one BUNDLE group, RTP without
    rtcp-mux, and a writer that is ICE-lite too: nobody would send a check.
    """
    if offer.description.ice_lite:
        raise DecodeError(f"{REFUSED}-ice-lite", "both sides would be ICE-lite")
    bundled = frozenset(offer.description.bundle())
    for media in offer.live:
        if len(offer.live) > 1 and media.mid not in bundled:
            raise refusal("bundle", media, "section is outside the BUNDLE group")
        if "RTP" in media.protocol and not media.rtcp_mux:
            raise refusal("rtcp-mux", media, "RTP without a=rtcp-mux")
    mids = [media.mid for media in offer.live]
    if len(set(mids)) != len(mids):
        raise DecodeError(f"{REFUSED}-mid", "two sections have the same mid")


def _check_protocol(media: Media) -> None:
    if media.protocol.upper() not in _PROTOCOLS:
        raise refusal(
            "protocol", media, f"protocol {media.protocol[:32]} is not WebRTC"
        )


def _check_plan(media: Media) -> None:
    # Plan B put several tracks into one section, told apart by the msid of their
    # SSRCs; half of them would be lost in an answer that knows one track a section.
    tracks = {facts.msid for facts in media.ssrcs if facts.msid}
    if len(tracks) > 1:
        raise refusal("plan-b", media, "several tracks in one section (Plan B)")


def _check_security(
    media: Media, with_ice: Media | None, with_dtls: Media | None
) -> None:
    """What the section lacks itself, a section of its group must have."""
    if not (media.fingerprints or with_dtls):
        if media.sdes_crypto:
            raise refusal("sdes", media, "SDES keys instead of DTLS-SRTP")
        raise refusal("no-dtls", media, "no a=fingerprint")
    if not ((media.ice_ufrag and media.ice_pwd) or with_ice):
        raise refusal("no-ice", media, "no a=ice-ufrag and a=ice-pwd")


def _remote(
    live: list[Media],
    bundled: frozenset[str],
    with_ice: Media | None,
    with_dtls: Media | None,
) -> RemoteEndpoint:
    """The end of the first live section, which carries the group's transport."""
    first = live[0]
    mates = [first] if first.mid not in bundled else live
    ice = first if first.ice_ufrag and first.ice_pwd else with_ice
    dtls = first if first.fingerprints else with_dtls
    candidates = dict.fromkeys(c for media in mates for c in media.candidates)
    return RemoteEndpoint(
        ufrag=(ice and ice.ice_ufrag) or "",
        pwd=(ice and ice.ice_pwd) or "",
        fingerprints=_usable_hashes(dtls or first),
        our_dtls_role=_our_role(dtls or first),
        candidates=tuple(candidates),
    )


def _usable_hashes(media: Media) -> tuple[Fingerprint, ...]:
    # RFC 8122 section 5: MD2 and MD5 must not be used.
    usable = tuple(
        Fingerprint(found.algorithm, found.value.upper())
        for found in media.fingerprints
        if found.algorithm in _HASHES
    )
    if not usable:
        raise refusal("no-dtls", media, "no fingerprint with a hash we accept")
    return usable


def _our_role(media: Media) -> DtlsRole:
    """Actpass and active make us the server, passive the client (RFC 8842)."""
    if media.setup is Setup.HOLDCONN:
        raise refusal("setup", media, "setup:holdconn")
    return DtlsRole.CLIENT if media.setup is Setup.PASSIVE else DtlsRole.SERVER
