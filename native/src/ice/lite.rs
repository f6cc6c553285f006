//! The ICE-lite agent for clients (RFC 8445 section 2.5) on the shared port.
//!
//! A node has a reachable address, so it only answers: the client checks, decides and keeps
//! its consent fresh.  A transport is found by the ufrag that we gave it, proven by the
//! password, and from then on by the address (`owner`).  Answered like any other are checks
//! from addresses that no candidate announced, before and after end-of-candidates, without
//! PRIORITY and without a role (section 7.3.1.3 makes them peer-reflexive).  A client that
//! claims to be controlled is told to switch by 487: we cannot control.
//!
//! Addresses are without zone, and IPv4 is never mapped into IPv6.

use std::collections::HashMap;
use std::net::SocketAddr;

use super::config::IceConfig;
use super::credentials::{CredentialTable, Credentials, Slot};
use super::events::{IceEvent, Misuse, TransportId};
use super::neighbours::{Held, Neighbours};
use super::path::{ClientPath, Remote, RemoteId};
use super::wakes::{Wake, Wakes};
use crate::counters::Counters;
use crate::stun::StunServer;

/// A validated address: whose it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Owner {
    pub slot: Slot,
    pub remote: RemoteId,
}

/// All client transports of one media port.
///
/// `refused` counts datagrams without effect by reason; plain STUN counts in `server`.
pub struct IceLite {
    pub refused: Counters,
    pub server: StunServer,
    pub neighbours: Neighbours,
    pub(super) config: IceConfig,
    pub(super) by_transport: HashMap<TransportId, Slot>,
    pub(super) by_address: HashMap<SocketAddr, Owner>,
    pub(super) paths: Vec<Option<ClientPath>>,
    pub(super) free: Vec<Slot>,
    pub(super) credentials: CredentialTable,
    pub(super) wakes: Wakes,
    next_remote: RemoteId,
}

impl IceLite {
    pub fn new(server: StunServer, config: IceConfig) -> Self {
        Self {
            refused: Counters::default(),
            server,
            neighbours: Neighbours::default(),
            config,
            by_transport: HashMap::new(),
            by_address: HashMap::new(),
            paths: Vec::new(),
            free: Vec::new(),
            credentials: CredentialTable::default(),
            wakes: Wakes::default(),
            next_remote: 0,
        }
    }

    // -- transports ----------------------------------------------------------------------

    /// Accept checks for `transport`; an empty `remote_ufrag` accepts any.
    ///
    /// The slot is the transport's until `remove`.
    pub fn add(&mut self, transport: TransportId, fresh: Credentials) -> Result<Slot, Misuse> {
        if self.by_transport.contains_key(&transport) {
            return Err(Misuse::Transport);
        }
        if self.by_transport.len() >= self.config.transports {
            return Err(Misuse::Full(self.config.transports));
        }
        let slot = self
            .free
            .last()
            .copied()
            .unwrap_or(self.paths.len() as Slot);
        let mut path = ClientPath::new(transport);
        self.credentials.add(slot, &mut path.generations, fresh)?;
        if self.free.pop().is_none() {
            self.paths.push(None);
        }
        self.paths[slot as usize] = Some(path);
        self.by_transport.insert(transport, slot);
        Ok(slot)
    }

    /// New credentials (RFC 8445 section 9); the path stays as it is.
    ///
    /// The old ones are valid until the first check with the new ones.  A second restart
    /// before that replaces new ones that no check has used.  An expired transport may be
    /// opened again, but only by the new ones (RFC 7675 section 5.1).
    pub fn restart(&mut self, transport: TransportId, fresh: Credentials) -> Result<(), Misuse> {
        let slot = self.slot(transport).ok_or(Misuse::Transport)?;
        let path = self.paths[slot as usize]
            .as_mut()
            .ok_or(Misuse::Transport)?;
        self.credentials.add(slot, &mut path.generations, fresh)?;
        if path.expired {
            let newest = path.generations.len() - 1;
            self.credentials.used(&mut path.generations, newest);
            path.expired = false;
        }
        Ok(())
    }

    /// Forget a transport, its credentials and addresses.  Unknown ids are fine.
    pub fn remove(&mut self, transport: TransportId) {
        let Some(slot) = self.by_transport.remove(&transport) else {
            return;
        };
        self.close(slot);
        if let Some(mut path) = self.paths[slot as usize].take() {
            self.credentials.remove(&mut path.generations);
            self.free.push(slot);
        }
    }

    /// The path of a transport that was added and not removed.
    pub fn path(&self, transport: TransportId) -> Option<&ClientPath> {
        self.at(self.slot(transport)?)
    }

    /// The slot of a transport that was added and not removed.
    pub fn slot(&self, transport: TransportId) -> Option<Slot> {
        self.by_transport.get(&transport).copied()
    }

    /// The path in a slot that `add` gave.
    pub fn at(&self, slot: Slot) -> Option<&ClientPath> {
        self.paths.get(slot as usize)?.as_ref()
    }

    /// The same, to ask `may_send` and to tell `handshake_done`.
    pub fn at_mut(&mut self, slot: Slot) -> Option<&mut ClientPath> {
        self.paths.get_mut(slot as usize)?.as_mut()
    }

    // -- the packet path -----------------------------------------------------------------

    /// Whose address it is; what comes from another address is to be dropped unread.
    pub fn owner(&self, address: SocketAddr) -> Option<Owner> {
        self.by_address.get(&address).copied()
    }

