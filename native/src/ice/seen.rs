//! The newest checks of one client, and where each of them came from.
//!
//! A fixed ring that is filled when the first check comes: a client checks every few
//! seconds, and a list that grew to its bound over ten minutes looked like a leak.

use std::net::{Ipv4Addr, SocketAddr};

use crate::stun::attributes::TransactionId;

const NOWHERE: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0);
/// Not zeros: memory that was never written to is not held, and comes one day.
const NONE: TransactionId = [0xff; 12];

/// The last `limit` checks; the oldest gives way.
#[derive(Debug, Default)]
pub(super) struct Seen {
    ring: Box<[(TransactionId, SocketAddr)]>,
    next: usize,
    held: usize,
}

impl Seen {
    /// Where a check with this transaction id came from before, if one did.
    pub(super) fn from(&self, transaction: &TransactionId) -> Option<SocketAddr> {
        let held = &self.ring[..self.held];
        let seen = held.iter().find(|check| check.0 == *transaction);
        seen.map(|check| check.1)
    }

    /// A check that is not held yet; `limit`, at least one, stays the same.
    pub(super) fn remember(
        &mut self,
        transaction: TransactionId,
        address: SocketAddr,
        limit: usize,
    ) {
        if self.ring.is_empty() {
            self.ring = vec![(NONE, NOWHERE); limit].into_boxed_slice();
        }
        self.ring[self.next] = (transaction, address);
        self.next = (self.next + 1) % self.ring.len();
        self.held = (self.held + 1).min(self.ring.len());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(port: u16) -> SocketAddr {
        SocketAddr::from(([192, 0, 2, 1], port))
    }

    #[test]
    fn nothing_is_seen_before_the_first_check() {
        assert_eq!(Seen::default().from(&NONE), None);
    }

    #[test]
    fn the_newest_are_held_and_the_oldest_gives_way() {
        let mut seen = Seen::default();
        for number in 1..=4u8 {
            seen.remember([number; 12], address(number.into()), 3);
        }
        assert_eq!(seen.from(&[1; 12]), None);
        for number in 2..=4u8 {
            assert_eq!(seen.from(&[number; 12]), Some(address(number.into())));
        }
    }

    #[test]
    fn what_fills_the_ring_is_no_check() {
        let mut seen = Seen::default();
        seen.remember([1; 12], address(1), 3);
        assert_eq!(seen.from(&NONE), None);
    }
}
