//! Packets as a consumer gets them: its numbers in the header, VP8's in the payload.
//!
//! Packets are rewritten in one of two ways.  Usually a whole run lies in the newest
//! segment of the numbering: `emit_run` stamps it at once.  Packets that are late, drawn
//! together in time, or of a stream of which this consumer takes a part, go one by one
//! through `emit_each`.

use std::sync::Arc;

use bytes::Bytes;

use super::consumer::{Consumer, Last};
use super::outputs::Outbox;
use super::packet::{Batch, Carried, Packet};
use super::rendering::{Rendering, Written};
use super::rewrite::Segment;
use crate::wire::descriptor::vp8;

impl Consumer {
    /// A run that lies in the newest segment, none of it to be dropped; `number` is the
    /// transport-wide one of its first packet.
    pub(crate) fn emit_run(
        &mut self,
        batch: &Batch,
        headers: &Rendering,
        number: i64,
        out: &mut Outbox,
    ) {
        let Some(&segment) = self.numbering.segment() else {
            return;
        };
        let mut written = Written {
            ssrc: self.ssrc,
            index: 0,
            timestamp: 0,
            number,
        };
        for (packet, header) in batch.packets.iter().zip(headers.headers()) {
            written.index = packet.number + segment.sequence;
            written.timestamp = packet.timestamp.wrapping_add(segment.timestamp);
            header.stamp(&written, 0, out.header());
            out.push(renumbered(packet, &segment), self.ssrc, written.index);
            written.number += 1;
        }
        if self.numbering.reached(batch.newest().number) {
            self.last = Some(Last::new(batch.newest(), segment));
        }
        self.packets += batch.packets.len() as u64;
        self.octets += batch.size as u64;
    }

    /// Packets that may be late, unwanted or in different segments; what `emitter` has.
    pub(crate) fn emit_each(&mut self, packets: &[Arc<Packet>], emitter: &mut Emitter<'_>) {
        for packet in packets {
            if !self.wants(packet) {
                self.drop(packet, emitter);
                continue;
            }
            let Some((segment, index)) = self.numbering.forward(packet.number) else {
                self.dropped += 1;
                continue;
            };
            self.append(packet, &segment, index, emitter);
            if index == self.numbering.highest {
                self.last = Some(Last::new(packet, segment));
            }
        }
    }

    fn wants(&mut self, packet: &Packet) -> bool {
        if packet.payload.is_empty() || !self.profile.knows(packet.payload_type) {
            return false;
        }
        let filter = self.filter.as_mut();
        filter.map_or(true, |filter| filter.takes(&packet.facts))
    }

    fn append(&mut self, packet: &Packet, segment: &Segment, index: i64, to: &mut Emitter<'_>) {
        let filter = self.filter.as_ref();
        let ends = filter.is_some_and(|filter| filter.ends_picture(&packet.facts));
        to.scratch.clear();
        self.profile.render(packet, to.now, to.scratch);
        let written = Written {
            ssrc: self.ssrc,
            index,
            timestamp: segment.written(packet.timestamp),
            number: to.number + to.out.open().len() as i64,
        };
        if let Some(header) = to.scratch.last() {
            header.stamp(&written, if ends { 0x80 } else { 0 }, to.out.header());
            to.out.push(renumbered(packet, segment), self.ssrc, index);
        }
        self.packets += 1;
        self.octets += packet.size() as u64;
    }

    /// Close the packet's number, or fill it when it was promised already.
    fn drop(&mut self, packet: &Packet, emitter: &mut Emitter<'_>) {
        self.dropped += 1;
        if self.numbering.drop(packet.number) {
            self.withhold(packet);
            return;
        }
        let placed = self.numbering.forward(packet.number);
        if let (Some((segment, index)), Some(like)) = (placed, self.last) {
            self.append(&filler(packet, &like), &segment, index, emitter);
            self.fillers.push(index);
        }
    }

    /// A dropped VP8 picture closes its picture id as well, once per picture.
    fn withhold(&mut self, packet: &Packet) {
        let numbers = packet.numbers.filter(|numbers| numbers.picture_bits > 0);
        let Some(numbers) = numbers.filter(|_| !packet.payload.is_empty()) else {
            return;
        };
        if packet.number <= self.numbering.reached_in {
            return; // what lies behind it has left with the ids that it has
        }
        if self.dropped_picture != Some(numbers.picture_id) {
            self.dropped_picture = Some(numbers.picture_id);
            for segment in self.numbering.change(packet.number + 1) {
                segment.picture -= 1;
            }
        }
    }
}

/// What `emit_each` writes to: `number` is the transport-wide one of the first packet.
#[derive(Debug)]
pub(crate) struct Emitter<'a> {
    pub out: &'a mut Outbox,
    pub scratch: &'a mut Rendering,
    pub number: i64,
    pub now: f64,
}

/// Padding only, in place of a packet that is not to be sent.
fn filler(missed: &Packet, like: &Last) -> Packet {
    Packet {
        number: missed.number,
        timestamp: missed.timestamp,
        payload: Bytes::from_static(&[1]),
        padding: 1,
        payload_type: like.payload_type,
        codec: Arc::clone(&missed.codec),
        marker: false,
        carried: Carried::default(),
        facts: like.facts,
        arrival: missed.arrival,
        numbers: None,
        place: None,
    }
}

/// The payload as the consumer gets it: VP8 numbers moved by their offsets.
pub fn renumbered(packet: &Packet, segment: &Segment) -> Bytes {
    match &packet.numbers {
        Some(numbers) if segment.patched() => {
            let mut payload = packet.payload.to_vec();
            let picture = i32::from(numbers.picture_id) + segment.picture;
            let tl0 = i32::from(numbers.tl0picidx) + segment.tl0;
            let key = i32::from(numbers.keyidx) + segment.key;
            vp8::renumber(&mut payload, numbers, picture as u16, tl0 as u8, key as u8);
            payload.into()
        }
        _ => packet.payload.clone(),
    }
}
