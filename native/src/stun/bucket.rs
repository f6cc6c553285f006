//! A token bucket per address prefix, in memory that never grows.
//!
//! Whoever can forge a source address can invent as many prefixes as there are, so a table
//! with one entry per prefix seen is a way to fill memory.  This one has a fixed number of
//! slots.  A keyed hash of the prefix (/24 of IPv4, /48 of IPv6: what one network can spend
//! freely) picks the slot and gives a 64 bit tag.  Another tag in the slot means that the
//! prefix was not seen lately: it takes the slot over with a full bucket.  So every prefix
//! gets at least one answer however many others there are, and what a flood wins by pushing
//! its victim's entry out is less than it spends.  The key is secret, so nobody can choose
//! colliding prefixes.
//!
//! A bucket is one number, the time at which it will be full again (the generic cell rate
//! algorithm, ITU-T I.371 annex A): no refilling, no timer.

use std::net::IpAddr;

use blake2::digest::consts::U16;
use blake2::digest::{FixedOutput, KeyInit, Update};
use blake2::Blake2bMac;

use crate::errors::StateError;

const V4_PREFIX_OCTETS: usize = 3;
const V6_PREFIX_OCTETS: usize = 6;

/// Slots where nothing else is asked for: 256 KiB.
pub const SLOTS: usize = 16_384;

/// Answers whether a source may have one more answer now.
pub struct PrefixBucket {
    key: Blake2bMac<U16>,
    interval_s: f64,
    depth_s: f64,
    /// (tag, when it is full again); tag 0 is an empty slot
    table: Vec<(u64, f64)>,
}

impl PrefixBucket {
    /// `rate_per_s` answers a second and prefix, after a pause up to `burst` at once.
    ///
    /// `slots` bounds memory to 16 octets each.  `key` is 16 to 64 random octets.
    pub fn new(key: &[u8], rate_per_s: f64, burst: u32, slots: usize) -> Result<Self, StateError> {
        let refused = StateError("bucket: rate, burst, slots or key out of range");
        if rate_per_s.is_nan() || rate_per_s <= 0.0 || burst < 1 || slots < 1 || key.len() < 16 {
            return Err(refused);
        }
        Ok(Self {
            key: Blake2bMac::new_from_slice(key).map_err(|_| refused)?,
            interval_s: 1.0 / rate_per_s,
            depth_s: f64::from(burst) / rate_per_s,
            table: vec![(0, 0.0); slots],
        })
    }

    /// Spend one token of the prefix of `host`, if it has one.
    pub fn take(&mut self, host: IpAddr, now: f64) -> bool {
        let (slot, tag) = self.place(host);
        let (owner, full_at) = self.table[slot];
        let start = if owner == tag { full_at.max(now) } else { now };
        if start + self.interval_s - now > self.depth_s * (1.0 + 1e-9) {
            return false;
        }
        self.table[slot] = (tag, start + self.interval_s);
        true
    }

    fn place(&self, host: IpAddr) -> (usize, u64) {
        let mut mac = self.key.clone();
        match host {
            IpAddr::V4(ip) => mac.update(&ip.octets()[..V4_PREFIX_OCTETS]),
            IpAddr::V6(ip) => mac.update(&ip.octets()[..V6_PREFIX_OCTETS]),
        }
        let digest = mac.finalize_fixed();
        let (mut first, mut second) = ([0; 8], [0; 8]);
        first.copy_from_slice(&digest[..8]);
        second.copy_from_slice(&digest[8..]);
        let slot = u64::from_be_bytes(first) % self.table.len() as u64;
        (slot as usize, u64::from_be_bytes(second).max(1))
    }
}
