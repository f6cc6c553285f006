//! Identifiers of the table, each its own type so that they cannot be mixed up, and the
//! keys under which the forwarder keeps what they name.
//!
//! An id is chosen by control and may come again; a key never does.  What points at
//! something that was removed holds a key, finds nothing, and so cannot take a newcomer
//! of the same id for it.

use std::fmt;
use std::sync::Arc;

use slotmap::new_key_type;

macro_rules! identifiers {
    ($($(#[$said:meta])* $name:ident),* $(,)?) => {$(
        $(#[$said])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub u64);

        impl fmt::Display for $name {
            fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(out)
            }
        }
    )*};
}

identifiers! {
    /// A media association with one remote, unique for the life of a plane.
    TransportId,
    /// A track that enters this node over a transport.
    ProducerId,
    /// A track that leaves this node over a transport.
    ConsumerId,
}

/// A node: the libp2p peer id of its Ed25519 key (RFC 0005 section 2).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(pub Arc<[u8]>);

/// A stream in the mesh: 16 octets of the hash of its claim key and name (RFC 0005).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamId(pub Arc<[u8]>);

new_key_type! {
    pub struct TransportKey;
    pub struct ProducerKey;
    pub struct ConsumerKey;
    pub struct LayerKey;
    /// A stream of the mesh, a neighbour, and a leg to one.
    pub struct StreamKey;
    pub struct NeighbourKey;
    pub struct LegKey;
}
