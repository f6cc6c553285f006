//! All that one worker owns, and the verbs of control.
//!
//! The parts that follow the packets are `arriving`, `departing` and `turning`.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::clock::Clock;
use super::events::{Event, Ring};
use super::faults::Faults;
use super::latency::Latency;
use super::refusal::misused;
use super::sender::Sender;
use super::session::Session;
use super::socket::{bind_all, Socket, BUFFER_MIN_BYTES};
use super::socket_address::Local;
use super::socket_receive::Arrivals;
use super::uplink::Uplink;
use crate::core::config::{ForwardingConfig, RandomSource};
use crate::core::forwarder::Forwarder;
use crate::core::ids::TransportId;
use crate::core::outputs::Departures;
use crate::core::table::{PlaneDelta, TransportKind};
use crate::counters::Counters;
use crate::errors::{Refused, StateError};
use crate::ice::config::IceConfig;
use crate::ice::credentials::{Credentials, Slot};
use crate::ice::lite::IceLite;
use crate::srtp::{Inbound, Outbound, Profile, SessionKeys};
use crate::stun::StunServer;

/// How many times more SSRCs a client may use in its life than at one time: tracks come and
/// go, but what was received under an SSRC must not be taken again.
const SSRCS_EVER: usize = 16;

/// A socket with its sending half.
pub struct Port {
    pub socket: Socket,
    pub sender: Sender,
}

/// Packets and octets of one direction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    pub packets: u64,
    pub octets: u64,
}

/// What an engine is made from.
pub struct EngineConfig {
    pub forwarding: ForwardingConfig,
    pub ice: IceConfig,
    pub uplink_bps: f64,
    /// Seconds by which datagrams to an address are held back, for demonstrations.
    pub delays_s: HashMap<IpAddr, f64>,
}

/// The packet path of one plane.
pub struct Engine {
    pub(super) clock: Clock,
    pub(super) ports: Vec<Port>,
    /// Taken while what came is worked through.
    pub(super) arrivals: Option<Box<Arrivals>>,
    pub(super) sessions: FxHashMap<TransportId, Session>,
    pub ice: IceLite,
    pub(super) forwarder: Forwarder,
    pub(super) departures: Departures,
    pub(super) uplink: Uplink,
    pub(super) drops: Counters,
    pub(super) received: Traffic,
    pub(super) sent: Traffic,
    /// The part of `sent` that went to other nodes, with IP headers.
    pub(super) relayed: Traffic,
    /// The ends of ours that checks came to, which the ICE agent knows by their place.
    pub(super) locals: Vec<(usize, Local)>,
    pub(super) events: Vec<Event>,
    pub(super) ring: Arc<Ring>,
    pub(super) rest_until: f64,
    pub(super) faults: Faults,
    /// The newest packet is of a frame that goes on.
    pub(super) frame_open: bool,
    /// Bursts of the last time that anything left.
    pub(super) fed: usize,
    /// Packets that had come when everything left the last time.
    pub(super) forwarded: u64,
    /// Consumers for whom there is room after a stall.
    pub(super) warm: usize,
    pub(super) latency: Latency,
    ssrcs: usize,
    consumers: usize,
    delays_s: HashMap<IpAddr, f64>,
}

impl Engine {
    pub fn new(
        config: EngineConfig,
        server: StunServer,
        random: Box<dyn RandomSource + Send>,
        clock: Clock,
        ring: Arc<Ring>,
    ) -> Self {
        Self {
            clock,
            ports: Vec::new(),
            arrivals: None,
            sessions: FxHashMap::default(),
            ice: IceLite::new(server, config.ice),
            departures: Departures::new(),
            uplink: Uplink::new(config.uplink_bps, clock.now()),
            drops: Counters::default(),
            received: Traffic::default(),
            sent: Traffic::default(),
            relayed: Traffic::default(),
            locals: Vec::new(),
            events: Vec::new(),
            ring,
            rest_until: 0.0,
            faults: Faults::default(),
            frame_open: false,
            fed: 0,
            forwarded: 0,
            warm: 0,
            latency: Latency::default(),
            ssrcs: config.forwarding.ssrcs_per_transport * SSRCS_EVER,
            consumers: config.forwarding.consumers,
            delays_s: config.delays_s,
            forwarder: Forwarder::new(config.forwarding, random),
        }
    }

    // -- port ----------------------------------------------------------------------------

    /// Bind every host on `port` (0: one free port for all); the bound addresses.
    pub fn open(&mut self, hosts: &[IpAddr], port: u16) -> io::Result<Vec<SocketAddr>> {
        for socket in bind_all(hosts, port)? {
            if socket.receive_buffer_bytes < BUFFER_MIN_BYTES {
                self.fault("small receive buffer, raise net.core.rmem_max");
            }
            self.drops.add("option-refused", socket.options_refused);
            let mut sender = Sender::default();
            sender.delays_s.clone_from(&self.delays_s);
            self.ports.push(Port { socket, sender });
        }
        if self.ports.len() < hosts.len() {
            self.fault("an address family is missing");
        }
        Ok(self.ports.iter().map(|port| port.socket.address).collect())
    }

