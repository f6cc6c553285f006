//! What the agent tells its owner.

use std::net::SocketAddr;

/// A media association with one remote, unique for the life of a plane.
pub type TransportId = u64;

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum IceEvent {
    /// The transport is open, or moved: send to `address` from now on, and from the local
    /// address that the check came to.
    Selected {
        transport: TransportId,
        address: SocketAddr,
    },
    /// Nothing authenticated came for `silence_s`.
    ///
    /// With `expired` no check came while consent lasted: the transport has no address any
    /// more and gets none before an ICE restart.
    Silent {
        transport: TransportId,
        silence_s: f64,
        expired: bool,
    },
}

/// A verb that was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Misuse {
    /// The transport is not there, or there already.
    Transport,
    /// So many transports are there already.
    Full(usize),
    /// The credentials are shorter than RFC 8445 section 5.3 allows.
    Credentials,
    /// The ufrag is another's.
    Taken,
}
