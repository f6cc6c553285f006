//! The forwarding table between nodes: which legs carry a stream (RFC 0011 section 8).
//!
//! A *leg* is one stream over one link in one direction.  The tree decides about legs, the
//! plane obeys; it moves packets, keeps the history, sends and judges the sequence
//! heartbeat and the keep-alive, and makes the pre-programmed switch to the standby on its
//! own.  What it saw comes back as `PlaneNotice` values, which the brain only records.

use crate::core::ids::{NodeId, ProducerId, StreamId};
use crate::core::table::Rid;

/// Layers of a stream, one bit each, bit 0 the lowest; audio is always carried.
pub type LayerMask = u32;

/// What the second ingress leg of a stream is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Second {
    /// Heartbeats only; the plane activates it on silence.
    #[default]
    Standby,
    /// Packets; its first new packet is reported.
    Joining,
    /// Audio and the lowest layer, all the time.
    Dual,
}

impl Second {
    /// The word for it, as deltas and statistics have it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Standby => "standby",
            Self::Joining => "joining",
            Self::Dual => "dual",
        }
    }
}

/// A change to the legs of a stream, as the brain decides it.
///
/// `alias` is a leg's SSRC base and `base` the 48 bit extended sequence of its first
/// packet, both from the parent's Accept (RFC 0011 section 8.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RelayDelta {
    /// Carry `stream` from now on; `origin` when its publisher is here.
    OpenStream { stream: StreamId, origin: bool },
    /// Forget the stream with all its legs and its history.
    CloseStream { stream: StreamId },
    /// Packets come from `parent`; None: from nobody.
    SetActive {
        stream: StreamId,
        parent: Option<NodeId>,
        alias: u32,
        base: u64,
    },
    /// The second ingress leg and its use; `parent` None takes it away.
    SetSecond {
        stream: StreamId,
        parent: Option<NodeId>,
        purpose: Second,
        alias: u32,
        base: u64,
    },
    /// Send `stream` to `child`: from `start` out of the history, or from the key-frame
    /// cache when `start` is None.  `standby`: heartbeats only, until it is activated.
    OpenLeg {
        stream: StreamId,
        child: NodeId,
        alias: u32,
        layers: LayerMask,
        start: Option<u64>,
        standby: bool,
    },
    /// Change the layers that `child` gets, pause above sequence `pause_after`, or resume
    /// (None) with replay of what was held back.
    SetLeg {
        stream: StreamId,
        child: NodeId,
        layers: LayerMask,
        pause_after: Option<u64>,
    },
    /// Send nothing more to `child`; its alias is never used again on that link.
    CloseLeg { stream: StreamId, child: NodeId },
}

/// Layer `rid` of `producer`; `bit` is its bit in a `LayerMask`, None where it is always
/// carried (sound).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slot {
    pub producer: ProducerId,
    pub rid: Rid,
    pub bit: Option<u8>,
}

/// Slot n of the stream is the n-th of `slots` from now on (16 at most).
///
/// At the origin the producers are the publisher's, elsewhere those of a MESH transport.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BindStream {
    pub stream: StreamId,
    pub slots: Vec<Slot>,
}

/// What a plane reports about relay legs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PlaneNotice {
    /// The joining leg brought packet `sequence`, which was not in the history.
    FirstNew {
        stream: StreamId,
        parent: NodeId,
        sequence: u64,
    },
    /// The joining leg has run for 3 packets and 100 ms and the active one is ahead by
    /// `lead` packets: it needs a pause of the old leg to prove itself.
    NothingNew {
        stream: StreamId,
        parent: NodeId,
        newest: i64,
        lead: i64,
    },
    /// Silence of the active leg: the plane made `parent` active, from `sequence`.
    Activated {
        stream: StreamId,
        parent: NodeId,
        sequence: i64,
    },
    /// `child` turned its standby leg here into an active one, from `sequence`.
    LegActivated {
        stream: StreamId,
        child: NodeId,
        sequence: i64,
    },
    /// Active and second leg are both silent: no new packet from anybody.
    ///
    /// `link_alive`: keep-alives of the active parent still come (it is stalled).
    Silent { stream: StreamId, link_alive: bool },
    /// New packets come again over `parent`.
    Flowing {
        stream: StreamId,
        parent: NodeId,
        sequence: i64,
    },
}
