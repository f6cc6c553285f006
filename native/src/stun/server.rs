//! The plain STUN server on the media port: a mirror without memory (RFC 0002 section 2.1).
//!
//! A client, or a neighbour, asks from the very socket that its media will use, and learns
//! the mapping that its address translator gave to that flow.  The answer must be worthless
//! for reflecting traffic at a forged source: it carries XOR-MAPPED-ADDRESS alone, and
//! FINGERPRINT only to a request that had one, which on the wire makes at most 1.25 times the
//! request over IPv4 and 1.36 over IPv6.  Answers per prefix are limited besides (`bucket`).
//!
//! Errors are answered as RFC 8489 sections 6.3.1 and 9.1.3 ask, without reason phrase and so
//! always shorter than what they refuse, from the same buckets.

use std::net::SocketAddr;

use super::binding;
use super::bucket::PrefixBucket;
use super::message::{decode, Message};
use crate::counters::Counters;

/// Answers Binding requests without credentials.
///
/// `answered` counts answers, `refused` the rest by reason (a fixed small set).
pub struct StunServer {
    pub answered: u64,
    pub refused: Counters,
    bucket: PrefixBucket,
}

impl StunServer {
    pub fn new(bucket: PrefixBucket) -> Self {
        Self {
            answered: 0,
            refused: Counters::default(),
            bucket,
        }
    }

    /// The reply to a datagram that may be anything.
    pub fn receive(&mut self, datagram: &[u8], address: SocketAddr, now: f64) -> Option<Vec<u8>> {
        match decode(datagram) {
            Ok(message) => self.answer(&message, address, now),
            Err(error) => {
                self.refused.count(error.reason);
                None
            }
        }
    }

    /// The reply to a well-formed message: only Binding requests get one.
    pub fn answer(
        &mut self,
        request: &Message<'_>,
        address: SocketAddr,
        now: f64,
    ) -> Option<Vec<u8>> {
        if request.message_type != binding::REQUEST {
            self.refused.count("stun-not-a-request");
            return None;
        }
        if !request.unknown.is_empty() {
            self.refused.count("stun-unknown-attribute");
            return self.refuse(request, binding::UNKNOWN_ATTRIBUTE, address, now);
        }
        if !self.admit(address, now) {
            return None;
        }
        self.answered += 1;
        let fingerprint = request.has_fingerprint;
        Some(binding::success(request, address, None, fingerprint))
    }

    /// An error response without integrity, if the prefix has a token left.
    pub fn refuse(
        &mut self,
        request: &Message<'_>,
        code: u16,
        address: SocketAddr,
        now: f64,
    ) -> Option<Vec<u8>> {
        let fingerprint = request.has_fingerprint;
        self.admit(address, now)
            .then(|| binding::error(request, code, None, fingerprint))
    }

    fn admit(&mut self, address: SocketAddr, now: f64) -> bool {
        let admitted = self.bucket.take(address.ip(), now);
        if !admitted {
            self.refused.count("stun-rate");
        }
        admitted
    }
}
