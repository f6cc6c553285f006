//! The forwarding table's vocabulary: what control tells a packet path.
//!
//! Control decides, planes obey (RFC 0001 section 2).  A plane is programmed with
//! `PlaneDelta` values only, plain data that cross into the worker's thread.
//!
//! A *producer* is one track entering over a transport.  It has one *layer* per simulcast
//! rid, or a single layer named "" without simulcast.  A *consumer* is that track leaving
//! over another transport, under an SSRC, payload types and extension ids of its own.

pub use crate::congestion::ladder::Rid;
use crate::core::ids::{ConsumerId, ProducerId, TransportId};
use crate::core::relay_table::{BindStream, RelayDelta};
use crate::wire::parameters::{Codec, Extension, MediaKind, SsrcBinding};

/// What is at the far end of a transport.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TransportKind {
    /// A WebRTC peer: ICE-lite, DTLS, SRTP.
    Client,
    /// This process: packets are handed over in the clear.
    Local,
    /// A neighbour node: a link that carries legs of many streams.
    Relay,
    /// Nobody: it owns the producers of one stream that legs bring.
    Mesh,
}

impl TransportKind {
    /// The word for it in statistics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Local => "local",
            Self::Relay => "relay",
            Self::Mesh => "mesh",
        }
    }
}

/// Which layer a consumer gets.
///
/// `rid` None means automatic: the best that the viewer's bandwidth estimate allows.
/// The `max_` fields cap spatial and temporal layers of scalable codecs, None is no
/// cap.  A paused consumer gets nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    pub rid: Option<Rid>,
    pub max_spatial: Option<u8>,
    pub max_temporal: Option<u8>,
    pub paused: bool,
}

/// A track begins to enter over `transport`.
///
/// `rids` are the simulcast layers in the order of the offer, empty without simulcast.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddProducer {
    pub producer: ProducerId,
    pub transport: TransportId,
    pub kind: MediaKind,
    pub mid: String,
    pub codecs: Vec<Codec>,
    pub extensions: Vec<Extension>,
    pub rids: Vec<Rid>,
    pub ssrcs: Vec<SsrcBinding>,
}

/// `producer` begins to leave over `transport` as SSRC `ssrc`.
///
/// `codecs` are the viewer's; a packet is forwarded only if the codec it came in has
/// its counterpart (same name) here.  `first_sequence` lies in the lower half of the
/// 16 bit space (RFC 0003 section 4: a late joiner must not start behind a wrap).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddConsumer {
    pub consumer: ConsumerId,
    pub producer: ProducerId,
    pub transport: TransportId,
    pub kind: MediaKind,
    pub mid: String,
    pub ssrc: u32,
    pub rtx_ssrc: Option<u32>,
    pub codecs: Vec<Codec>,
    pub extensions: Vec<Extension>,
    pub selection: Selection,
    pub first_sequence: u16,
    pub first_timestamp: u32,
}

/// A change to the forwarding table: the only thing that control says about media.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ForwardingDelta {
    AddProducer(Box<AddProducer>),
    /// The track ended; its consumers stay, silent, until moved or removed.
    RemoveProducer(ProducerId),
    AddConsumer(Box<AddConsumer>),
    /// The consumer follows another producer from now on, without a seam in its own
    /// numbering (a publisher came back, or moved).
    MoveConsumer(ConsumerId, ProducerId),
    /// Change which layer the consumer gets, at the next key frame.
    SetSelection(ConsumerId, Selection),
    /// The track stops leaving over its transport.
    RemoveConsumer(ConsumerId),
    /// Ask the producer for a key frame on every layer (throttled like any PLI).
    RequestKeyFrame(ProducerId),
}

/// Everything that programs a plane.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PlaneDelta {
    Forwarding(ForwardingDelta),
    Relay(RelayDelta),
    Bind(BindStream),
}
