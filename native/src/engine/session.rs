//! What the engine keeps per transport.

use crate::core::table::TransportKind;
use crate::engine::repeats::Repeats;
use crate::engine::socket_address::Way;
use crate::ice::credentials::Slot;
use crate::srtp::{Inbound, Outbound};

/// How to send to one remote: by which socket, which way, and what the path takes.
#[derive(Clone, Copy, Debug)]
pub struct Path {
    pub port: usize,
    pub way: Way,
    pub segment_limit: usize,
}

/// One transport of the plane.
///
/// `slot` is its place in the ICE agent, None for one that has no remote; `path` is None
/// while there is no validated address, `inbound` and `outbound` until the handshake is
/// done.
pub struct Session {
    pub kind: TransportKind,
    pub slot: Option<Slot>,
    pub path: Option<Path>,
    pub inbound: Option<Inbound>,
    pub outbound: Option<Outbound>,
    pub repeats: Option<Box<Repeats>>,
}

impl Session {
    pub fn new(kind: TransportKind, slot: Option<Slot>) -> Self {
        Self {
            kind,
            slot,
            path: None,
            inbound: None,
            outbound: None,
            repeats: None,
        }
    }
}