    /// Forget every remote and release the port; counters stay.
    pub fn close(&mut self) {
        let known: Vec<TransportId> = self.sessions.keys().copied().collect();
        for transport in known {
            self.close_transport(transport);
        }
        for mut port in self.ports.drain(..) {
            port.sender.submit(&port.socket);
            self.drops.merge(&port.sender.counters);
        }
        self.locals.clear();
        self.events.clear();
    }

    fn fault(&mut self, reason: &'static str) {
        self.events.push(Event::Fault(reason));
    }

    // -- transports ----------------------------------------------------------------------

    /// Accept a remote; a client is known by its credentials.
    pub fn add_transport(
        &mut self,
        transport: TransportId,
        kind: TransportKind,
        credentials: Option<Credentials>,
        start_bitrate_bps: i64,
    ) -> Result<(), Refused> {
        if self.sessions.contains_key(&transport) {
            return Err(Refused::State(format!(
                "transport {transport} is there already"
            )));
        }
        self.forwarder
            .add_transport(transport, kind, start_bitrate_bps, None)?;
        let slot = credentials.map(|fresh| self.ice.add(transport.0, fresh));
        let slot: Option<Slot> = match slot.transpose() {
            Ok(slot) => slot,
            Err(misuse) => {
                self.forwarder.remove_transport(transport);
                return Err(misused(misuse));
            }
        };
        self.sessions.insert(transport, Session::new(kind, slot));
        Ok(())
    }

    /// ICE restart: new credentials for a live transport, media goes on.
    pub fn restart_transport(
        &mut self,
        transport: TransportId,
        fresh: Credentials,
    ) -> Result<(), Refused> {
        self.session(transport)?;
        self.ice.restart(transport.0, fresh).map_err(misused)
    }

    /// Start protecting and unprotecting: (key, salt) of each direction.
    pub fn set_keys(
        &mut self,
        transport: TransportId,
        profile: Profile,
        sending: (&[u8], &[u8]),
        receiving: (&[u8], &[u8]),
    ) -> Result<(), Refused> {
        let (ssrcs, consumers) = (self.ssrcs, self.consumers);
        let session = self.session(transport)?;
        let derive = |keys: (&[u8], &[u8])| SessionKeys::derive(profile, keys.0, keys.1);
        let wrong = |error: StateError| Refused::State(error.0.to_owned());
        let received = derive(receiving).map_err(wrong)?;
        let sent = derive(sending).map_err(wrong)?;
        if session.link.is_some() {
            let inbound = Inbound::leg(&received).map_err(wrong)?;
            session.outbound = Some(Outbound::leg(&sent).map_err(wrong)?);
            session.inbound = Some(inbound);
        } else {
            session.inbound = Some(Inbound::new(&received, ssrcs));
            // Each consumer has one SSRC, with RTX two, and none is ever given again.
            session.outbound = Some(Outbound::new(&sent, consumers * 2));
        }
        self.dtls_authentic(transport);
        let now = self.clock.now();
        self.forwarder.set_sending(transport, true, now)
    }

    /// The last DTLS datagram handed up proved genuine.
    pub fn dtls_authentic(&mut self, transport: TransportId) {
        let now = self.clock.now();
        let Some(session) = self.sessions.get(&transport) else {
            return;
        };
        if let Some(path) = session.slot.and_then(|slot| self.ice.at_mut(slot)) {
            path.handshake_done();
        }
        let link = session.link.as_ref();
        if let Some(heard) = link.and_then(|link| link.dtls_from.as_ref()) {
            heard.note(now);
        }
    }

    /// Forget the remote with its producers and consumers.
    pub fn close_transport(&mut self, transport: TransportId) {
        let Some(session) = self.sessions.remove(&transport) else {
            return;
        };
        let refused = session.outbound.map_or(0, |outbound| outbound.refused);
        self.drops.add("nonce-refused", refused);
        self.ice.remove(transport.0);
        self.ice.neighbours.remove(transport.0);
        self.forwarder.remove_transport(transport);
    }

    fn session(&mut self, transport: TransportId) -> Result<&mut Session, Refused> {
        let found = self.sessions.get_mut(&transport);
        found.ok_or_else(|| Refused::State(format!("no transport {transport}")))
    }

    // -- forwarding ----------------------------------------------------------------------

    /// Apply one change of the forwarding table.
    pub fn program(&mut self, delta: PlaneDelta) -> Result<(), Refused> {
        let now = self.clock.now();
        self.forwarder.program(delta, now)
    }
}
