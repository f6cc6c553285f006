//! Reading STUN messages (RFC 8489), as much of it as ICE and address discovery need.
//!
//! `decode` is total and strict: magic cookie, exact length, whole words, every attribute
//! inside the message, and a FINGERPRINT, when there is one, that is last and right.  The
//! first of repeated attributes counts (section 14), and what follows MESSAGE-INTEGRITY is
//! ignored except FINGERPRINT (section 14.5): nobody vouches for it.
//!
//! Nothing is copied.  Attributes that must be understood and are not are listed once each,
//! in time that does not grow with their square, whoever sends 370 of them.

use hmac::Mac;

use super::attributes::{self, TransactionId};
use super::seal;
use crate::errors::DecodeError;

pub const HEADER: usize = 20;
/// Longer messages are refused: none of ours comes near, and it bounds the work.
pub const MAX_OCTETS: usize = 1500;

const INTEGRITY: usize = 20;

/// A well-formed message.
///
/// MESSAGE-INTEGRITY is not verified yet; `integrity` is where it starts in `datagram`, 0 if
/// it is not there.
#[derive(Debug)]
pub struct Message<'a> {
    pub datagram: &'a [u8],
    pub message_type: u16,
    pub transaction: TransactionId,
    /// Comprehension-required types not understood here (section 14), each once.
    pub unknown: Vec<u16>,
    pub integrity: usize,
    pub has_fingerprint: bool,
}

impl<'a> Message<'a> {
    /// The value of the first attribute of this kind that counts.
    pub fn attribute(&self, kind: u16) -> Option<&'a [u8]> {
        let found = self.attributes().find(|attribute| attribute.0 == kind);
        found.map(|attribute| attribute.1)
    }

    /// Kind and value of every attribute that counts, repeated ones included.
    pub fn attributes(&self) -> impl Iterator<Item = (u16, &'a [u8])> + '_ {
        let last = match self.integrity {
            0 => usize::MAX,
            at => at,
        };
        Spans::new(self.datagram)
            .flatten()
            .filter(move |span| span.at <= last || span.kind == attributes::FINGERPRINT)
            .map(|span| (span.kind, &self.datagram[span.at + 4..span.stop]))
    }

    /// Whether MESSAGE-INTEGRITY is there and was made with `key`, in a time that does not
    /// tell where it is wrong.
    pub fn verify(&self, key: &[u8]) -> bool {
        if self.integrity == 0 {
            return false;
        }
        let at = self.integrity + 4;
        let mac = seal::integrity(key, &self.datagram[..self.integrity]);
        mac.verify_slice(&self.datagram[at..at + INTEGRITY]).is_ok()
    }
}

/// Read a message, or say why it is none.
pub fn decode(datagram: &[u8]) -> Result<Message<'_>, DecodeError> {
    let size = datagram.len();
    if size < HEADER {
        return Err(DecodeError::new("stun-short"));
    }
    let message_type = u16_at(datagram, 0);
    if message_type >> 14 != 0 || datagram[4..8] != attributes::MAGIC_COOKIE.to_be_bytes() {
        return Err(DecodeError::new("stun-header"));
    }
    let length = usize::from(u16_at(datagram, 2));
    if length + HEADER != size || size % 4 != 0 || size > MAX_OCTETS {
        return Err(DecodeError::new("stun-length"));
    }
    let mut transaction = [0; 12];
    transaction.copy_from_slice(&datagram[8..HEADER]);
    let mut message = Message {
        datagram,
        message_type,
        transaction,
        unknown: Vec::new(),
        integrity: 0,
        has_fingerprint: false,
    };
    read_attributes(&mut message)?;
    Ok(message)
}

fn read_attributes(message: &mut Message<'_>) -> Result<(), DecodeError> {
    let mut seen = Seen::default();
    let mut tag = INTEGRITY;
    for span in Spans::new(message.datagram) {
        let span = span?;
        if span.kind == attributes::FINGERPRINT {
            check_fingerprint(message.datagram, span)?;
            message.has_fingerprint = true;
        } else if message.integrity == 0 {
            if span.kind == attributes::MESSAGE_INTEGRITY {
                message.integrity = span.at;
                tag = span.stop - span.at - 4;
            } else if !attributes::is_understood(span.kind) && seen.is_new(span.kind) {
                message.unknown.push(span.kind);
            }
        }
    }
    if tag != INTEGRITY {
        return Err(DecodeError::new("stun-integrity"));
    }
    Ok(())
}

fn check_fingerprint(datagram: &[u8], span: Span) -> Result<(), DecodeError> {
    let last = span.stop == datagram.len() && span.stop - span.at == seal::FINGERPRINT;
    let right = seal::fingerprint(&datagram[..span.at]);
    if !last || datagram[span.at + 4..span.stop] != right {
        return Err(DecodeError::new("stun-fingerprint"));
    }
    Ok(())
}

/// An attribute: its header at `at`, its value up to `stop`.
#[derive(Clone, Copy)]
struct Span {
    kind: u16,
    at: usize,
    stop: usize,
}

/// Walks the attributes of a datagram of whole words; ends with the first that leaves it.
struct Spans<'a> {
    datagram: &'a [u8],
    at: usize,
}

impl<'a> Spans<'a> {
    fn new(datagram: &'a [u8]) -> Self {
        Self {
            datagram,
            at: HEADER,
        }
    }
}

impl Iterator for Spans<'_> {
    type Item = Result<Span, DecodeError>;

    fn next(&mut self) -> Option<Self::Item> {
        let (at, end) = (self.at, self.datagram.len());
        if at >= end {
            return None;
        }
        let kind = u16_at(self.datagram, at);
        let stop = at + 4 + usize::from(u16_at(self.datagram, at + 2));
        if stop > end {
            self.at = end;
            return Some(Err(DecodeError::new("stun-attribute")));
        }
        self.at = stop.next_multiple_of(4);
        Some(Ok(Span { kind, at, stop }))
    }
}

/// The kinds below 0x8000 that were met; empty it costs nothing.
#[derive(Default)]
struct Seen(Option<Box<[u64; 512]>>);

impl Seen {
    fn is_new(&mut self, kind: u16) -> bool {
        let met = self.0.get_or_insert_with(|| Box::new([0; 512]));
        let (word, bit) = (usize::from(kind) / 64 % 512, 1 << (kind % 64));
        let new = met[word] & bit == 0;
        met[word] |= bit;
        new
    }
}

fn u16_at(datagram: &[u8], at: usize) -> u16 {
    u16::from_be_bytes([datagram[at], datagram[at + 1]])
}
