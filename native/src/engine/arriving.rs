//! From a datagram of the media port to the machine that understands it.
//!
//! The first byte says what a datagram claims to be (RFC 7983).  STUN may come from anywhere
//! and leaves no state behind.  Everything else must come from an address that an
//! authenticated check validated, or it is dropped before anybody looks at it.  RTP and RTCP
//! must then prove genuine before they count as a sign of life (RFC 0002 section 3).

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use super::events::Event;
use super::faults::Place;
use super::sender::SEGMENT_LIMIT;
use super::session::Path;
use super::socket_address::{Local, Way};
use super::socket_receive::{Arrivals, MESSAGES};
use super::state::Engine;
use crate::core::ids::TransportId;
use crate::ice::events::IceEvent;
use crate::ice::lite::Owner;
use crate::ice::neighbours::Heard;
use crate::stun::decode;
use crate::wire::demux::{classify, DatagramKind};

/// Our ends that are told apart: addresses of this host, so the host bounds them.
const LOCALS_MAX: usize = 4096;

/// Copies that are made before they leave: what a stall left in the sockets becomes hundreds
/// of packets for hundreds of viewers, and is sent in pieces; what a piece needs stays in
/// the process, and a stall must not make it grow by megabytes.
const COPIES_MAX: u64 = 1 << 13;
/// A piece is at least so many packets: a usual frame is not torn, whoever watches.
const PIECE_MIN: u64 = 16;

/// The most copies of a piece for so many consumers.
pub(super) fn copies_max(fed: usize) -> usize {
    (PIECE_MIN as usize * fed).max(COPIES_MAX as usize + fed)
}

/// A packet of this size that has no marker is followed by others of its frame.
const FRAME_PART: usize = 600;
const MARKER: u8 = 0x80;

/// Where a datagram came in, and from whom.
#[derive(Clone, Copy, Debug)]
pub(super) struct Origin {
    pub port: usize,
    pub source: SocketAddr,
    pub local: Local,
}

/// Whose address a datagram came from.
enum Whose {
    Client(TransportId, Owner),
    Neighbour(TransportId, Arc<Heard>),
}

impl Engine {
    /// Take what waits in one socket, at most so many system calls of it.
    pub(super) fn receive(&mut self, port: usize, calls: usize) {
        let taken = self.arrivals.take();
        let mut arrivals = taken.unwrap_or_else(|| Box::new(Arrivals::new()));
        for _ in 0..calls {
            let socket = &self.ports[port].socket;
            let came = match arrivals.receive(socket) {
                Ok(came) => came,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(_) => {
                    self.drops.count("receive-failed");
                    continue;
                }
            };
            let now = self.clock.now();
            for arrival in arrivals.take() {
                let origin = Origin {
                    port,
                    source: arrival.source,
                    local: arrival.local,
                };
                self.latency.stamped(arrival.stamp);
                for datagram in arrival.datagrams() {
                    // no datagram may stop the ones behind it
                    self.attempt("a datagram", |engine| {
                        engine.arrived(datagram, origin, now);
                    });
                    if self.has_piece() {
                        self.attempt("a full turn", |engine| engine.drain(now));
                    }
                }
            }
            if came < MESSAGES {
                break; // the socket had no more
            }
        }
        self.arrivals = Some(arrivals);
    }

    /// Whether what came since anything left is enough to be sent.
    fn has_piece(&self) -> bool {
        let packets = self.received.packets - self.forwarded;
        packets >= PIECE_MIN && packets * self.fed as u64 >= COPIES_MAX
    }

    fn arrived(&mut self, datagram: &mut [u8], origin: Origin, now: f64) {
        let kind = classify(datagram);
        if kind == DatagramKind::Stun {
            return self.stun(datagram, origin, now);
        }
        let Some(whose) = self.whose(origin.source) else {
            return self.drops.count(unvalidated(kind));
        };
        match kind {
            DatagramKind::Rtp | DatagramKind::Rtcp => self.media(datagram, &whose, kind, now),
            DatagramKind::Dtls => self.dtls(datagram, whose),
            DatagramKind::Zrtp => self.drops.count("unused-zrtp"),
            DatagramKind::TurnChannel => self.drops.count("unused-turn-channel"),
            _ => self.drops.count("unused-unknown"),
        }
    }

    fn whose(&self, source: SocketAddr) -> Option<Whose> {
        if let Some(held) = self.ice.neighbours.at(source) {
            let transport = TransportId(held.transport);
            return Some(Whose::Neighbour(transport, Arc::clone(&held.heard)));
        }
        let owner = self.ice.owner(source)?;
        let transport = TransportId(self.ice.at(owner.slot)?.transport);
        Some(Whose::Client(transport, owner))
    }

