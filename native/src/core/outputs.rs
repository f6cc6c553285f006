//! What leaves the forwarder: bursts of packets, and orders to repeat one.
//!
//! A packet leaves as header and payload apart: with AES-GCM the header is the associated
//! data and the payload the plaintext, so a plane protects it without joining the two, and
//! the payload is one object for all consumers (RFC 7714 section 9.1).
//!
//! `Departures` belongs to the driver and is filled again and again: headers lie behind
//! each other in one buffer, so that a burst for one more viewer allocates nothing.

use bytes::Bytes;

use crate::core::ids::{ConsumerId, TransportId};

/// Octets of a header as consumers get them, with the extensions of a browser.
const HEADER_BYTES: usize = 40;

/// One packet of a burst.  `index` is SRTP's 48 bit packet index: roll-over counter << 16
/// | sequence number (RFC 3711 section 3.3.1).
#[derive(Clone, Copy, Debug)]
pub struct OutPacket<'a> {
    pub header: &'a [u8],
    pub payload: &'a Bytes,
    pub ssrc: u32,
    pub index: u64,
}

/// Packets for one transport, to be sent now and in order.
///
/// `keep` asks the plane to keep the protected packets for a while: the consumer has no
/// RTX, and `Resend` will name what is to be sent again.
#[derive(Clone, Copy, Debug)]
pub struct Burst<'a> {
    pub transport: TransportId,
    pub consumer: ConsumerId,
    pub keep: bool,
    headers: &'a [u8],
    start: usize,
    packets: &'a [Departing],
}

impl<'a> Burst<'a> {
    /// How many packets it has.
    pub fn len(&self) -> usize {
        self.packets.len()
    }

    /// Never true of a burst that `Departures` gives.
    pub fn is_empty(&self) -> bool {
        self.packets.is_empty()
    }

    /// The packets, in the order in which they are to leave.
    pub fn packets(&self) -> impl Iterator<Item = OutPacket<'a>> + 'a {
        let (headers, mut at) = (self.headers, self.start);
        self.packets.iter().map(move |packet| {
            let header = &headers[at..packet.header_end];
            at = packet.header_end;
            OutPacket {
                header,
                payload: &packet.payload,
                ssrc: packet.ssrc,
                index: packet.index,
            }
        })
    }
}

/// Everything that leaves with one flush, in order: to neighbours first.
#[derive(Debug, Default)]
pub struct Departures {
    pub(crate) legs: Outbox,
    pub(crate) viewers: Outbox,
}

impl Departures {
    pub fn new() -> Self {
        Self::default()
    }

    /// The bursts, in the order in which they are to leave.
    pub fn bursts(&self) -> impl Iterator<Item = Burst<'_>> + '_ {
        self.legs.bursts().chain(self.viewers.bursts())
    }

    pub fn is_empty(&self) -> bool {
        self.legs.bursts.is_empty() && self.viewers.bursts.is_empty()
    }

    /// Have room for so many copies to viewers, in pages that this process has already:
    /// what a stall leaves to be sent must not make it grow hours later.
    pub(crate) fn warm(&mut self, copies: usize) {
        self.viewers.warm(copies);
    }

    /// Forget bursts that were begun and not closed.
    pub(crate) fn abandon(&mut self) {
        self.legs.abandon();
        self.viewers.abandon();
    }

    /// Forget everything, but keep the room for the next time.
    pub fn clear(&mut self) {
        self.legs.clear();
        self.viewers.clear();
    }
}

#[derive(Debug, Default)]
pub(crate) struct Departing {
    header_end: usize,
    pub(crate) payload: Bytes,
    pub(crate) ssrc: u32,
    pub(crate) index: u64,
}

#[derive(Debug)]
struct BurstEnd {
    transport: TransportId,
    consumer: ConsumerId,
    keep: bool,
    packets: usize,
}

/// Bursts one behind the other; what was pushed since the last `close` is the next one.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    headers: Vec<u8>,
    packets: Vec<Departing>,
    bursts: Vec<BurstEnd>,
}

impl Outbox {
    /// Where to write the header of the packet that `push` is told of next.
    pub(crate) fn header(&mut self) -> &mut Vec<u8> {
        &mut self.headers
    }

