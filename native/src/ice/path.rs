//! The addresses of one client, and which of them is sent to.
//!
//! A `Remote` is an address that proved with a fresh, authenticated check that it knows our
//! password.  It may send media from then on.  At most one of them is *selected*: the one
//! that we send to.  The rules, and what each is for:
//!
//! - The first valid check selects, with or without USE-CANDIDATE: Chromium nominates only
//!   from its second check on, and half a round trip is worth having.
//! - Later the selection moves to another address only by a fresh check that carries
//!   USE-CANDIDATE, or when nothing authenticated came from the selected address for
//!   `move_silence_s`.  A check is fresh if its transaction id was not seen on this
//!   transport; a replay must not aim media at a victim.
//! - A client that nominates another of *our* addresses is followed at once: what it gets
//!   from us comes from a new side, but goes to no new place.
//! - After a move at most three times the octets received from the new address are sent,
//!   until an authenticated SRTP, SRTCP or DTLS record arrives from it: whoever replays a
//!   check he kept from being delivered does not hold the keys.  Before the handshake there
//!   is no media to aim, so the budget begins with the first authenticated record.

use std::net::SocketAddr;

use super::config::IceConfig;
use super::credentials::Generations;
use super::events::{IceEvent, TransportId};
use super::seen::Seen;
use crate::stun::attributes::TransactionId;

/// An address of one client, for as long as it is remembered: never used again.
pub type RemoteId = u64;

/// What tells our own addresses apart; compared and never looked into.
pub type Local = u64;

/// A validated address; `heard` is when it last sent anything authenticated.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Remote {
    pub id: RemoteId,
    pub address: SocketAddr,
    pub heard: f64,
}

/// Where one client is.
///
/// While `proving` is set, `may_send` is to be asked before sending.
#[derive(Debug)]
pub struct ClientPath {
    pub transport: TransportId,
    pub proving: bool,
    pub expired: bool,
    pub last_check: f64,
    pub local: Local,
    pub(super) generations: Generations,
    /// in the order in which they were validated
    pub(super) remotes: Vec<Remote>,
    pub(super) wake: Option<u64>,
    selected: Option<RemoteId>,
    secured: bool,
    budget: u64,
    dtls_from: Option<RemoteId>,
    seen: Seen,
    told: f64,
}

impl ClientPath {
    pub fn new(transport: TransportId) -> Self {
        Self {
            transport,
            proving: true,
            expired: false,
            last_check: 0.0,
            local: 0,
            generations: Generations::default(),
            remotes: Vec::new(),
            wake: None,
            selected: None,
            secured: false,
            budget: 0,
            dtls_from: None,
            seen: Seen::default(),
            told: f64::NEG_INFINITY,
        }
    }

    /// Where to send; nowhere if there is none.
    pub fn address(&self) -> Option<SocketAddr> {
        let id = self.selected?;
        let selected = self.remotes.iter().find(|remote| remote.id == id);
        selected.map(|remote| remote.address)
    }

    pub fn remotes(&self) -> &[Remote] {
        &self.remotes
    }

    // -- the packet path -----------------------------------------------------------------

    /// Spend `octets` of the budget; always granted once the address is proven.
    pub fn may_send(&mut self, octets: u64) -> bool {
        if !self.proving {
            return true;
        }
        if self.secured && octets > self.budget {
            return false;
        }
        self.budget = self.budget.saturating_sub(octets);
        true
    }

    /// A datagram of `octets` came from `remote`, whatever is in it.
    pub(super) fn received(&mut self, remote: RemoteId, octets: u64, config: &IceConfig) {
        if self.selected == Some(remote) {
            self.budget += config.amplification * octets;
        }
    }

    /// The same for DTLS, also while not proving: see `handshake_done`.
    pub(super) fn received_dtls(&mut self, remote: RemoteId, octets: u64, config: &IceConfig) {
        self.dtls_from = Some(remote);
        self.received(remote, octets, config);
    }

    /// An authenticated, not replayed record came from `remote`.
    pub(super) fn prove(&mut self, remote: RemoteId) {
        self.secured = true;
        if self.selected == Some(remote) {
            self.proving = false;
        }
    }

    /// The DTLS handshake finished: its last datagram was an authenticated one.
    pub fn handshake_done(&mut self) {
        if let Some(remote) = self.dtls_from {
            self.prove(remote);
        }
    }

