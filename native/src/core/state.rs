//! What the parts of the forwarder share: tables, timers and outboxes.
//!
//! The tables hold everything under keys that never come again (`ids`), and beside them
//! the order in which control named it.  A layer that was removed stays as long as a
//! consumer's numbering may lead back to it: what it sent under a number keeps its times.
//!
//! Outboxes are bounded: a driver that does not poll loses the oldest entries.

use std::collections::BTreeMap;
use std::sync::Arc;

use rustc_hash::FxHashSet;
use slotmap::SlotMap;

use super::agenda::{Agenda, Timer};
use super::config::{ForwardingConfig, RandomSource};
use super::consumer::Consumer;
use super::events::{Event, ForwardingEvent};
use super::ids::{
    ConsumerId, ConsumerKey, LayerKey, ProducerId, ProducerKey, TransportId, TransportKey,
};
use super::layer::Layer;
use super::ordered::Ordered;
use super::outputs::{Again, Departures, OutRtcp};
use super::packet::OVERHEAD;
use super::producer::Producer;
use super::profile::Profile;
use super::relay::{self, Relays};
use super::rendering::Rendering;
use super::repairs::Recent;
use super::table::TransportKind;
use super::transport::Transport;

const OUTBOX: usize = 4096;

/// Apart enough that one short burst of losses does not take both.
const TWICE_AFTER_S: f64 = 0.01;

/// A timer that did its work never fires twice at one instant.
pub const BREATH_S: f64 = 0.001;

/// Removed layers that are tolerated before somebody looks who still needs them.
const REMOVED: usize = 64;

