//! A track that enters: its layers by rid, and what its packets may contain.
//!
//! Profiles are kept here because they depend on the producer's payload types and
//! extension ids; consumers that agree in theirs share one.

use std::sync::Arc;

use rustc_hash::FxHashMap;
use slotmap::SlotMap;

use super::format::PayloadFormat;
use super::ids::{LayerKey, ProducerId, TransportKey};
use super::layer::Layer;
use super::profile::{Agreed, Profile};
use super::pull::Pull;
use super::table::{AddProducer, Rid};
use crate::congestion::ladder::LayerRate;
use crate::wire::parameters::{Codec, Extension, MediaKind, SsrcBinding};

const PROFILES: usize = 64;
const STOPPED_S: f64 = 0.5;

/// The state behind an `AddProducer`.
///
/// `pull` is set where the mesh brings the layers, each for the asking.  `measured` are
/// the layers' rates and when they were taken.
#[derive(Debug)]
pub struct Producer {
    pub id: ProducerId,
    pub transport: TransportKey,
    pub kind: MediaKind,
    pub mid: String,
    pub codecs: Vec<Codec>,
    pub extensions: Vec<Extension>,
    pub bindings: Vec<SsrcBinding>,
    pub layers: Vec<(Rid, LayerKey)>,
    pub simulcast: bool,
    pub takes_remb: bool,
    pub silent: bool,
    pub pull: Option<Pull>,
    pub measured: (f64, Arc<[LayerRate]>),
    forms: FxHashMap<u8, PayloadFormat>,
    repairs: FxHashMap<u8, u8>,
    added_at: Option<f64>,
    profiles: FxHashMap<Arc<Agreed>, Arc<Profile>>,
}

impl Producer {
    /// Without its layers, which the caller puts in.
    pub fn new(delta: AddProducer, transport: TransportKey) -> Self {
        let codecs = delta.codecs.iter();
        let forms = codecs
            .clone()
            .map(|c| (c.payload_type, PayloadFormat::new(c)));
        let repairs = codecs
            .clone()
            .filter_map(|c| Some((c.rtx_payload_type?, c.payload_type)));
        let remb = |codec: &Codec| codec.feedback.iter().any(|known| known == "goog-remb");
        Self {
            id: delta.producer,
            transport,
            kind: delta.kind,
            mid: delta.mid,
            layers: Vec::new(),
            simulcast: !delta.rids.is_empty(),
            takes_remb: delta.codecs.iter().any(remb),
            silent: false,
            pull: None,
            measured: (f64::NEG_INFINITY, Arc::new([])),
            forms: forms.collect(),
            repairs: repairs.collect(),
            added_at: None,
            profiles: FxHashMap::default(),
            bindings: delta.ssrcs,
            extensions: delta.extensions,
            codecs: delta.codecs,
        }
    }

    /// The layer named `rid`.
    pub fn layer(&self, rid: &str) -> Option<LayerKey> {
        let found = self.layers.iter().find(|layer| &*layer.0 == rid);
        found.map(|layer| layer.1)
    }

    /// The layers in the order of the offer.
    pub fn layer_keys(&self) -> impl Iterator<Item = LayerKey> + '_ {
        self.layers.iter().map(|layer| layer.1)
    }

    /// What the description said of an SSRC; the last word counts.
    pub fn binding(&self, ssrc: u32) -> Option<&SsrcBinding> {
        self.bindings.iter().rfind(|binding| binding.ssrc == ssrc)
    }

    /// How packets of a payload type are understood.
    pub fn form(&self, payload_type: u8) -> Option<&PayloadFormat> {
        self.forms.get(&payload_type)
    }

    /// The same for what packets of a repair payload type repeat (RFC 4588).
    pub fn repaired(&self, payload_type: u8) -> Option<&PayloadFormat> {
        self.form(*self.repairs.get(&payload_type)?)
    }

    /// Whether packets of `payload_type` are repairs.
    pub fn repairs(&self, payload_type: u8) -> bool {
        self.repairs.contains_key(&payload_type)
    }

    /// Whether a packet of `payload_type` can be of this producer.
    pub fn knows(&self, payload_type: u8) -> bool {
        self.forms.contains_key(&payload_type) || self.repairs(payload_type)
    }

    /// The layers that send, the cheapest first.
    ///
    /// A simulcast layer counts as stopped when it lacks packets for a while in which
    /// another one had some: encoders drop layers that their own uplink cannot carry.
    pub fn sending(&self, layers: &mut SlotMap<LayerKey, Layer>, now: f64) -> Vec<LayerKey> {
        let arrivals = self.layer_keys().map(|key| layers[key].last_arrival);
        let latest = arrivals.fold(f64::NEG_INFINITY, f64::max);
        let mut found: Vec<(f64, LayerKey)> = Vec::with_capacity(self.layers.len());
        for key in self.layer_keys() {
            let layer = &mut layers[key];
            if layer.newest.is_some() && latest - layer.last_arrival < STOPPED_S {
                found.push((layer.rate.rate_bps(now), key));
            }
        }
        found.sort_by(|a, b| a.0.total_cmp(&b.0));
        found.into_iter().map(|layer| layer.1).collect()
    }

    /// The layer to begin with: the lowest bitrate, one with a picture first.
    pub fn cheapest(&self, layers: &mut SlotMap<LayerKey, Layer>, now: f64) -> Option<LayerKey> {
        let sending = self.sending(layers, now);
        if sending.is_empty() {
            let mut keys = self.layer_keys();
            let first = keys.next();
            return first.filter(|_| keys.next().is_none());
        }
        let ready = |key: &&LayerKey| layers[**key].history.pin.is_some();
        sending.iter().find(ready).or(sending.first()).copied()
    }

    /// When the last packet came; before the first, when this was first asked.
    pub fn heard_at(&mut self, layers: &SlotMap<LayerKey, Layer>, now: f64) -> f64 {
        let added_at = *self.added_at.get_or_insert(now);
        let arrivals = self.layer_keys().map(|key| layers[key].last_arrival);
        arrivals.fold(added_at, f64::max)
    }

    /// The profile of consumers that agreed on the same; `serial` counts those made.
    pub fn profile(&mut self, agreed: &Arc<Agreed>, serial: &mut u64) -> Arc<Profile> {
        if let Some(found) = self.profiles.get(agreed) {
            return Arc::clone(found);
        }
        if self.profiles.len() >= PROFILES {
            self.profiles.clear(); // who has one keeps it; it is only shared less
        }
        *serial += 1;
        let made = Arc::new(Profile::new(
            *serial,
            &self.codecs,
            &self.extensions,
            agreed,
        ));
        self.profiles.insert(Arc::clone(agreed), Arc::clone(&made));
        made
    }
}