    // -- checks --------------------------------------------------------------------------

    /// Where a check with this transaction id came from before, if one did.
    pub(super) fn seen_from(&self, transaction: &TransactionId) -> Option<SocketAddr> {
        self.seen.from(transaction)
    }

    /// A fresh, authenticated check came from a remote of this path.
    pub(super) fn checked(&mut self, check: &Check, config: &IceConfig) -> Option<IceEvent> {
        let at = self.remotes.iter().position(|one| one.id == check.remote)?;
        let address = self.remotes[at].address;
        self.remember(check.transaction, address, config);
        let moves = self.moves_to(check, config);
        let same = self.selected == Some(check.remote);
        let turns = same && check.nominated && check.local != self.local;
        self.remotes[at].heard = check.now;
        self.last_check = check.now;
        if moves {
            self.selected = Some(check.remote);
            self.budget = config.amplification * check.octets;
            self.proving = true;
        } else {
            self.received(check.remote, check.octets, config);
        }
        if !moves && !turns {
            return None;
        }
        self.local = check.local;
        Some(IceEvent::Selected {
            transport: self.transport,
            address,
        })
    }

    fn moves_to(&self, check: &Check, config: &IceConfig) -> bool {
        let Some(id) = self.selected else {
            return true;
        };
        if id == check.remote {
            return false;
        }
        let current = self.remotes.iter().find(|remote| remote.id == id);
        let heard = current.map_or(f64::NEG_INFINITY, |one| one.heard);
        check.nominated || check.now - heard >= config.move_silence_s
    }

    fn remember(&mut self, transaction: TransactionId, address: SocketAddr, config: &IceConfig) {
        let limit = config.remembered_checks;
        self.seen.remember(transaction, address, limit);
    }

    // -- addresses and time --------------------------------------------------------------

    /// The remote to give up for a new one: none while there is room, else the one silent
    /// for longest, never the selected one.
    pub(super) fn spare(&self, config: &IceConfig) -> Option<Remote> {
        if self.remotes.len() < config.addresses_per_transport {
            return None;
        }
        let others = self
            .remotes
            .iter()
            .filter(|one| Some(one.id) != self.selected);
        others
            .min_by(|one, other| one.heard.total_cmp(&other.heard))
            .copied()
    }

    /// Drop an address; if it was selected the next check selects anew.
    pub(super) fn forget(&mut self, remote: RemoteId) {
        self.remotes.retain(|one| one.id != remote);
        if self.selected == Some(remote) {
            self.selected = None;
        }
    }

    /// Consent ran out: no address any more.
    pub(super) fn expire(&mut self, now: f64) -> IceEvent {
        self.expired = true;
        self.selected = None;
        IceEvent::Silent {
            transport: self.transport,
            silence_s: now - self.last_check,
            expired: true,
        }
    }

    /// When anything authenticated last came, from any address.
    pub fn heard(&self) -> f64 {
        let heard = self.remotes.iter().map(|remote| remote.heard);
        heard.reduce(f64::max).unwrap_or(self.last_check)
    }

    /// When sending must end unless another check comes.
    pub fn consent_until(&self, config: &IceConfig) -> f64 {
        self.last_check + config.consent_s
    }

    /// The silence alarm, once for every silence.
    pub(super) fn alarm(&mut self, now: f64, config: &IceConfig) -> Option<IceEvent> {
        let heard = self.heard();
        if heard == self.told || now - heard < config.silence_s {
            return None;
        }
        self.told = heard;
        Some(IceEvent::Silent {
            transport: self.transport,
            silence_s: now - heard,
            expired: false,
        })
    }

    /// When to look at this path again.
    pub(super) fn wake_at(&self, now: f64, config: &IceConfig) -> f64 {
        let mut alarm_at = self.heard() + config.silence_s;
        if alarm_at <= now {
            // it was told; look again for a silence after the present one
            alarm_at = now + config.silence_s;
        }
        alarm_at.min(self.consent_until(config))
    }
}

/// A fresh, authenticated check of `octets` from a remote of the path to `local`.
pub(super) struct Check {
    pub remote: RemoteId,
    pub transaction: TransactionId,
    pub nominated: bool,
    pub octets: u64,
    pub now: f64,
    pub local: Local,
}
