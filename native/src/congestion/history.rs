//! What left when: the memory that turns feedback into delays, rates and losses.
//!
//! Packets leave in bursts that share one instant, and feedback lists packets in the same
//! order, so the unit kept is the burst, not the packet.  Feedback is matched by walking
//! both lists side by side.
//!
//! Feedback can be lost, late, repeated, or wrong.  `matching` believes in each number
//! once: it goes forward only, numbers that no feedback mentioned are skipped
//! ("unreported"), and numbers reported missing that turn up later are taken back.

use std::collections::{HashSet, VecDeque};

/// Transport sequence number, and arrival time in us or None if it did not arrive.
pub type Arrival = (u16, Option<i64>);

/// Missing packets that are remembered in case they were only late.
const LATE_MAX: usize = 512;

/// Arrival times start again after this: 12.4 days
/// (draft-holmer-rmcat-transport-wide-cc-extensions-01 section 3.1).
const WRAP_US: i64 = 64_000 << 24;

/// The fate of a burst, or of the part of it that one feedback covers.
///
/// `arrival_s` is the receiver's clock at the last packet of it that came, 0.0 when none
/// did.  `size_bytes` counts what came.  `cluster` is the probe it belonged to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Seen {
    pub sent_s: f64,
    pub arrival_s: f64,
    pub size_bytes: f64,
    pub received: i64,
    pub lost: i64,
    pub cluster: u64,
}

/// What one feedback told.
///
/// `late` packets were reported missing before.  `unreported_bytes` were passed over: the
/// feedback that covered them was lost.
#[derive(Debug, Default)]
pub struct Matched {
    pub bursts: Vec<Seen>,
    pub late: i64,
    pub unreported_bytes: f64,
}

#[derive(Clone, Copy, Debug)]
struct Burst {
    /// Extended number of the first packet.
    first: i64,
    count: i64,
    size_bytes: f64,
    sent_s: f64,
    cluster: u64,
}

/// Bursts sent and not yet reported on, oldest first; at most `limit` of them.
///
/// `sent_bytes` and `settled_bytes` only grow; their difference is under way.
#[derive(Debug)]
pub struct SentHistory {
    pub limit: usize,
    bursts: VecDeque<Burst>,
    next: i64,
    settled: i64,
    /// Numbers reported missing, in order, and those of them still believed so.
    missing: VecDeque<i64>,
    late: HashSet<i64>,
    time_us: Option<i64>,
    sent_bytes: f64,
    settled_bytes: f64,
}

impl SentHistory {
    pub fn new(limit: usize) -> Self {
        Self {
            limit,
            bursts: VecDeque::new(),
            next: 0,
            settled: 0,
            missing: VecDeque::new(),
            late: HashSet::new(),
            time_us: None,
            sent_bytes: 0.0,
            settled_bytes: 0.0,
        }
    }

    /// All that ever left.
    pub fn sent_bytes(&self) -> f64 {
        self.sent_bytes
    }

    /// Sent and not covered by feedback yet.
    pub fn outstanding_bytes(&self) -> f64 {
        self.sent_bytes - self.settled_bytes
    }

    /// The number behind the last one sent, extended: numbers jumped over count too.
    pub fn sent_packets(&self) -> i64 {
        self.next
    }

    /// When the oldest burst without feedback left.
    pub fn oldest_s(&self) -> Option<f64> {
        self.bursts.front().map(|burst| burst.sent_s)
    }

    /// `count` packets left together, the first as `first_sequence`; numbers only go
    /// forward (16 bit, may jump).  `cluster` is the probe they belong to, or 0.
    pub fn add(
        &mut self,
        first_sequence: u16,
        count: u32,
        size_bytes: f64,
        now: f64,
        cluster: u64,
    ) {
        let first = self.next + ((i64::from(first_sequence) - self.next) & 0xFFFF);
        if self.bursts.is_empty() {
            self.settled = first;
        }
        let count = i64::from(count);
        self.next = first + count;
        self.bursts.push_back(Burst {
            first,
            count,
            size_bytes,
            sent_s: now,
            cluster,
        });
        self.sent_bytes += size_bytes;
        if self.bursts.len() > self.limit {
            self.pass();
        }
    }

    /// Forget the oldest burst without a verdict; its bytes.
    fn pass(&mut self) -> f64 {
        let Some(burst) = self.bursts.pop_front() else {
            return 0.0;
        };
        self.settled = burst.first + burst.count;
        self.settled_bytes += burst.size_bytes;
        burst.size_bytes
    }

