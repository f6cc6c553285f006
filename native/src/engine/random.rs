//! Randomness of the operating system for the forwarder: SSRCs and first numbers.

use ring::rand::{SecureRandom, SystemRandom};

use crate::core::config::RandomSource;

/// Asks the system each time: what it is for is rare.
#[derive(Debug, Default)]
pub struct OsRandom;

impl OsRandom {
    /// A secret for the buckets of the plain STUN server.
    pub fn key(&self) -> [u8; 16] {
        let mut octets = [0; 16];
        fill(&mut octets);
        octets
    }
}

impl RandomSource for OsRandom {
    fn getrandbits(&mut self, bits: u32) -> u64 {
        let mut octets = [0; 8];
        fill(&mut octets);
        match bits {
            0 => 0,
            1..=63 => u64::from_ne_bytes(octets) >> (64 - bits),
            _ => u64::from_ne_bytes(octets),
        }
    }
}

fn fill(octets: &mut [u8]) {
    // a system without randomness has no keys either
    SystemRandom::new()
        .fill(octets)
        .expect("the system has randomness");
}
