//! From what the forwarder decided to datagrams on the wire.
//!
//! Everything to a client passes one gate: is there a validated address, and while that
//! address has not proved itself since a move, is there budget left (at most three times
//! what came from it; RFC 0002 section 3).  A burst is protected in the arena that it leaves
//! from, consumer by consumer.

use super::events::Event;
use super::faults::Place;
use super::session::{Path, Session};
use super::state::Engine;
use super::uplink::HEADERS_V4;
use crate::core::ids::TransportId;
use crate::core::outputs::{Again, Burst, Resend};
use crate::core::table::TransportKind;
use crate::ice::lite::IceLite;
use crate::srtp::{Outbound, Refused};

impl Engine {
    /// Protect and send the packets of one consumer.
    pub(super) fn burst(&mut self, burst: &Burst<'_>, now: f64) {
        let Some(session) = self.sessions.get_mut(&burst.transport) else {
            return;
        };
        let count = burst.len() as u64;
        let Some(outbound) = session.outbound.as_mut() else {
            return self.hand_over(burst);
        };
        if burst.keep {
            let repeats = session.repeats.get_or_insert_with(Box::default);
            burst.packets().for_each(|packet| repeats.keep(&packet));
            repeats.trim();
        }
        let Some(path) = session.path else {
            return self.drops.add("no-address", count);
        };
        let port = &mut self.ports[path.port];
        let (arena, sizes) = port.sender.begin();
        if !protect(outbound, burst, arena, sizes) {
            port.sender.discard();
            return self.drops.add("send-ssrcs", count);
        }
        self.faults.here(Place::Sealed);
        self.leave(burst.transport, path, now);
    }

    /// Send the burst that lies in the arena of the path's port, if it may leave.
    fn leave(&mut self, transport: TransportId, path: Path, now: f64) {
        let Some(session) = self.sessions.get(&transport) else {
            return;
        };
        let port = &mut self.ports[path.port];
        let sizes = port.sender.begun();
        let (packets, octets) = (sizes.len() as u64, sizes.iter().sum::<usize>() as u64);
        if !may_send(&mut self.ice, session, octets) {
            port.sender.discard();
            return self.drops.add("unproven-address", packets);
        }
        self.sent.packets += packets;
        self.sent.octets += octets;
        if session.link.is_some() {
            self.relayed.packets += packets;
            self.relayed.octets += octets + HEADERS_V4 as u64 * packets;
        }
        let owner = (transport.0, path.segment_limit);
        let uplink = &mut self.uplink;
        port.sender
            .commit(&port.socket, uplink, path.way, owner, now);
    }

    /// Send a packet again: the very same bytes.
    pub(super) fn again(&mut self, order: Again, now: f64) {
        match order {
            Again::Resend(resend) => self.resend(&resend, now),
            Again::Repeat(repeat) => {
                let (header, payload) = (&repeat.header, &repeat.payload);
                let (ssrc, index) = (repeat.ssrc, repeat.index);
                // it needs no memory here: it is always the same bytes
                self.once_more(repeat.transport, header, payload, (ssrc, index), now);
            }
        }
    }

    fn resend(&mut self, order: &Resend, now: f64) {
        let session = self.sessions.get(&order.transport);
        let Some(repeats) = session.and_then(|session| session.repeats.as_ref()) else {
            return;
        };
        let Some(kept) = repeats.find(order.ssrc, order.packet_index) else {
            return self.drops.count("resend-gone");
        };
        let (header, payload) = (kept.header.clone(), kept.payload.clone());
        let named = (kept.ssrc, kept.index);
        self.once_more(order.transport, &header, &payload, named, now);
    }

