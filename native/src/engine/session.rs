//! What the engine keeps per transport.

use std::sync::Arc;

use crate::core::table::TransportKind;
use crate::engine::repeats::Repeats;
use crate::engine::socket_address::Way;
use crate::ice::credentials::Slot;
use crate::ice::neighbours::Heard;
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
/// `slot` is its place in the agent of clients, None for who is none; `path` is None
/// while there is no validated address, `inbound` and `outbound` until the handshake is
/// done.
pub struct Session {
    pub kind: TransportKind,
    pub slot: Option<Slot>,
    pub path: Option<Path>,
    pub inbound: Option<Inbound>,
    pub outbound: Option<Outbound>,
    pub repeats: Option<Box<Repeats>>,
    pub link: Option<Box<Link>>,
}

/// What only the transport of a neighbour has.
///
/// `open` is false while nobody answers there; `dtls_from` sent the newest DTLS datagram.
#[derive(Debug, Default)]
pub struct Link {
    pub open: bool,
    pub dtls_from: Option<Arc<Heard>>,
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
            link: None,
        }
    }
}
