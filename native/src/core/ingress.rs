//! From a decrypted packet to its layer: parse once, find the layer, hand over.
//!
//! An SSRC is looked up in one table.  One that is not there is *latched* by the first of
//! these that answers (RFC 0003 section 3, RFC 9143 section 9.2): the mid and rid
//! extensions of the packet, what the description declared (`SsrcBinding`), and at last the
//! payload type, if only one producer of the transport can mean it.  Nothing is guessed: a
//! packet of a simulcast track without a rid is dropped until one says which layer it is.
//! Every latched SSRC counts against a limit of the transport until its producer goes, so
//! that a publisher cannot make us learn sources without end.

use super::events::ForwardingEvent;
use super::format::Incoming;
use super::ids::{LayerKey, ProducerKey, TransportKey};
use super::packet::Carried;
use super::producer::Producer;
use super::relay;
use super::state::State;
use super::transport::{Role, Source, Transport};
use crate::wire::extension_values::decode_text;
use crate::wire::extensions;
use crate::wire::parameters::SsrcBinding;
use crate::wire::rtp::{self, RtpView};

/// What the header extension of one packet says; absent elements are None.
#[derive(Debug, Default)]
struct Elements<'a> {
    carried: Carried,
    frame: Option<&'a [u8]>,
    mid: Option<&'a str>,
    rid: Option<&'a str>,
    repaired_rid: Option<&'a str>,
    sequence: Option<u16>,
}

impl<'a> Elements<'a> {
    fn read(transport: &Transport, packet: &'a [u8], view: &RtpView) -> Self {
        let mut found = Self::default();
        let (profile, at) = (view.extension_profile, view.extension_offset);
        for span in extensions::spans(packet, profile, at, view.extension_length) {
            if let Some(role) = transport.role(span.id) {
                let value = &packet[span.start..span.start + span.length];
                found.note(role, span.id, value);
            }
        }
        found
    }

    fn note(&mut self, role: Role, id: u8, value: &'a [u8]) {
        match role {
            Role::Carry => self.carried.push(id, value),
            Role::Frame => {
                self.frame = Some(value);
                self.carried.push(id, value);
            }
            Role::Sequence => {
                let number = value.try_into().map(u16::from_be_bytes);
                self.sequence = number.ok().or(self.sequence);
            }
            Role::Mid => self.mid = decode_text(value).ok().or(self.mid),
            Role::Rid => self.rid = decode_text(value).ok().or(self.rid),
            Role::RepairedRid => {
                self.repaired_rid = decode_text(value).ok().or(self.repaired_rid);
            }
        }
    }
}

/// The layer that took the packet, None if it was dropped.
pub fn receive(
    state: &mut State,
    transport: TransportKey,
    packet: &[u8],
    now: f64,
) -> Option<LayerKey> {
    match take(state, transport, packet, now) {
        Ok(layer) => Some(layer),
        Err(reason) => {
            state.drops.count(reason);
            None
        }
    }
}

fn take(
    state: &mut State,
    key: TransportKey,
    packet: &[u8],
    now: f64,
) -> Result<LayerKey, &'static str> {
    let view = rtp::parse(packet).map_err(|error| error.reason)?;
    let transport = &mut state.transports[key];
    let elements = Elements::read(transport, packet, &view);
    if let (Some(sequence), Some(arrivals)) = (elements.sequence, &mut transport.arrivals) {
        arrivals.record(sequence, now);
    }
    let source = match transport.sources.get(view.ssrc) {
        Some(known) => *known,
        None => latch(state, key, &view, &elements)?,
    };
    hand_over(state, &source, packet, &view, elements, now)?;
    Ok(source.layer)
}

fn hand_over(
    state: &mut State,
    source: &Source,
    packet: &[u8],
    view: &RtpView,
    elements: Elements<'_>,
    now: f64,
) -> Result<(), &'static str> {
    let producer = &state.producers[source.producer];
    let (mut payload, mut sequence) = (rtp::payload(packet, view), view.sequence);
    let form = if source.repair {
        // RFC 4588 section 4: the original number precedes the original payload
        let &[high, low, ref original @ ..] = payload else {
            return Err("probe");
        };
        (payload, sequence) = (original, u16::from_be_bytes([high, low]));
        producer.repaired(view.payload_type)
    } else {
        producer.form(view.payload_type)
    };
    let form = form.ok_or("payload-type")?;
    let layer = &mut state.layers[source.layer];
    let number = layer.admit(sequence, source.repair)?;
    let incoming = Incoming {
        timestamp: view.timestamp,
        marker: view.marker,
        payload,
        frame: elements.frame,
        now,
    };
    let mut made = layer.make(number, form, &incoming, elements.carried);
    if let Some(slot) = layer.slot {
        relay::number(state, slot, &mut made);
    }
    let awaited = awaited(state, source.layer);
    let layer = &mut state.layers[source.layer];
    layer.keep(made, source.repair, awaited, &state.config);
    Ok(())
}