    fn media(&mut self, datagram: &mut [u8], whose: &Whose, kind: DatagramKind, now: f64) {
        let octets = datagram.len() as u64;
        let transport = match *whose {
            Whose::Client(transport, owner) => {
                self.ice.received(owner, octets);
                transport
            }
            Whose::Neighbour(transport, _) => transport,
        };
        let session = self.sessions.get_mut(&transport);
        let Some(inbound) = session.and_then(|session| session.inbound.as_mut()) else {
            return self.drops.count("srtp-before-keys");
        };
        let opened = if kind == DatagramKind::Rtcp {
            inbound.unprotect_rtcp(datagram)
        } else {
            inbound.unprotect(datagram)
        };
        let plain = match opened {
            Ok(length) => &datagram[..length],
            Err(error) => return self.drops.count(error.reason),
        };
        match whose {
            Whose::Client(_, owner) => self.ice.authenticated(*owner, now),
            Whose::Neighbour(_, heard) => heard.note(now),
        }
        self.faults.here(Place::Opened);
        if kind == DatagramKind::Rtcp {
            self.forwarder.receive_rtcp(transport, plain, now);
        } else {
            self.latency.came();
            self.received.packets += 1;
            self.received.octets += octets;
            self.frame_open = frame_goes_on(plain);
            self.forwarder.receive_rtp(transport, plain, now);
        }
    }

    fn dtls(&mut self, datagram: &[u8], whose: Whose) {
        let transport = match whose {
            Whose::Client(transport, owner) => {
                self.ice.received_dtls(owner, datagram.len() as u64);
                transport
            }
            Whose::Neighbour(transport, heard) => {
                let session = self.sessions.get_mut(&transport);
                if let Some(link) = session.and_then(|session| session.link.as_mut()) {
                    link.dtls_from = Some(heard);
                }
                transport
            }
        };
        self.events.push(Event::Dtls {
            transport,
            datagram: datagram.to_vec(),
        });
    }

    fn stun(&mut self, datagram: &[u8], origin: Origin, now: f64) {
        let message = match decode(datagram) {
            Ok(message) => message,
            Err(error) => return self.ice.refused.count(error.reason),
        };
        if self.ice.neighbours.concern(&message) {
            return self.hand_up(datagram, origin, now);
        }
        let local = self.local(origin);
        let (reply, event) = self.ice.handle(&message, origin.source, now, local);
        self.faults.here(Place::Checked);
        self.tell_released();
        let way = Way {
            local: origin.local,
            remote: origin.source,
        };
        if let Some(reply) = reply {
            let port = &mut self.ports[origin.port];
            let uplink = &mut self.uplink;
            port.sender.datagram(&port.socket, uplink, &reply, way, now);
        }
        if let Some(IceEvent::Selected { transport, .. }) = event {
            if let Some(session) = self.sessions.get_mut(&TransportId(transport)) {
                // From here on the transport answers from the address the check asked.
                session.path = Some(Path {
                    port: origin.port,
                    way,
                    segment_limit: SEGMENT_LIMIT,
                });
            }
        }
        if let Some(event) = event {
            self.noticed(event);
        }
    }

    /// The number of our end that a check came to.
    fn local(&mut self, origin: Origin) -> u64 {
        let end = (origin.port, origin.local);
        let known = self.locals.iter().position(|known| *known == end);
        let place = known.unwrap_or_else(|| {
            if self.locals.len() < LOCALS_MAX {
                self.locals.push(end);
            }
            self.locals.len() - 1
        });
        place as u64
    }

    /// Pass an ICE event on, and stop sending where consent ran out.
    pub(super) fn noticed(&mut self, event: IceEvent) {
        let told = match event {
            IceEvent::Selected { transport, address } => Event::Validated {
                transport: TransportId(transport),
                address,
            },
            IceEvent::Silent {
                transport,
                silence_s,
                expired,
            } => {
                let transport = TransportId(transport);
                let session = self.sessions.get_mut(&transport);
                if let Some(session) = session.filter(|_| expired) {
                    session.path = None;
                }
                Event::Silent {
                    transport,
                    silence_s,
                    expired,
                }
            }
        };
        self.events.push(told);
    }

    /// Packets of this process, in the clear, for a LOCAL transport.
    pub fn inject(&mut self, transport: TransportId, packets: &[Vec<u8>]) {
        let now = self.clock.now();
        for packet in packets {
            if classify(packet) == DatagramKind::Rtcp {
                self.forwarder.receive_rtcp(transport, packet, now);
            } else {
                self.forwarder.receive_rtp(transport, packet, now);
            }
        }
        self.drain(now);
    }
}

fn unvalidated(kind: DatagramKind) -> &'static str {
    match kind {
        DatagramKind::Stun => "unvalidated-stun",
        DatagramKind::Dtls => "unvalidated-dtls",
        DatagramKind::Rtp => "unvalidated-rtp",
        DatagramKind::Rtcp => "unvalidated-rtcp",
        DatagramKind::Zrtp => "unvalidated-zrtp",
        DatagramKind::TurnChannel => "unvalidated-turn-channel",
        DatagramKind::Unknown => "unvalidated-unknown",
    }
}

/// Whether others of its frame follow; sound comes in packets by themselves, small ones.
pub(super) fn frame_goes_on(packet: &[u8]) -> bool {
    packet.len() >= FRAME_PART && packet[1] & MARKER == 0
}