/// Counts by reason what went no further.
#[derive(Debug, Default)]
pub struct Drops(BTreeMap<&'static str, u64>);

impl Drops {
    pub fn count(&mut self, reason: &'static str) {
        *self.0.entry(reason).or_default() += 1;
    }

    pub fn get(&self, reason: &str) -> u64 {
        self.0.get(reason).copied().unwrap_or(0)
    }

    pub fn iter(&self) -> impl Iterator<Item = (&'static str, u64)> + '_ {
        self.0.iter().map(|(&reason, &count)| (reason, count))
    }
}

/// Tables by id in order of arrival, timers, and what waits to be polled.
pub struct State {
    pub config: ForwardingConfig,
    pub random: Box<dyn RandomSource + Send>,
    pub transports: SlotMap<TransportKey, Transport>,
    pub producers: SlotMap<ProducerKey, Producer>,
    pub consumers: SlotMap<ConsumerKey, Consumer>,
    pub layers: SlotMap<LayerKey, Layer>,
    pub transport_ids: Ordered<TransportId, TransportKey>,
    pub producer_ids: Ordered<ProducerId, ProducerKey>,
    pub consumer_ids: Ordered<ConsumerId, ConsumerKey>,
    pub agenda: Agenda,
    pub dirty: Vec<LayerKey>,
    pub out: Departures,
    pub rtcp: Recent<OutRtcp>,
    pub again: Recent<Again>,
    pub events: Recent<Event>,
    pub drops: Drops,
    pub relays: Relays,
    /// Number of the last full intra request (RFC 5104 section 4.3.1).
    pub fir_number: u8,
    /// The profile of who has no producer yet, and how many were made after it.
    pub nobody: Arc<Profile>,
    pub profiles: u64,
    /// Room to render in: for a packet or chunk of one consumer, and for a whole batch.
    pub scratch: Rendering,
    pub headers: Rendering,
    /// Whom the last burst is for, and who was served when the last fault came.
    pub serving: Option<ConsumerKey>,
    pub suspect: Option<ConsumerKey>,
    /// Timers that were taken and are to be fired, the first one last.
    pub firing: Vec<Timer>,
    removed: Vec<LayerKey>,
    removed_max: usize,
}

impl State {
    pub fn new(config: ForwardingConfig, random: Box<dyn RandomSource + Send>) -> Self {
        Self {
            config,
            random,
            transports: SlotMap::with_key(),
            producers: SlotMap::with_key(),
            consumers: SlotMap::with_key(),
            layers: SlotMap::with_key(),
            transport_ids: Ordered::default(),
            producer_ids: Ordered::default(),
            consumer_ids: Ordered::default(),
            agenda: Agenda::default(),
            dirty: Vec::new(),
            out: Departures::default(),
            rtcp: Recent::new(OUTBOX),
            again: Recent::new(OUTBOX),
            events: Recent::new(OUTBOX),
            drops: Drops::default(),
            relays: Relays::default(),
            fir_number: 0,
            nobody: Arc::new(Profile::none()),
            profiles: 0,
            scratch: Rendering::default(),
            headers: Rendering::default(),
            serving: None,
            suspect: None,
            firing: Vec::new(),
            removed: Vec::new(),
            removed_max: REMOVED,
        }
    }

    pub fn emit(&mut self, event: ForwardingEvent) {
        self.events.push(Event::Forwarding(event));
    }

    /// The transport over which a layer enters; None once it was removed.
    pub fn publisher(&self, layer: LayerKey) -> Option<TransportKey> {
        let producer = self.layers.get(layer)?.producer;
        let producer = *self.producer_ids.get(producer)?;
        Some(self.producers[producer].transport)
    }

    /// Whom to ask for packets of a layer, and under which SSRC: the publisher, or the
    /// active leg of its stream.  None while there is nobody.
    pub fn asked(&self, layer: LayerKey) -> Option<(TransportKey, u32)> {
        let transport = self.publisher(layer)?;
        let layer = &self.layers[layer];
        if self.transports[transport].kind == TransportKind::Mesh {
            return relay::upstream(self, layer.slot?);
        }
        Some((transport, layer.ssrc?))
    }

    /// The packets that were pushed for the consumer, `size` octets of payload, leave as
    /// one burst.
    pub fn depart(&mut self, key: ConsumerKey, size: usize, now: f64) {
        let out = &mut self.out.viewers;
        let (consumer, count) = (&self.consumers[key], out.open().len());
        if count == 0 {
            return;
        }
        let transport = &mut self.transports[consumer.transport];
        let numbered = consumer.profile.numbered > 0;
        if transport.numbering && numbered && consumer.rtx_ssrc.is_some() {
            let indices = out.open().iter().map(|packet| packet.index as i64);
            transport.log.note(transport.number, key, indices);
        }
        out.close(transport.id, consumer.id, consumer.keeps_protected);
        if !transport.numbering || numbered {
            // else it has no number that feedback could name
            transport.sent(count, size + OVERHEAD * count, now);
        }
    }

    /// The packets that were pushed for its repair stream leave: `indices` once more, or
    /// padding.
    pub fn repeat(&mut self, key: ConsumerKey, indices: &[i64], now: f64) {
        let out = &mut self.out.viewers;
        let (consumer, count) = (&self.consumers[key], out.open().len());
        if count == 0 {
            return;
        }
        let size: usize = out.open().iter().map(|packet| packet.payload.len()).sum();
        let transport = &mut self.transports[consumer.transport];
        out.close(transport.id, consumer.id, false);
        let numbered = consumer.profile.numbered > 0;
        if transport.numbering && !numbered {
            return;
        }
        if transport.numbering && !indices.is_empty() {
            transport.log.note_repeated(transport.number, key, indices);
        }
        transport.sent(count, size + OVERHEAD * count, now);
    }

    /// Let the consumer's packet `index` be repeated a little later.
    pub fn repeat_soon(&mut self, key: ConsumerKey, index: i64, now: f64) {
        let again = &mut self.consumers[key].repairs.again;
        again.push((now + TWICE_AFTER_S, index));
        if let Some(&(first, _)) = again.first() {
            self.agenda.no_later(Timer::Repair(key), first);
        }
    }

    /// Set the transport's timer to the next wish of congestion control.
    pub fn attend(&mut self, key: TransportKey, now: f64) {
        let sender = self.transports[key].sender.as_ref();
        if let Some(deadline) = sender.and_then(|sender| sender.next_timeout()) {
            let soonest = deadline.max(now + BREATH_S);
            self.agenda.at(Timer::Congestion(key), soonest);
        }
    }

    /// Set the layer's timer to its next request, not before `soonest`.
    pub fn watch(&mut self, key: LayerKey, soonest: f64) {
        let Some(layer) = self.layers.get(key) else {
            return;
        };
        let asked = layer.nacks.as_ref().and_then(|nacks| nacks.next_timeout());
        let deadlines = [layer.keys.next_timeout(), asked];
        if let Some(due) = deadlines.into_iter().flatten().reduce(f64::min) {
            self.agenda.no_later(Timer::Layer(key), due.max(soonest));
        }
    }

    /// Somebody needs a key frame of the layer.
    pub fn want_key(&mut self, key: LayerKey, now: f64) {
        if let Some(layer) = self.layers.get_mut(key) {
            layer.keys.want();
        }
        self.watch(key, now);
    }

    /// Let go of a removed layer, once no consumer's numbers lead back to it.
    pub fn retire(&mut self, key: LayerKey) {
        self.removed.push(key);
        if self.removed.len() < self.removed_max {
            return;
        }
        let consumers = self.consumers.values();
        let needed: FxHashSet<LayerKey> = consumers.flat_map(referred).collect();
        let layers = &mut self.layers;
        self.removed.retain(|key| {
            let kept = needed.contains(key);
            if !kept {
                layers.remove(*key);
            }
            kept
        });
        self.removed_max = REMOVED.max(2 * self.removed.len());
    }
}

/// The layers that a consumer's state leads to.
fn referred(consumer: &Consumer) -> impl Iterator<Item = LayerKey> + '_ {
    let last = consumer.last.map(|last| last.segment.source);
    let now = [consumer.layer, consumer.target, last];
    now.into_iter()
        .flatten()
        .chain(consumer.numbering.sources())
}
