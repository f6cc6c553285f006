//! One remote: what its packets mean on the way in, what it can take on the way out.
//!
//! Inwards it knows which SSRC belongs to which layer and what the header extension ids
//! stand for (one meaning per connection: BUNDLE demands that, RFC 9143 section 9.1).
//! Outwards it numbers packets over the transport and asks congestion control.

use rustc_hash::FxHashSet;

use super::arrivals::ArrivalRecorder;
use super::clock::PublisherClock;
use super::config::RandomSource;
use super::ids::{ConsumerKey, LayerKey, NeighbourKey, ProducerId, ProducerKey, TransportId};
use super::ordered::Ordered;
use super::reports::SentReports;
use super::sentlog::SentLog;
use super::table::TransportKind;
use crate::congestion::config::CongestionConfig;
use crate::congestion::pacer::Priority;
use crate::congestion::sender::TransportSender;
use crate::errors::Refused;
use crate::wire::extensions;
use crate::wire::parameters::Extension;

/// What the forwarder does with an element of a publisher's header extension.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    Carry,
    Frame,
    Mid,
    Rid,
    RepairedRid,
    Sequence,
}

impl Role {
    fn of(uri: &str) -> Self {
        match uri {
            extensions::MID => Self::Mid,
            extensions::RID => Self::Rid,
            extensions::REPAIRED_RID => Self::RepairedRid,
            extensions::TRANSPORT_SEQUENCE => Self::Sequence,
            extensions::DEPENDENCY_DESCRIPTOR => Self::Frame,
            _ => Self::Carry,
        }
    }
}

/// What an SSRC carries: packets of `layer`, or repairs of them.
#[derive(Clone, Copy, Debug)]
pub struct Source {
    pub producer: ProducerKey,
    pub layer: LayerKey,
    pub repair: bool,
}

/// State of one remote.
///
/// `sending` is false until the plane can protect packets.  `number` is the next
/// transport-wide number; `numbering` tells whether any consumer writes it, `heard_to` is
/// where the next feedback begins unless one is lost.  `moving`: there was media to choose
/// from when layers were last chosen.  `neighbour` is the node behind a RELAY transport.
#[derive(Debug)]
pub struct Transport {
    pub id: TransportId,
    pub kind: TransportKind,
    pub sending: bool,
    pub ssrc: u32,
    pub sources: Ordered<u32, Source>,
    pub latched: usize,
    pub full: bool,
    pub producers: Ordered<ProducerId, ProducerKey>,
    pub consumers: Ordered<u32, ConsumerKey>,
    pub arrivals: Option<ArrivalRecorder>,
    pub number: i64,
    pub heard_to: Option<i64>,
    pub numbering: bool,
    pub rtt_s: Option<f64>,
    pub told_bps: i64,
    pub moving: bool,
    pub neighbour: Option<NeighbourKey>,
    pub clock: PublisherClock,
    pub reported: SentReports,
    pub log: SentLog,
    pub sender: Option<TransportSender<ConsumerKey>>,
    roles: Vec<Option<Role>>,
    spent: FxHashSet<u32>,
}

impl Transport {
    pub fn new(
        id: TransportId,
        kind: TransportKind,
        start_bitrate_bps: i64,
        random: &mut dyn RandomSource,
    ) -> Self {
        let ssrc = random.getrandbits(32) as u32;
        let mut config = CongestionConfig::default();
        if start_bitrate_bps != 0 {
            config.start_bps = start_bitrate_bps;
        }
        let sender = (kind == TransportKind::Client).then(|| TransportSender::new(config));
        Self {
            id,
            kind,
            sending: kind == TransportKind::Local,
            ssrc: ssrc.max(1),
            sources: Ordered::default(),
            latched: 0,
            full: false,
            producers: Ordered::default(),
            consumers: Ordered::default(),
            arrivals: None,
            number: 0,
            heard_to: None,
            numbering: false,
            rtt_s: None,
            told_bps: 0,
            moving: true,
            neighbour: None,
            clock: PublisherClock::default(),
            reported: SentReports::default(),
            log: SentLog::default(),
            sender,
            roles: Vec::new(),
            spent: FxHashSet::default(),
        }
    }

    /// Extension ids of one more producer.
    pub fn learn(&mut self, negotiated: &[Extension]) {
        for extension in negotiated {
            if extension.uri == extensions::ABS_SEND_TIME {
                continue; // ours is stamped anew, the publisher's says nothing to us
            }
            let role = Role::of(&extension.uri);
            if let Ok(id) = u8::try_from(extension.id) {
                self.roles.resize(self.roles.len().max(256), None);
                self.roles[usize::from(id)] = Some(role);
            }
            if role == Role::Sequence && self.arrivals.is_none() {
                self.arrivals = Some(ArrivalRecorder::default());
            }
        }
    }

    /// What an element of a header extension is for.
    pub fn role(&self, id: u8) -> Option<Role> {
        self.roles.get(usize::from(id)).copied().flatten()
    }

    /// Reserve the SSRCs of a consumer for good.
    ///
    /// Refused for one that was used before: under the same key its packet indices, and so
    /// the nonces, would come again (RFC 3711 section 9.1).
    pub fn spend(&mut self, ssrc: u32, rtx: Option<u32>, limit: usize) -> Result<(), Refused> {
        let used = |ssrc| self.spent.contains(&ssrc);
        if rtx == Some(ssrc) || used(ssrc) || rtx.is_some_and(used) {
            let rtx = rtx.map_or("None".to_owned(), |rtx| rtx.to_string());
            let said = format!("transport {} used SSRC {ssrc} or {rtx}", self.id);
            return Err(Refused::State(said));
        }
        if self.spent.len() >= limit {
            return Err(Refused::Limit("consumers", limit / 2));
        }
        if self.kind == TransportKind::Client {
            self.spent.insert(ssrc);
            self.spent.extend(rtx);
        }
        Ok(())
    }

    /// Whether congestion control lets a live burst pass.
    pub fn admit(&self, now: f64) -> bool {
        let sender = self.sender.as_ref();
        sender.map_or(true, |sender| sender.admit(now))
    }

    /// When a packet of that kind may leave, at best `now`.
    pub fn ready_at(&self, now: f64, priority: Priority) -> f64 {
        let sender = self.sender.as_ref();
        sender.map_or(now, |sender| sender.ready_at(now, priority))
    }

    /// Whether more is allotted than the path carries.
    pub fn overcommitted(&self) -> bool {
        let sender = self.sender.as_ref();
        sender.is_some_and(TransportSender::overcommitted)
    }

    /// What the path is believed to carry; 0 where nobody counts.
    pub fn estimate_bps(&self) -> i64 {
        let sender = self.sender.as_ref();
        sender.map_or(0, TransportSender::estimate_bps)
    }

    /// `count` packets of `size` octets together leave now, numbered in order.
    pub fn sent(&mut self, count: usize, size: usize, now: f64) {
        if let Some(sender) = &mut self.sender {
            sender.on_sent_burst(self.number as u16, count as u32, size as u64, now);
        }
        self.number += count as i64;
    }
}
