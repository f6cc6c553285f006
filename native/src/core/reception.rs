//! How well a source is received: the numbers of a report block (RFC 3550 appendix A).
//!
//! Also here because they are fed by the same packets: the bitrate of a layer, which
//! decides the order of layers and the pace of a replay, and of the parts of a scalable
//! one, from which a viewer may get less than the whole.

use std::collections::VecDeque;

use crate::wire::descriptor::FrameFacts;
use crate::wire::rtcp::ReportBlock;

const SLOT_S: f64 = 0.1;
const SLOTS: f64 = 10.0;

/// Loss and jitter of one source since it began.
#[derive(Debug)]
pub struct Reception {
    pub received: i64,
    clock_rate_hz: f64,
    highest: i64,
    first: Option<i64>,
    transit: Option<f64>,
    jitter: f64,
    previous_expected: i64,
    previous_received: i64,
}

impl Reception {
    pub fn new(clock_rate_hz: u32) -> Self {
        Self {
            received: 0,
            clock_rate_hz: f64::from(clock_rate_hz),
            highest: -1,
            first: None,
            transit: None,
            jitter: 0.0,
            previous_expected: 0,
            previous_received: 0,
        }
    }

    /// Packets the source sent, as far as its numbers tell.
    fn expected(&self) -> i64 {
        self.first.map_or(0, |first| self.highest - first + 1)
    }

    /// Expected less received, repaired ones included as received.
    pub fn lost(&self) -> i64 {
        self.expected() - self.received
    }

    /// Interarrival jitter in ticks.
    pub fn jitter(&self) -> i64 {
        self.jitter as i64
    }

    /// A packet with extended `number` arrived for the first time.
    pub fn count(&mut self, number: i64, timestamp: u32, now: f64, repaired: bool) {
        self.received += 1;
        self.first = Some(self.first.map_or(number, |first| first.min(number)));
        self.highest = self.highest.max(number);
        if repaired {
            return; // its delay is that of the repair, not of the path
        }
        let transit = now * self.clock_rate_hz - f64::from(timestamp);
        if let Some(before) = self.transit {
            let step = (transit - before).abs();
            // else the timestamp wrapped
            if step < 10.0 * self.clock_rate_hz {
                self.jitter += (step - self.jitter) / 16.0;
            }
        }
        self.transit = Some(transit);
    }

    /// The report block, and the beginning of the next interval.
    pub fn block(&mut self, ssrc: u32, last_report: u32, delay_s: f64) -> ReportBlock {
        let expected = self.expected() - self.previous_expected;
        let received = self.received - self.previous_received;
        self.previous_expected = self.expected();
        self.previous_received = self.received;
        let lost = expected - received;
        let fraction = if expected != 0 && lost > 0 {
            (lost << 8).div_euclid(expected).min(255)
        } else {
            0
        };
        let limits = (i64::from(i32::MIN), i64::from(i32::MAX));
        ReportBlock {
            ssrc,
            fraction_lost: fraction as u8,
            packets_lost: self.lost().clamp(limits.0, limits.1) as i32,
            highest_sequence: self.highest.max(0) as u32,
            jitter: self.jitter() as u32,
            last_report,
            delay: (delay_s * 65536.0) as i64 as u32,
        }
    }
}

/// Bits per second over the last second, in slots of 100 ms.
#[derive(Debug, Default)]
pub struct RateMeter {
    slots: VecDeque<(f64, f64)>,
    sum: f64,
    began: Option<f64>,
}

impl RateMeter {
    /// `size` octets arrived.
    pub fn count(&mut self, size: usize, now: f64) {
        self.began.get_or_insert(now);
        if self
            .slots
            .back()
            .map_or(true, |last| now >= last.0 + SLOT_S)
        {
            self.slots.push_back((now, 0.0));
            self.expire(now);
        }
        if let Some(last) = self.slots.back_mut() {
            last.1 += size as f64;
            self.sum += size as f64;
        }
    }

    /// The average of the window, or of the time since the first packet.
    pub fn rate_bps(&mut self, now: f64) -> f64 {
        self.expire(now);
        match self.began {
            Some(began) if !self.slots.is_empty() => {
                let window = (SLOT_S * SLOTS).min((now - began).max(SLOT_S));
                self.sum * 8.0 / window
            }
            _ => 0.0,
        }
    }

    fn expire(&mut self, now: f64) {
        while let Some(&(at, size)) = self.slots.front() {
            if at > now - SLOT_S * SLOTS {
                break;
            }
            self.sum -= size;
            self.slots.pop_front();
        }
    }
}

/// Bitrates by spatial and temporal layer, once there is more than one.
#[derive(Debug, Default)]
pub struct PartRates {
    pub spatial: u8,
    pub temporal: u8,
    meters: Vec<((u8, u8), RateMeter)>,
}

impl PartRates {
    /// A packet of a video layer; `spatial` and `temporal` are the highest seen.
    pub fn count(&mut self, facts: &FrameFacts, size: usize, now: f64) {
        self.spatial = self.spatial.max(facts.spatial);
        self.temporal = self.temporal.max(facts.temporal);
        if self.spatial == 0 && self.temporal == 0 {
            return;
        }
        let part = (facts.spatial, facts.temporal);
        let known = self.meters.iter().position(|meter| meter.0 == part);
        let at = known.unwrap_or_else(|| {
            self.meters.push((part, RateMeter::default()));
            self.meters.len() - 1
        });
        self.meters[at].1.count(size, now);
    }

    /// What a viewer gets that takes layers up to these.
    pub fn up_to_bps(&mut self, spatial: u8, temporal: u8, now: f64) -> i64 {
        let mut sum = 0;
        for ((s, t), meter) in &mut self.meters {
            if *s <= spatial && *t <= temporal {
                sum += meter.rate_bps(now) as i64;
            }
        }
        sum
    }
}