    /// Protect and send a packet that may have been sent before: `named` SSRC and index.
    fn once_more(
        &mut self,
        transport: TransportId,
        header: &[u8],
        payload: &[u8],
        named: (u32, u64),
        now: f64,
    ) {
        let Some(session) = self.sessions.get_mut(&transport) else {
            return;
        };
        let Some(outbound) = &mut session.outbound else {
            return;
        };
        let Some(path) = session.path else {
            return self.drops.count("no-address");
        };
        self.faults.here(Place::Again);
        let (arena, sizes) = self.ports[path.port].sender.begin();
        let start = arena.len();
        arena.extend_from_slice(header);
        arena.extend_from_slice(payload);
        arena.resize(arena.len() + outbound.room(), 0);
        match outbound.repeat(&mut arena[start..], header.len(), named.0, named.1) {
            Ok(()) => sizes.push(arena.len() - start),
            Err(_) => return arena.truncate(start),
        }
        self.leave(transport, path, now);
    }

    /// Protect and send a compound RTCP packet, or tell this process.
    pub(super) fn rtcp(&mut self, transport: TransportId, mut packet: Vec<u8>, now: f64) {
        let Some(session) = self.sessions.get_mut(&transport) else {
            return;
        };
        match session.kind {
            TransportKind::Local => {
                return self.events.push(Event::LocalFeedback { transport, packet });
            }
            // nobody: what its producers are asked for goes to a leg
            TransportKind::Mesh => return,
            TransportKind::Client | TransportKind::Relay => {}
        }
        let Some(outbound) = session.outbound.as_mut() else {
            return self.drops.count("rtcp-before-keys");
        };
        packet.resize(packet.len() + outbound.rtcp_room(), 0);
        if outbound.protect_rtcp(&mut packet).is_err() {
            return self.drops.count("send-ssrcs");
        }
        self.datagram(transport, &packet, now);
    }

    /// Send DTLS datagrams, counted where there is no address to send to.
    pub fn send_dtls(&mut self, transport: TransportId, datagrams: &[Vec<u8>]) {
        let now = self.clock.now();
        for datagram in datagrams {
            self.datagram(transport, datagram, now);
        }
    }

    fn datagram(&mut self, transport: TransportId, octets: &[u8], now: f64) {
        let session = self.sessions.get(&transport);
        let Some((session, path)) = session.and_then(|one| Some((one, one.path?))) else {
            return self.drops.count("no-address");
        };
        if !may_send(&mut self.ice, session, octets.len() as u64) {
            return self.drops.count("unproven-address");
        }
        let port = &mut self.ports[path.port];
        let uplink = &mut self.uplink;
        port.sender
            .datagram(&port.socket, uplink, octets, path.way, now);
    }

    /// A LOCAL consumer gets whole plain packets.
    fn hand_over(&mut self, burst: &Burst<'_>) {
        let transport = burst.transport;
        let kind = self.sessions.get(&transport).map(|session| session.kind);
        if kind != Some(TransportKind::Local) {
            return self.drops.add("rtp-before-keys", burst.len() as u64);
        }
        let told = burst.packets().map(|packet| Event::LocalPacket {
            transport,
            consumer: burst.consumer,
            packet: [packet.header, packet.payload].concat(),
        });
        self.events.extend(told);
    }
}

/// Write the burst's packets into the arena, protected; false where one SSRC is too many.
fn protect(
    outbound: &mut Outbound,
    burst: &Burst<'_>,
    arena: &mut Vec<u8>,
    sizes: &mut Vec<usize>,
) -> bool {
    let room = outbound.room();
    for packet in burst.packets() {
        let start = arena.len();
        arena.extend_from_slice(packet.header);
        arena.extend_from_slice(packet.payload);
        arena.resize(arena.len() + room, 0);
        let (header, ssrc) = (packet.header.len(), packet.ssrc);
        match outbound.protect(&mut arena[start..], header, ssrc, packet.index) {
            Ok(()) => sizes.push(arena.len() - start),
            Err(Refused::Sources) => {
                arena.truncate(start);
                return false;
            }
            // counted by `outbound`
            Err(_) => arena.truncate(start),
        }
    }
    true
}

fn may_send(ice: &mut IceLite, session: &Session, octets: u64) -> bool {
    if let Some(link) = &session.link {
        return link.open;
    }
    let path = session.slot.and_then(|slot| ice.at_mut(slot));
    path.is_some_and(|path| path.may_send(octets))
}
