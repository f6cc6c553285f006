//! A packet at rest: what history, cache and every consumer share.
//!
//! It is made once, when the packet arrives, and holds everything that any consumer could
//! want of it: rewriting needs no second look at the bytes.  Padding that makes the packets
//! of a frame equally long (for one GSO send) is chosen once, before the first consumer
//! gets the packet, because a retransmission must be the very same packet (RFC 0003
//! section 7); from then on nothing of it changes, and it is passed on by reference.

use std::sync::Arc;

use bytes::Bytes;

use crate::wire::descriptor::vp8::{self, Numbers};
use crate::wire::descriptor::FrameFacts;

/// What a packet weighs on the wire besides its payload, roughly: header, extensions,
/// authentication tag.
pub const OVERHEAD: usize = 44;

/// The (id, value) pairs of header extensions that may go on, under the publisher's ids:
/// id, length and value of each behind the other.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Carried(Vec<u8>);

impl Carried {
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// One more; no element of a packet is longer than its length octet can say.
    pub fn push(&mut self, id: u8, value: &[u8]) {
        self.0.extend_from_slice(&[id, value.len() as u8]);
        self.0.extend_from_slice(value);
    }

    pub fn iter(&self) -> impl Iterator<Item = (u8, &[u8])> + '_ {
        let mut rest = &self.0[..];
        std::iter::from_fn(move || {
            let [id, length, values @ ..] = rest else {
                return None;
            };
            let (value, behind) = values.split_at(usize::from(*length));
            rest = behind;
            Some((*id, value))
        })
    }
}

/// Where a packet stands in a stream of the mesh (RFC 0003 section 13.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    pub slot: u8,
    pub order: i64,
    pub hops: u8,
    pub epoch: u8,
}

/// One RTP packet of a layer; `number` is its extended sequence number.
///
/// `payload` ends with `padding` octets of padding.  `numbers` are those of a VP8
/// descriptor, looked up by `seal`.  `place` is None outside the mesh.
#[derive(Clone, Debug)]
pub struct Packet {
    pub number: i64,
    pub timestamp: u32,
    pub payload: Bytes,
    pub padding: u8,
    pub payload_type: u8,
    pub codec: Arc<str>,
    pub marker: bool,
    pub carried: Carried,
    pub facts: FrameFacts,
    pub arrival: f64,
    pub numbers: Option<Numbers>,
    pub place: Option<Place>,
}

impl Packet {
    /// Octets of payload and padding.
    pub fn size(&self) -> usize {
        self.payload.len()
    }

    /// The payload without padding.
    pub fn media(&self) -> &[u8] {
        &self.payload[..self.payload.len() - usize::from(self.padding)]
    }

    /// Find the numbers that consumers may have to change.
    pub fn seal(&mut self) {
        if &*self.codec == "vp8" {
            self.numbers = vp8::locate(&self.payload).ok();
        }
    }

    /// The packet, lengthened by padding; nobody may have got it before.
    fn padded(&self, octets: usize) -> Self {
        let mut payload = Vec::with_capacity(self.size() + octets);
        payload.extend_from_slice(&self.payload);
        payload.resize(self.size() + octets - 1, 0);
        payload.push(octets as u8);
        let mut packet = self.clone();
        packet.payload = payload.into();
        packet.padding = octets as u8;
        packet.seal();
        packet
    }
}

/// The packets of one layer that arrived together, in order of arrival.
///
/// `first` is the lowest number, `newest` the place of the highest, `size` the octets of
/// all payloads, `types` the payload types, one bit each.  A `whole` batch has no packet
/// that consists of padding only.
#[derive(Debug, Default)]
pub struct Batch {
    pub packets: Vec<Arc<Packet>>,
    pub first: i64,
    pub newest: usize,
    pub size: usize,
    pub types: u128,
    pub whole: bool,
}

impl Batch {
    /// What `packets` are, of which there must be some.
    pub fn new(packets: Vec<Arc<Packet>>) -> Self {
        let mut batch = Self {
            first: i64::MAX,
            whole: true,
            ..Self::default()
        };
        let mut highest = i64::MIN;
        for (at, packet) in packets.iter().enumerate() {
            batch.first = batch.first.min(packet.number);
            if packet.number > highest {
                (highest, batch.newest) = (packet.number, at);
            }
            batch.size += packet.size();
            batch.types |= 1 << (packet.payload_type & 127);
            batch.whole &= packet.size() > 0;
        }
        batch.packets = packets;
        batch
    }

    /// The packet of the highest number.
    pub fn newest(&self) -> &Packet {
        &self.packets[self.newest]
    }
}

/// Pad packets of one frame up to its largest where it takes `limit` octets or fewer each;
/// what was padded is told to `replaced`.  The last packet may stay short, as UDP_SEGMENT
/// allows.
pub fn equalise(
    packets: &mut [Arc<Packet>],
    limit: usize,
    mut replaced: impl FnMut(&Arc<Packet>, usize),
) {
    let frames = packets.chunk_by_mut(|a, b| a.timestamp == b.timestamp);
    for frame in frames.filter(|frame| frame.len() > 1) {
        let largest = frame.iter().map(|packet| packet.size()).max().unwrap_or(0);
        let end = frame.len() - 1;
        for packet in &mut frame[..end] {
            let missing = largest - packet.size();
            let fits = 0 < missing && missing <= limit;
            if fits && packet.size() > 0 && packet.padding == 0 {
                *packet = Arc::new(packet.padded(missing));
                replaced(packet, missing);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::descriptor::OPAQUE;

    fn packet(number: i64, timestamp: u32, size: usize) -> Arc<Packet> {
        Arc::new(Packet {
            number,
            timestamp,
            payload: vec![7; size].into(),
            padding: 0,
            payload_type: 96,
            codec: "h264".into(),
            marker: false,
            carried: Carried::default(),
            facts: OPAQUE,
            arrival: 0.0,
            numbers: None,
            place: None,
        })
    }

    #[test]
    fn packets_of_a_frame_get_one_size() {
        let mut frame = vec![packet(1, 5, 99), packet(2, 5, 100), packet(3, 5, 40)];
        frame.extend([packet(4, 6, 10), packet(5, 6, 30), packet(6, 6, 30)]);
        let mut added = 0;
        equalise(&mut frame, 8, |_, octets| added += octets);
        let sizes: Vec<usize> = frame.iter().map(|packet| packet.size()).collect();
        assert_eq!((sizes, added), (vec![100, 100, 40, 10, 30, 30], 1));
        assert_eq!((frame[0].media().len(), frame[0].padding), (99, 1));
    }

    #[test]
    fn carried_elements_come_back() {
        let mut carried = Carried::default();
        assert!(carried.is_empty());
        carried.push(13, b"x");
        carried.push(2, b"");
        carried.push(3, &[9; 255]);
        let found: Vec<(u8, usize)> = carried.iter().map(|(id, v)| (id, v.len())).collect();
        assert_eq!(found, [(13, 1), (2, 0), (3, 255)]);
    }

    #[test]
    fn a_batch_knows_its_ends() {
        let batch = Batch::new(vec![packet(9, 1, 3), packet(8, 1, 0), packet(7, 1, 3)]);
        assert_eq!((batch.first, batch.newest().number, batch.size), (7, 9, 6));
        assert!(!batch.whole);
    }
}
