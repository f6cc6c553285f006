//! Links to other nodes: what their agent, which is in Python, tells and is told.
//!
//! Its datagrams are few: a check of each link in a quarter of a second at most.  So they are
//! handed up, and what it answers is sent as it is given.  What it finds out is kept here,
//! where packets meet it: whose an address is, by which way a neighbour is sent to, and
//! whether anything may be sent at all (RFC 0002 section 3.1).

use std::net::SocketAddr;

use super::arriving::Origin;
use super::events::Event;
use super::faults::Place;
use super::sender::SEGMENT_LIMIT;
use super::session::{Link, Path, Session};
use super::socket_address::{Local, Way};
use super::state::Engine;
use crate::core::ids::{NodeId, TransportId};
use crate::core::table::TransportKind;
use crate::errors::Refused;
use crate::ice::neighbours::Held;
use crate::stun::{binding, decode};

/// System calls of one socket before silence is judged.
const CALLS_LATE_MAX: usize = 64;

impl Engine {
    /// Accept a neighbour; checks that name `ufrag` are handed up from now on.
    pub fn add_link(
        &mut self,
        transport: TransportId,
        node: NodeId,
        ufrag: &[u8],
    ) -> Result<(), Refused> {
        let kind = TransportKind::Relay;
        self.forwarder
            .add_transport(transport, kind, 0, Some(node))?;
        if let Err(misuse) = self.ice.neighbours.add(transport.0, ufrag) {
            self.forwarder.remove_transport(transport);
            return Err(super::refusal::misused(misuse));
        }
        let mut session = Session::new(kind, None);
        session.link = Some(Box::default());
        self.sessions.insert(transport, session);
        Ok(())
    }

    /// What comes from there is the neighbour's, unless it is gone.
    pub fn claim(&mut self, address: SocketAddr, held: Held) {
        if self.sessions.contains_key(&TransportId(held.transport)) {
            self.ice.claim(address, held);
        }
    }

    /// Send to a neighbour by this way from now on.
    pub fn use_path(&mut self, transport: TransportId, port: usize, way: Way) {
        let Some((path, link)) = linked(self.sessions.get_mut(&transport)) else {
            return;
        };
        link.open = true;
        let same = path.filter(|path| path.port == port && path.way == way);
        *path = Some(same.unwrap_or(Path {
            port,
            way,
            segment_limit: SEGMENT_LIMIT,
        }));
    }

    /// Nobody answers there any more: send it nothing until `use_path`.
    pub fn mute(&mut self, transport: TransportId) {
        if let Some((_, link)) = linked(self.sessions.get_mut(&transport)) {
            link.open = false;
        }
    }

    /// A datagram of the agent; the answer to a request is handed up.
    pub fn send_raw(&mut self, port: usize, way: Way, datagram: &[u8]) {
        let Some(port) = self.ports.get_mut(port) else {
            return;
        };
        let (uplink, now) = (&mut self.uplink, self.clock.now());
        if let Ok(message) = decode(datagram) {
            if message.message_type == binding::REQUEST {
                self.ice.neighbours.asks(message.transaction, now);
            }
        }
        port.sender
            .datagram(&port.socket, uplink, datagram, way, now);
    }

    /// A check of a link was answered after `rtt_s`, or (None) was not.
    pub fn measured(&mut self, transport: TransportId, rtt_s: Option<f64>) {
        self.forwarder.measured(transport, rtt_s);
    }

    /// Whoever is late must not take that for the silence of others: read what waits.
    pub fn catch_up(&mut self) {
        for port in 0..self.ports.len() {
            self.receive(port, CALLS_LATE_MAX);
        }
        self.tell();
    }

    /// STUN that concerns the agent of links.
    pub(super) fn hand_up(&mut self, datagram: &[u8], origin: Origin, now: f64) {
        self.faults.here(Place::HandedUp);
        self.events.push(Event::Stun {
            datagram: datagram.to_vec(),
            port: origin.port,
            local: origin.local,
            source: origin.source,
            at: now,
            client: self.ice.client_at(origin.source),
        });
    }

    /// Tell the agent which claims ended because a client came.
    pub(super) fn tell_released(&mut self) {
        let released = self.ice.neighbours.released.drain(..);
        let told = released.map(|(address, token)| Event::Released { address, token });
        self.events.extend(told);
    }
}

/// Path and link of a neighbour's session.
fn linked(session: Option<&mut Session>) -> Option<(&mut Option<Path>, &mut Link)> {
    let session = session?;
    let link = session.link.as_mut()?;
    Some((&mut session.path, link))
}

impl Local {
    /// As the agent keeps it: octets that it compares and never reads.
    pub fn octets(self) -> Vec<u8> {
        match self {
            Self::Any => Vec::new(),
            Self::V4(ip) => ip.octets().to_vec(),
            Self::V6(ip, zone) => [&ip.octets()[..], &zone.to_be_bytes()].concat(),
        }
    }

    /// The other way round; what is of no such form is any end.
    pub fn read(octets: &[u8]) -> Self {
        if let Ok(ip) = <[u8; 4]>::try_from(octets) {
            return Self::V4(ip.into());
        }
        let Some((ip, zone)) = octets.split_first_chunk::<16>() else {
            return Self::Any;
        };
        match <[u8; 4]>::try_from(zone) {
            Ok(zone) => Self::V6((*ip).into(), u32::from_be_bytes(zone)),
            Err(_) => Self::Any,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_ends_survive_both_ways() {
        let ends = [
            Local::Any,
            Local::V4([192, 0, 2, 7].into()),
            Local::V6([0x20; 16].into(), 3),
        ];
        for end in ends {
            assert_eq!(Local::read(&end.octets()), end);
        }
        assert_eq!(Local::read(&[1, 2, 3]), Local::Any);
        assert_eq!(Local::read(&[1; 19]), Local::Any);
    }
}