    /// How many addresses are validated.
    pub fn addresses(&self) -> usize {
        self.by_address.len()
    }

    /// An SRTP or SRTCP datagram came from there, which may be forged.
    pub fn received(&mut self, owner: Owner, octets: u64) {
        let path = self.paths.get_mut(owner.slot as usize);
        if let Some(path) = path.and_then(Option::as_mut).filter(|path| path.proving) {
            path.received(owner.remote, octets, &self.config);
        }
    }

    /// A DTLS datagram came from there.
    pub fn received_dtls(&mut self, owner: Owner, octets: u64) {
        let path = self.paths.get_mut(owner.slot as usize);
        if let Some(path) = path.and_then(Option::as_mut) {
            path.received_dtls(owner.remote, octets, &self.config);
        }
    }

    /// What came from there proved authentic, and no replay.
    pub fn authenticated(&mut self, owner: Owner, now: f64) {
        let Some(path) = self.at_mut(owner.slot) else {
            return;
        };
        if let Some(remote) = path.remotes.iter_mut().find(|one| one.id == owner.remote) {
            remote.heard = now;
            path.prove(owner.remote);
        }
    }

    // -- addresses -----------------------------------------------------------------------

    /// The remote of the path in `slot` at an address, new if need be.
    ///
    /// None while another transport is alive there: its owner could be a victim whose address
    /// this client forged.
    pub(super) fn remote(&mut self, slot: Slot, address: SocketAddr, now: f64) -> Option<RemoteId> {
        if let Some(holder) = self.owner(address) {
            if holder.slot == slot {
                return Some(holder.remote);
            }
            if self.is_alive(holder, now) {
                return None;
            }
            self.forget(address, holder);
        }
        if !self.neighbours.gives_way(address, now) {
            return None;
        }
        if let Some(spare) = self.at(slot)?.spare(&self.config) {
            let remote = spare.id;
            self.forget(spare.address, Owner { slot, remote });
        }
        let (id, address, heard) = (self.next_remote, address, now);
        self.next_remote += 1;
        self.by_address.insert(address, Owner { slot, remote: id });
        self.at_mut(slot)?
            .remotes
            .push(Remote { id, address, heard });
        Some(id)
    }

    /// A neighbour answered there, or claims it: it is no client's any more.
    pub fn claim(&mut self, address: SocketAddr, held: Held) {
        if let Some(holder) = self.owner(address) {
            self.forget(address, holder);
        }
        self.neighbours.claim(address, held);
    }

    /// The client at an address, and when it was last heard of.
    pub fn client_at(&self, address: SocketAddr) -> Option<(TransportId, f64)> {
        let holder = self.owner(address)?;
        let path = self.at(holder.slot)?;
        let found = path.remotes().iter().find(|one| one.id == holder.remote);
        Some((path.transport, found?.heard))
    }

    fn is_alive(&self, holder: Owner, now: f64) -> bool {
        let remotes = self.at(holder.slot).map_or(&[][..], ClientPath::remotes);
        let found = remotes.iter().find(|one| one.id == holder.remote);
        found.is_some_and(|one| now - one.heard < self.config.move_silence_s)
    }

    // -- time ----------------------------------------------------------------------------

    /// When `handle_timeout` has something to look at.
    pub fn next_timeout(&self) -> Option<f64> {
        self.wakes.next_at()
    }

    /// Silences noticed and consents run out up to `now`.
    pub fn handle_timeout(&mut self, now: f64) -> Vec<IceEvent> {
        let mut events = Vec::new();
        while let Some(wake) = self.wakes.due(now) {
            if is_valid(&self.paths, &wake) {
                events.extend(self.examine(wake.slot, now));
            }
        }
        events
    }

    fn examine(&mut self, slot: Slot, now: f64) -> Option<IceEvent> {
        let config = self.config;
        if now >= self.at(slot)?.consent_until(&config) {
            self.close(slot);
            return Some(self.at_mut(slot)?.expire(now));
        }
        let event = self.at_mut(slot)?.alarm(now, &config);
        self.wake(slot, now);
        event
    }

    /// Look at a path again in time; every path has one valid entry at most.
    pub(super) fn wake(&mut self, slot: Slot, now: f64) {
        let paths = &mut self.paths;
        if self.wakes.len() > 2 * self.by_transport.len() + 64 {
            self.wakes.retain(|wake| is_valid(paths, wake));
        }
        if let Some(path) = paths.get_mut(slot as usize).and_then(Option::as_mut) {
            let at = path.wake_at(now, &self.config);
            path.wake = Some(self.wakes.push(slot, at));
        }
    }

    // -- the rest ------------------------------------------------------------------------

    fn forget(&mut self, address: SocketAddr, owner: Owner) {
        self.by_address.remove(&address);
        if let Some(path) = self.at_mut(owner.slot) {
            path.forget(owner.remote);
        }
    }

    fn close(&mut self, slot: Slot) {
        let Some(path) = self.at_mut(slot) else {
            return;
        };
        path.wake = None;
        for remote in path.remotes.clone() {
            let owner = Owner {
                slot,
                remote: remote.id,
            };
            self.forget(remote.address, owner);
        }
    }
}

fn is_valid(paths: &[Option<ClientPath>], wake: &Wake) -> bool {
    let path = paths.get(wake.slot as usize).and_then(Option::as_ref);
    path.is_some_and(|path| path.wake == Some(wake.order))
}
