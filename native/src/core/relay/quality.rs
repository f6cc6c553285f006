//! How well a leg gets through: loss and queueing, out of a child's reports.
//!
//! What was sent is remembered for a moment, so that only packets that left over this leg
//! count: a number that its publisher lost, or a layer that was not wanted, is no loss of
//! the path.  Clocks are compared by nobody: a one-way time is judged by the least one of the
//! last seconds, and what is above that waited in a queue (RFC 0003 section 13.8).

use std::collections::VecDeque;

use rustc_hash::FxHashMap;

use crate::wire::ccfb::{CongestionFeedback, STAMPS_PER_TICK, STAMP_HZ};

/// Packets remembered: half a second of a large stream; one report takes a fifth.
const SENT_MAX: usize = 1024;
/// The least one-way time holds for one to two of these.
const LEAST_S: f64 = 5.0;
/// Losses are an average over about as many packets.
const LOSS_PACKETS: u64 = 100;

const WEIGHT: f64 = 0.25;
const WRAP: i64 = 1 << 32;

/// Of one leg.  `loss` is a share, `queue_s` None while nothing was reported.
#[derive(Debug, Default)]
pub struct Quality {
    pub loss: f64,
    pub queue_s: Option<f64>,
    reported: u64,
    sent: Sent,
    least: Least,
}

impl Quality {
    /// A packet left.
    pub fn sent(&mut self, ssrc: u32, number: i64, now: f64) {
        self.sent.note((ssrc, number as u16), now);
    }

    /// The child asked for it again, so it was lost, whatever a report will say; unless it
    /// left only after the child had asked.
    pub fn repeated(&mut self, ssrc: u32, number: i64, rtt_s: f64, now: f64) {
        let key = (ssrc, number as u16);
        let sent_at = self.sent.get(key).unwrap_or(now);
        if now - sent_at >= rtt_s && rtt_s > 0.0 {
            self.sent.remove(key);
            self.count(true);
        }
    }

    /// A report came.  What it says of SSRCs that are not ours has no effect, and neither
    /// has what it misses that left after it was made.
    pub fn heard(&mut self, feedback: &CongestionFeedback, rtt_s: f64, now: f64) {
        let (mut waits_s, mut waits) = (0.0, 0);
        for source in &feedback.sources {
            for (number, offset) in source.packets() {
                let key = (source.ssrc, number);
                let Some(sent_at) = self.sent.get(key) else {
                    continue;
                };
                if offset.is_none() && now - sent_at < 1.5 * rtt_s {
                    continue;
                }
                self.sent.remove(key);
                self.count(offset.is_none());
                if let Some(offset) = offset {
                    let came = i64::from(feedback.stamp) - i64::from(offset) * STAMPS_PER_TICK;
                    waits_s += self.least.above(came, sent_at, now);
                    waits += 1;
                }
            }
        }
        if waits > 0 {
            let wait_s = waits_s / f64::from(waits);
            let before_s = self.queue_s.unwrap_or(wait_s);
            self.queue_s = Some(before_s + WEIGHT * (wait_s - before_s));
        }
    }

    fn count(&mut self, lost: bool) {
        self.reported += 1;
        let weight = 1.0 / self.reported.min(LOSS_PACKETS) as f64;
        self.loss += weight * (f64::from(u8::from(lost)) - self.loss);
    }
}

/// SSRC and sequence number.
type Key = (u32, u16);

/// When packets left, the newest `SENT_MAX` of them; what is void in `order` is skipped.
#[derive(Debug, Default)]
struct Sent {
    times: FxHashMap<Key, (f64, u64)>,
    order: VecDeque<(Key, u64)>,
    count: u64,
}

impl Sent {
    fn get(&self, key: Key) -> Option<f64> {
        self.times.get(&key).map(|known| known.0)
    }

    fn remove(&mut self, key: Key) {
        self.times.remove(&key);
    }

    fn note(&mut self, key: Key, now: f64) {
        while self.times.len() >= SENT_MAX {
            let Some((oldest, count)) = self.order.pop_front() else {
                break;
            };
            if self
                .times
                .get(&oldest)
                .is_some_and(|known| known.1 == count)
            {
                self.times.remove(&oldest);
            }
        }
        if let Some(known) = self.times.get_mut(&key) {
            known.0 = now; // it keeps its place
            return;
        }
        self.count += 1;
        self.times.insert(key, (now, self.count));
        self.order.push_back((key, self.count));
        if self.order.len() > 2 * SENT_MAX {
            let times = &self.times;
            let valid = |entry: &(Key, u64)| times.get(&entry.0).is_some_and(|k| k.1 == entry.1);
            self.order.retain(valid);
        }
    }
}

/// The least one-way time of the last seconds, in steps of the report's clock.
#[derive(Debug, Default)]
struct Least {
    zero: Option<i64>,
    since: f64,
    now: Option<i64>,
    before: Option<i64>,
}

impl Least {
    /// How far a packet's time lies above the least, this one counted.
    fn above(&mut self, came: i64, sent_at: f64, now: f64) -> f64 {
        let way = came - (sent_at * STAMP_HZ) as i64;
        if self.zero.is_none() {
            self.since = now;
        }
        let zero = *self.zero.get_or_insert(way);
        // the difference of the clocks is anything; only its changes are small
        let way = (way - zero + WRAP / 2).rem_euclid(WRAP) - WRAP / 2;
        if now - self.since >= LEAST_S {
            (self.before, self.now, self.since) = (self.now, None, now);
        }
        let least_now = self.now.map_or(way, |least| least.min(way));
        self.now = Some(least_now);
        let least = self.before.map_or(least_now, |least| least.min(least_now));
        (way - least) as f64 / STAMP_HZ
    }
}
