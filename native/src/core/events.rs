//! What the packet path tells control: rare facts, never one per packet.

use crate::core::ids::{ConsumerId, ProducerId, TransportId};
use crate::core::relay_table::PlaneNotice;
use crate::core::table::Rid;

/// A fact for control, as `meshproto.forwarding.events` has them.
#[derive(Clone, Debug, PartialEq)]
pub enum ForwardingEvent {
    /// The first packet of a producer's layer arrived; `rid` is "" without simulcast.
    LayerFound {
        producer: ProducerId,
        rid: Rid,
        ssrc: u32,
        codec: String,
    },
    /// The consumer now gets another layer (None: nothing at the moment).
    LayerSwitched {
        consumer: ConsumerId,
        rid: Option<Rid>,
    },
    /// A producer that the mesh feeds: viewers here have use for these layers, cheapest
    /// first, and for no others (RFC 0003 section 13.7).
    LayersWanted {
        producer: ProducerId,
        rids: Vec<Rid>,
    },
    /// The send-side bandwidth estimate of a client transport moved by over a tenth.
    EstimateChanged {
        transport: TransportId,
        bitrate_bps: i64,
    },
    /// No packet of the producer for `silence_s`, while one was expected.
    ProducerSilent {
        producer: ProducerId,
        silence_s: f64,
    },
    /// Remote input was refused because a bounded table is full.
    LimitReached { limit: &'static str, maximum: usize },
}

/// What `Forwarder::poll_event` gives.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    Forwarding(ForwardingEvent),
    Notice(PlaneNotice),
}