    /// No feedback will come for anything sent so far.
    pub fn forget(&mut self) {
        while !self.bursts.is_empty() {
            self.pass();
        }
    }

    /// Settle what the feedback covers; entries must have consecutive numbers.
    pub fn matching(&mut self, arrivals: &[Arrival]) -> Matched {
        if arrivals.is_empty() || (self.bursts.is_empty() && self.late.is_empty()) {
            return Matched::default();
        }
        let base = self.settled + signed(i64::from(arrivals[0].0) - self.settled);
        let epoch_us = self.epoch(arrivals);
        let late = self.take_back(base, arrivals);
        let unreported_bytes = self.skip_to(base);
        let end = (base + arrivals.len() as i64).min(self.next);
        let mut bursts = Vec::new();
        while let Some(burst) = self.take(end) {
            let from = (burst.first - base) as usize;
            let chunk = &arrivals[from..from + burst.count as usize];
            bursts.push(self.judge(&burst, chunk, epoch_us));
        }
        Matched {
            bursts,
            late,
            unreported_bytes,
        }
    }

    /// What `chunk`, the statuses of all its packets, says of a burst.
    fn judge(&mut self, burst: &Burst, chunk: &[Arrival], epoch_us: i64) -> Seen {
        let received = chunk.iter().filter(|(_, time)| time.is_some()).count() as i64;
        let last = chunk.iter().filter_map(|&(_, time)| time).max();
        let mut size_bytes = burst.size_bytes;
        if received < burst.count {
            self.remember_missing(burst.first, chunk);
            size_bytes *= received as f64 / burst.count as f64;
        }
        Seen {
            sent_s: burst.sent_s,
            arrival_s: last.map_or(0.0, |time| (time + epoch_us) as f64 * 1e-6),
            size_bytes,
            received,
            lost: burst.count - received,
            cluster: burst.cluster,
        }
    }

    /// What to add to arrival times: they start again every 12 days.
    fn epoch(&mut self, arrivals: &[Arrival]) -> i64 {
        let Some(raw) = arrivals.iter().find_map(|&(_, time)| time) else {
            return 0;
        };
        let half = WRAP_US / 2;
        let before = self.time_us.unwrap_or(raw);
        let time_us = before + (raw - before + half).rem_euclid(WRAP_US) - half;
        self.time_us = Some(time_us);
        time_us - raw
    }

    fn take_back(&mut self, base: i64, arrivals: &[Arrival]) -> i64 {
        let mut late = 0;
        for (number, (_, time)) in (base..self.settled).zip(arrivals) {
            if time.is_some() && self.late.remove(&number) {
                late += 1;
            }
        }
        late
    }

    fn skip_to(&mut self, base: i64) -> f64 {
        let mut unreported = 0.0;
        while let Some(burst) = self.bursts.front() {
            if burst.first + burst.count > base {
                break;
            }
            unreported += self.pass();
        }
        unreported + self.take(base).map_or(0.0, |burst| burst.size_bytes)
    }

    /// Settle the oldest burst, or what of it lies before number `end`, if anything does.
    fn take(&mut self, end: i64) -> Option<Burst> {
        let oldest = self.bursts.front_mut()?;
        if oldest.first >= end {
            return None;
        }
        let mut burst = *oldest;
        if burst.first + burst.count > end {
            burst.count = end - oldest.first;
            burst.size_bytes = oldest.size_bytes * burst.count as f64 / oldest.count as f64;
            oldest.first = end;
            oldest.count -= burst.count;
            oldest.size_bytes -= burst.size_bytes;
        } else {
            self.bursts.pop_front();
        }
        self.settled = burst.first + burst.count;
        self.settled_bytes += burst.size_bytes;
        Some(burst)
    }

    fn remember_missing(&mut self, first: i64, chunk: &[Arrival]) {
        for (number, (_, time)) in (first..).zip(chunk) {
            if time.is_some() {
                continue;
            }
            if self.missing.len() == LATE_MAX {
                if let Some(oldest) = self.missing.pop_front() {
                    self.late.remove(&oldest);
                }
            }
            self.missing.push_back(number);
            self.late.insert(number);
        }
    }
}

/// A difference of 16 bit numbers, -32768..32767.
fn signed(difference: i64) -> i64 {
    ((difference + 0x8000) & 0xFFFF) - 0x8000
}