    pub(crate) fn push(&mut self, payload: Bytes, ssrc: u32, index: i64) {
        self.packets.push(Departing {
            header_end: self.headers.len(),
            payload,
            ssrc,
            index: index as u64,
        });
    }

    /// The packets of the burst that is not closed yet.
    pub(crate) fn open(&self) -> &[Departing] {
        &self.packets[self.bursts.last().map_or(0, |burst| burst.packets)..]
    }

    /// What was pushed is a burst; without a packet it is none.
    pub(crate) fn close(&mut self, transport: TransportId, consumer: ConsumerId, keep: bool) {
        if !self.open().is_empty() {
            self.bursts.push(BurstEnd {
                transport,
                consumer,
                keep,
                packets: self.packets.len(),
            });
        }
    }

    /// Write to as much room as so many packets take, behind what is held.
    fn warm(&mut self, packets: usize) {
        let (headers, held) = (self.headers.len(), self.packets.len());
        self.headers.resize(headers + packets * HEADER_BYTES, 1);
        self.headers.truncate(headers);
        self.packets.resize_with(held + packets, Departing::default);
        self.packets.truncate(held);
    }

    /// Forget what was pushed since the last `close`.
    fn abandon(&mut self) {
        self.packets
            .truncate(self.bursts.last().map_or(0, |burst| burst.packets));
        let end = self.packets.last().map_or(0, |packet| packet.header_end);
        self.headers.truncate(end);
    }

    fn clear(&mut self) {
        self.headers.clear();
        self.packets.clear();
        self.bursts.clear();
    }

    fn bursts(&self) -> impl Iterator<Item = Burst<'_>> + '_ {
        let mut first = 0;
        self.bursts.iter().map(move |burst| {
            let packets = &self.packets[first..burst.packets];
            let before = first.checked_sub(1).map(|last| &self.packets[last]);
            first = burst.packets;
            Burst {
                transport: burst.transport,
                consumer: burst.consumer,
                keep: burst.keep,
                headers: &self.headers,
                start: before.map_or(0, |packet| packet.header_end),
                packets,
            }
        })
    }
}

/// Send the protected packet of (SSRC, packet index) again, byte for byte.
///
/// The plane keeps what a `keep` burst contained; one that it no longer has is skipped.
/// A packet must never be protected twice under one index (RFC 3711 section 9.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Resend {
    pub transport: TransportId,
    pub ssrc: u32,
    pub packet_index: u64,
}

/// Send this packet of a leg, as it was sent before or would have been.
///
/// Packets of legs are the same octets whenever they are written (RFC 0003 section 13.4),
/// so the plane keeps nothing: the same nonce gives the same ciphertext.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repeat {
    pub transport: TransportId,
    pub header: Vec<u8>,
    pub payload: Bytes,
    pub ssrc: u32,
    pub index: u64,
}

/// What `Forwarder::poll_resend` gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Again {
    Resend(Resend),
    Repeat(Repeat),
}

/// RTCP to protect and send: what `Forwarder::poll_rtcp` gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutRtcp {
    pub transport: TransportId,
    pub packet: Vec<u8>,
}

#[cfg(test)]
mod tests {
    use super::{ConsumerId, Outbox, TransportId, HEADER_BYTES};
    use bytes::Bytes;

    fn push(outbox: &mut Outbox, packets: usize) {
        for index in 0..packets {
            outbox.header().extend_from_slice(&[0; HEADER_BYTES]);
            outbox.push(Bytes::new(), 1, index as i64);
        }
        outbox.close(TransportId(1), ConsumerId(1), false);
    }

    #[test]
    fn what_is_warm_takes_so_many_packets_without_growing() {
        let mut outbox = Outbox::default();
        outbox.warm(1000);
        let before = (outbox.headers.as_ptr(), outbox.packets.as_ptr());
        push(&mut outbox, 1000);
        assert_eq!(before, (outbox.headers.as_ptr(), outbox.packets.as_ptr()));
    }

    #[test]
    fn warming_leaves_what_is_held() {
        let mut outbox = Outbox::default();
        push(&mut outbox, 3);
        outbox.warm(1000);
        let held: Vec<u64> = outbox
            .bursts()
            .flat_map(|b| b.packets())
            .map(|p| p.index)
            .collect();
        assert_eq!(held, [0, 1, 2]);
    }
}
