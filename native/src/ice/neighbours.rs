//! What belongs to links between nodes on the port of clients (RFC 0002 section 3.1).
//!
//! Both ends of a link check, and the agent that does it is in Python: its datagrams are few.
//! Here stands only what a packet must be told by: which addresses are a neighbour's, which
//! checks name a link of ours, which answers were asked for.  An address has one owner, client
//! or neighbour, as in the table that both agents of the reference share.

use std::collections::{HashMap, HashSet, VecDeque};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::Arc;

use super::events::{Misuse, TransportId};
use crate::stun::attributes::{TransactionId, USERNAME};
use crate::stun::{binding, Message};

/// Requests of ours whose answer is still handed on: 64 of each of 256 links, and the probes.
const ASKED_MAX: usize = 256 * 64 + 1024;
/// And for how long: many times what an answer may take and be of use.
const ASKED_S: f64 = 60.0;
/// Addresses of neighbours: 16 of each of 256 links, and those of links that just ended.
const ADDRESSES_MAX: usize = 2 * 256 * 16;

/// When an address last sent anything authentic; both threads read and note it.
///
/// Bits of a time that is not negative, whose order is that of the times.
#[derive(Debug)]
pub struct Heard(AtomicU64);

impl Heard {
    pub fn new(now: f64) -> Self {
        Self(AtomicU64::new(now.to_bits()))
    }

    pub fn at(&self) -> f64 {
        f64::from_bits(self.0.load(Ordering::Relaxed))
    }

    /// A sign of life at `now`; an earlier one than known changes nothing.
    pub fn note(&self, now: f64) {
        self.0.fetch_max(now.to_bits(), Ordering::Relaxed);
    }
}

/// An address of a neighbour, by a claim that the agent numbered `token`.
///
/// After `hold_s` of silence a client may have it.
#[derive(Clone, Debug)]
pub struct Held {
    pub transport: TransportId,
    pub token: u64,
    pub hold_s: f64,
    pub heard: Arc<Heard>,
}

/// The links of one media port.  `released` are claims that a client ended.
#[derive(Debug, Default)]
pub struct Neighbours {
    pub released: Vec<(SocketAddr, u64)>,
    by_ufrag: HashMap<Vec<u8>, TransportId>,
    by_address: HashMap<SocketAddr, Held>,
    asked: HashSet<TransactionId>,
    asked_order: VecDeque<(f64, TransactionId)>,
}

impl Neighbours {
    /// Checks that name `ufrag` concern this link from now on.
    pub fn add(&mut self, transport: TransportId, ufrag: &[u8]) -> Result<(), Misuse> {
        if self.by_ufrag.contains_key(ufrag) {
            return Err(Misuse::Taken);
        }
        self.by_ufrag.insert(ufrag.into(), transport);
        Ok(())
    }

    /// Forget a link with its addresses.
    pub fn remove(&mut self, transport: TransportId) {
        self.by_ufrag.retain(|_, link| *link != transport);
        self.by_address
            .retain(|_, held| held.transport != transport);
    }

    /// What comes from there is a neighbour's, whoever else had it.
    pub fn claim(&mut self, address: SocketAddr, held: Held) {
        // the agent keeps to a limit far below
        if self.by_address.len() < ADDRESSES_MAX || self.by_address.contains_key(&address) {
            self.by_address.insert(address, held);
        }
    }

    /// The claim `token` ended, unless a newer one took its place.
    pub fn release(&mut self, address: SocketAddr, token: u64) {
        if self
            .by_address
            .get(&address)
            .is_some_and(|held| held.token == token)
        {
            self.by_address.remove(&address);
        }
    }

    /// Whose address it is, if it is a neighbour's.
    pub fn at(&self, address: SocketAddr) -> Option<&Held> {
        // most nodes have few links, and many have none
        if self.by_address.is_empty() {
            return None;
        }
        self.by_address.get(&address)
    }

    /// Whether a client may have the address: a neighbour silent for long gives way.
    pub fn gives_way(&mut self, address: SocketAddr, now: f64) -> bool {
        let Some(held) = self.at(address) else {
            return true;
        };
        if now - held.heard.at() < held.hold_s {
            return false;
        }
        self.released.push((address, held.token));
        self.by_address.remove(&address);
        true
    }

    /// A request of ours leaves: its answer concerns the agent of links.
    pub fn asks(&mut self, transaction: TransactionId, now: f64) {
        while let Some(&(at, oldest)) = self.asked_order.front() {
            if self.asked_order.len() < ASKED_MAX && now - at < ASKED_S {
                break;
            }
            self.asked.remove(&oldest);
            self.asked_order.pop_front();
        }
        if self.asked.insert(transaction) {
            self.asked_order.push_back((now, transaction));
        }
    }