/// Whether a viewer of another layer waits for a key frame of this one, which only matters
/// while it brings what is old.
pub fn awaited(state: &State, layer: LayerKey) -> bool {
    let layer = &state.layers[layer];
    let mut waiting = layer.audience.waiting.keys();
    let count = layer.keys.count;
    layer.replaying && waiting.any(|key| state.consumers[key].wanted_key > count)
}

fn latch(
    state: &mut State,
    key: TransportKey,
    view: &RtpView,
    elements: &Elements<'_>,
) -> Result<Source, &'static str> {
    let source = by_extension(state, key, view, elements)
        .or_else(|| by_declaration(state, key, view.ssrc))
        .or_else(|| by_payload_type(state, key, view))
        .ok_or("unknown-ssrc")?;
    let limit = state.config.ssrcs_per_transport;
    let transport = &mut state.transports[key];
    if transport.latched >= limit {
        if !transport.full {
            transport.full = true;
            state.emit(ForwardingEvent::LimitReached {
                limit: "ssrcs_per_transport",
                maximum: limit,
            });
        }
        return Err("ssrc-limit");
    }
    transport.latched += 1;
    bind(state, key, view, source);
    Ok(source)
}

fn bind(state: &mut State, key: TransportKey, view: &RtpView, source: Source) {
    let (transport, layer) = (&mut state.transports[key], &mut state.layers[source.layer]);
    transport.sources.insert(view.ssrc, source);
    if source.repair {
        layer.rtx_ssrc = Some(view.ssrc);
        return;
    }
    if let Some(before) = layer.ssrc {
        transport.sources.remove(before);
    }
    if layer.newest.is_some() {
        layer.restart();
    }
    layer.ssrc = Some(view.ssrc);
    let producer = &state.producers[source.producer];
    let form = producer.form(view.payload_type);
    let found = ForwardingEvent::LayerFound {
        producer: producer.id,
        rid: layer.rid.clone(),
        ssrc: view.ssrc,
        codec: form.map_or_else(|| producer.codecs[0].name.clone(), |f| f.codec.to_string()),
    };
    state.emit(found);
}

/// The producers of a transport, in order of arrival.
fn producers(state: &State, key: TransportKey) -> impl Iterator<Item = Named<'_>> + '_ {
    let keys = state.transports[key].producers.values();
    keys.map(|&key| Named {
        key,
        producer: &state.producers[key],
    })
}

struct Named<'a> {
    key: ProducerKey,
    producer: &'a Producer,
}

impl Named<'_> {
    fn source(&self, rid: &str, repair: bool) -> Option<Source> {
        let rid = if self.producer.simulcast { rid } else { "" };
        Some(Source {
            producer: self.key,
            layer: self.producer.layer(rid)?,
            repair,
        })
    }
}

fn by_extension(
    state: &State,
    key: TransportKey,
    view: &RtpView,
    elements: &Elements<'_>,
) -> Option<Source> {
    let mid = elements.mid?;
    let found = producers(state, key).find(|named| named.producer.mid == mid)?;
    match elements.repaired_rid {
        Some(rid) => found.source(rid, true),
        None => {
            let repair = found.producer.repairs(view.payload_type);
            found.source(elements.rid.unwrap_or(""), repair)
        }
    }
}

fn by_declaration(state: &State, key: TransportKey, ssrc: u32) -> Option<Source> {
    producers(state, key).find_map(|named| {
        let binding = named.producer.binding(ssrc)?;
        Some(declared(&named, binding))
    })?
}

/// What an SSRC repairs (ssrc-group FID, RFC 5576 section 4.2), or itself.
fn declared(named: &Named<'_>, binding: &SsrcBinding) -> Option<Source> {
    let Some(repairs) = binding.repairs else {
        return named.source(&binding.rid, false);
    };
    let original = named.producer.binding(repairs).unwrap_or(binding);
    // a binding that repairs itself is the original
    named.source(&original.rid, repairs != binding.ssrc)
}

fn by_payload_type(state: &State, key: TransportKey, view: &RtpView) -> Option<Source> {
    let mut fitting = producers(state, key).filter(|named| named.producer.knows(view.payload_type));
    let only = fitting.next().filter(|only| !only.producer.simulcast);
    if fitting.next().is_some() {
        return None;
    }
    let only = only?;
    only.source("", only.producer.repairs(view.payload_type))
}
