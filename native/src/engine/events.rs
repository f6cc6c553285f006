//! What the packet path tells Python: a bounded ring, and a bell that its loop hears.
//!
//! Events are rare facts; only datagrams that are handed up and the packets of LOCAL
//! transports can be many, so these have limits of their own and cannot keep the others from
//! being told.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::socket_address::Local;
use super::socket_poll::Bell;
use crate::core::events::Event as CoreEvent;
use crate::core::ids::{ConsumerId, TransportId};

/// DTLS datagrams that may wait.
const DTLS_MAX: usize = 1024;
/// STUN of links that may wait: eight of each.
const STUN_MAX: usize = 2048;
/// Packets of LOCAL transports that may wait: a second of thirty streams.
const LOCAL_MAX: usize = 16_384;
/// All others together.
const OTHERS_MAX: usize = 65_536;

/// One thing that happened.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// An authenticated check opened the transport, or moved it.
    Validated {
        transport: TransportId,
        address: SocketAddr,
    },
    /// Neither checks nor media; `expired` once consent ran out.
    Silent {
        transport: TransportId,
        silence_s: f64,
        expired: bool,
    },
    /// A DTLS datagram from the transport's validated address.
    Dtls {
        transport: TransportId,
        datagram: Vec<u8>,
    },
    /// A STUN message of a link or probe: where it came in, from whom, and when; and the
    /// client at that address, with when it was last heard of.
    Stun {
        datagram: Vec<u8>,
        port: usize,
        local: Local,
        source: SocketAddr,
        at: f64,
        client: Option<(u64, f64)>,
    },
    /// A client has the address that the agent of links claimed as `token`.
    Released { address: SocketAddr, token: u64 },
    /// A plain packet for a consumer of a LOCAL transport.
    LocalPacket {
        transport: TransportId,
        consumer: ConsumerId,
        packet: Vec<u8>,
    },
    /// A compound RTCP packet for a LOCAL transport.
    LocalFeedback {
        transport: TransportId,
        packet: Vec<u8>,
    },
    /// The plane could not do something and degraded.
    Fault(&'static str),
    /// Something of ours panicked; media goes on.
    Failed { what: &'static str, why: String },
    /// What the forwarder has to tell.
    Core(CoreEvent),
}

#[derive(Clone, Copy)]
enum Class {
    Dtls,
    Stun,
    Local,
    Other,
}

impl Event {
    fn class(&self) -> Class {
        match self {
            Self::Dtls { .. } => Class::Dtls,
            Self::Stun { .. } => Class::Stun,
            Self::LocalPacket { .. } => Class::Local,
            _ => Class::Other,
        }
    }
}

impl Class {
    const fn limit(self) -> usize {
        match self {
            Self::Dtls => DTLS_MAX,
            Self::Stun => STUN_MAX,
            Self::Local => LOCAL_MAX,
            Self::Other => OTHERS_MAX,
        }
    }

    /// The counter of those that found no room.
    const fn full(self) -> &'static str {
        match self {
            Self::Dtls => "dtls-waiting-full",
            Self::Stun => "stun-waiting-full",
            Self::Local => "local-waiting-full",
            Self::Other => "events-full",
        }
    }
}

#[derive(Debug, Default)]
struct Waiting {
    events: VecDeque<Event>,
    counts: [usize; 4],
}

/// Events from the worker to one reader.
#[derive(Debug)]
pub struct Ring {
    waiting: Mutex<Waiting>,
    bell: Bell,
}

impl Ring {
    pub fn new() -> io::Result<Self> {
        Ok(Self {
            waiting: Mutex::default(),
            bell: Bell::new()?,
        })
    }

    /// Tell `events`, which is empty afterwards; the counters of what found no room.
    pub fn tell(&self, events: &mut Vec<Event>, mut full: impl FnMut(&'static str)) {
        if events.is_empty() {
            return;
        }
        let mut waiting = self.waiting();
        for event in events.drain(..) {
            let class = event.class();
            if waiting.counts[class as usize] >= class.limit() {
                full(class.full());
            } else {
                waiting.counts[class as usize] += 1;
                waiting.events.push_back(event);
            }
        }
        drop(waiting);
        self.bell.ring();
    }

    /// Everything that waits, in order.
    pub fn take(&self) -> VecDeque<Event> {
        self.bell.hush();
        let mut waiting = self.waiting();
        waiting.counts = [0; 4];
        std::mem::take(&mut waiting.events)
    }

    /// What is readable while something waits.
    pub fn raw(&self) -> i32 {
        self.bell.raw()
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        // a list of events is whole whatever happened to who held it
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
