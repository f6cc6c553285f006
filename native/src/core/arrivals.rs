//! When each packet of a publisher came, for transport-wide feedback
//! (draft-holmer-rmcat-transport-wide-cc-extensions-01).

use rustc_hash::FxHashMap;

use super::sequence::nearest;
use crate::wire::twcc;

const RECORDED_MAX: i64 = 4096;
const REMEMBERED: i64 = 512;

/// Arrival times of a transport's packets by transport-wide number.
///
/// What was reported is remembered for a while: when a late packet makes a report start
/// further back, the numbers behind it must not read as lost.
#[derive(Debug, Default)]
pub struct ArrivalRecorder {
    arrivals: FxHashMap<i64, i64>,
    fresh: Option<i64>,
    next: Option<i64>,
    count: u8,
}

impl ArrivalRecorder {
    /// The packet with this 16 bit number came now.
    pub fn record(&mut self, sequence: u16, now: f64) {
        let next = *self.next.get_or_insert(i64::from(sequence));
        let number = nearest(sequence, next);
        if (number - next).abs() > RECORDED_MAX {
            // another sender numbers now
            self.arrivals.clear();
            self.next = Some(number);
            self.fresh = Some(number);
        }
        self.arrivals.insert(number, (now * 1e6) as i64);
        if self.fresh.map_or(true, |fresh| number < fresh) {
            self.fresh = Some(number);
        }
    }

    /// Feedback packets for everything recorded since the last time.
    pub fn take(&mut self, sender_ssrc: u32, media_ssrc: u32) -> Vec<Vec<u8>> {
        let (Some(fresh), Some(next)) = (self.fresh, self.next) else {
            return Vec::new();
        };
        let last = self.arrivals.keys().copied().max().unwrap_or(fresh);
        let end = next.max(last + 1);
        let numbers = fresh.min(next)..end;
        let told = numbers.map(|number| (number as u16, self.arrivals.get(&number).copied()));
        let told: Vec<twcc::Arrival> = told.collect();
        self.next = Some(end);
        self.fresh = None;
        self.arrivals.retain(|&number, _| number > end - REMEMBERED);
        self.write(sender_ssrc, media_ssrc, &told)
    }

    fn write(&mut self, sender: u32, media: u32, mut told: &[twcc::Arrival]) -> Vec<Vec<u8>> {
        let mut packets = Vec::new();
        while let Ok((packet, taken)) =
            twcc::build(sender, media, self.count, told, twcc::MAX_OCTETS)
        {
            self.count = self.count.wrapping_add(1);
            packets.push(packet);
            told = &told[taken..];
        }
        packets
    }
}
