//! Which protocol a datagram on the shared media port speaks.
//!
//! The first octet decides (RFC 7983 section 7); RTP and RTCP are told apart by the
//! second (RFC 5761 section 4).  Nothing is said about validity: whoever takes the
//! datagram parses it.

/// The protocol that a datagram's first octets claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DatagramKind {
    Stun,
    Dtls,
    Rtp,
    Rtcp,
    Zrtp,
    TurnChannel,
    Unknown,
}

/// The kind of `datagram`; an empty one is `Unknown`.
pub fn classify(datagram: &[u8]) -> DatagramKind {
    match datagram {
        [0..=3, ..] => DatagramKind::Stun,
        [16..=19, ..] => DatagramKind::Zrtp,
        [20..=63, ..] => DatagramKind::Dtls,
        [64..=79, ..] => DatagramKind::TurnChannel,
        [128..=191, 192..=223, ..] => DatagramKind::Rtcp,
        [128..=191, ..] => DatagramKind::Rtp,
        _ => DatagramKind::Unknown,
    }
}