    /// Whether a message is for the agent of links: an answer that it waits for, or a check
    /// that names a link.  Neither is proven by that.
    pub fn concern(&self, message: &Message<'_>) -> bool {
        match message.message_type {
            binding::SUCCESS | binding::ERROR => self.asked.contains(&message.transaction),
            binding::REQUEST if !self.by_ufrag.is_empty() => {
                let username = message.attribute(USERNAME).unwrap_or_default();
                let ours = username.split(|octet| *octet == b':').next();
                self.by_ufrag.contains_key(ours.unwrap_or_default())
            }
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stun::decode;

    fn address(port: u16) -> SocketAddr {
        ([192, 0, 2, 7], port).into()
    }

    fn held(transport: TransportId, token: u64, now: f64) -> Held {
        let heard = Arc::new(Heard::new(now));
        Held {
            transport,
            token,
            hold_s: 30.0,
            heard,
        }
    }

    fn datagram(kind: u16, transaction: u8, username: &[u8]) -> Vec<u8> {
        let padded = username.len().next_multiple_of(4);
        let mut made = kind.to_be_bytes().to_vec();
        made.extend((4 + padded as u16).to_be_bytes());
        made.extend(0x2112_A442_u32.to_be_bytes());
        made.extend([transaction; 12]);
        made.extend(USERNAME.to_be_bytes());
        made.extend((username.len() as u16).to_be_bytes());
        made.extend(username);
        made.resize(24 + padded, 0);
        made
    }

    #[test]
    fn an_address_that_was_heard_of_is_kept_and_a_silent_one_given_up() {
        let mut neighbours = Neighbours::default();
        neighbours.claim(address(1), held(7, 3, 10.0));
        assert!(!neighbours.gives_way(address(1), 39.9));
        neighbours.at(address(1)).unwrap().heard.note(20.0);
        neighbours.at(address(1)).unwrap().heard.note(15.0);
        assert!(!neighbours.gives_way(address(1), 49.9));
        assert!(neighbours.gives_way(address(1), 50.0));
        assert!(neighbours.at(address(1)).is_none());
        assert_eq!(neighbours.released, [(address(1), 3)]);
        assert!(neighbours.gives_way(address(2), 0.0));
    }

    #[test]
    fn an_older_claim_cannot_end_a_newer_one() {
        let mut neighbours = Neighbours::default();
        neighbours.claim(address(1), held(7, 1, 0.0));
        neighbours.claim(address(1), held(8, 2, 0.0));
        neighbours.release(address(1), 1);
        assert_eq!(neighbours.at(address(1)).unwrap().transport, 8);
        neighbours.release(address(1), 2);
        assert!(neighbours.at(address(1)).is_none());
    }

    #[test]
    fn a_link_goes_with_its_name_and_addresses() {
        let mut neighbours = Neighbours::default();
        neighbours.add(7, b"abcd").unwrap();
        assert_eq!(neighbours.add(8, b"abcd"), Err(Misuse::Taken));
        neighbours.claim(address(1), held(7, 1, 0.0));
        let check = datagram(binding::REQUEST, 1, b"abcd:efgh");
        assert!(neighbours.concern(&decode(&check).unwrap()));
        let other = datagram(binding::REQUEST, 1, b"abc:efgh");
        assert!(!neighbours.concern(&decode(&other).unwrap()));
        neighbours.remove(7);
        assert!(!neighbours.concern(&decode(&check).unwrap()));
        assert!(neighbours.at(address(1)).is_none());
        neighbours.add(8, b"abcd").unwrap();
    }

    #[test]
    fn answers_are_awaited_by_their_number_and_not_for_ever() {
        let mut neighbours = Neighbours::default();
        neighbours.asks([1; 12], 0.0);
        neighbours.asks([1; 12], 59.0);
        let answer = datagram(binding::SUCCESS, 1, b"");
        assert!(neighbours.concern(&decode(&answer).unwrap()));
        let unasked = datagram(binding::ERROR, 2, b"");
        assert!(!neighbours.concern(&decode(&unasked).unwrap()));
        neighbours.asks([3; 12], 60.0);
        assert!(!neighbours.concern(&decode(&answer).unwrap()));
        for number in 0..ASKED_MAX as u64 {
            let mut transaction = [0xFF; 12];
            transaction[..8].copy_from_slice(&number.to_be_bytes());
            neighbours.asks(transaction, 61.0);
        }
        let answer = datagram(binding::SUCCESS, 3, b"");
        assert!(!neighbours.concern(&decode(&answer).unwrap()));
        assert_eq!(neighbours.asked.len(), ASKED_MAX);
        assert_eq!(neighbours.asked_order.len(), ASKED_MAX);
    }
}
