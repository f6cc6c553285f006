//! How long packets stay in this process: from the kernel's stamp to the last copy.
//!
//! The kernel stamps a datagram when it arrives (SO_TIMESTAMPNS); a packet has left when
//! the system call returned that carried the last copy of its batch.  So the wait for the
//! worker, for the rest of the frame, and the whole fan-out are in the figure.  It costs a
//! clock reading a turn, nothing per copy; a worker counts for itself and whoever asks
//! reads (RFC 0002 section 7).

use std::time::{SystemTime, UNIX_EPOCH};

/// Upper bounds of the buckets in microseconds; one more bucket has none.
pub const BOUNDS_US: [u64; 14] = [
    10, 20, 30, 50, 75, 100, 200, 300, 500, 1_000, 2_000, 5_000, 20_000, 100_000,
];
/// Packets of a turn that are timed; a turn that takes more is counted by these.
const TIMED_MAX: usize = 4_096;
/// Nothing stays so long: the clock was set.
const SET_NS: u64 = 60_000_000_000;

/// Packets by the time that they stayed, the shortest first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Histogram {
    pub counts: [u64; BOUNDS_US.len() + 1],
    pub total_ns: u64,
}

impl Histogram {
    fn note(&mut self, stayed_ns: u64) {
        let bucket = BOUNDS_US.partition_point(|bound| bound * 1_000 < stayed_ns);
        self.counts[bucket] += 1;
        self.total_ns += stayed_ns;
    }
}

/// The packets of a turn, and all that left before.
#[derive(Debug, Default)]
pub struct Latency {
    pub histogram: Histogram,
    stamp: Option<u64>,
    came: Vec<u64>,
}

impl Latency {
    /// What is looked at next came at `stamp`, nanoseconds since 1970; None: unknown.
    pub fn stamped(&mut self, stamp: Option<u64>) {
        self.stamp = stamp;
    }

    /// It was media, and genuine.
    pub fn came(&mut self) {
        if self.came.len() < TIMED_MAX {
            self.came.extend(self.stamp);
        }
    }

    /// The turn is over: everything that came has left, if anything did.
    pub fn left(&mut self, anything: bool) {
        if anything && !self.came.is_empty() {
            let now = since_1970_ns();
            for stamp in &self.came {
                // a clock that was set meanwhile says nothing
                let stayed_ns = now.checked_sub(*stamp);
                if let Some(stayed_ns) = stayed_ns.filter(|ns| *ns < SET_NS) {
                    self.histogram.note(stayed_ns);
                }
            }
        }
        self.came.clear();
    }
}

/// The clock of the kernel's stamps.
fn since_1970_ns() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.map_or(0, |since| since.as_nanos() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stay_falls_into_the_bucket_that_it_does_not_exceed() {
        let mut histogram = Histogram::default();
        for stayed_ns in [0, 10_000, 10_001, 100_000_000, 100_000_001] {
            histogram.note(stayed_ns);
        }
        assert_eq!(histogram.counts[..2], [2, 1]);
        assert_eq!(histogram.counts[13..], [1, 1]);
        assert_eq!(histogram.total_ns, 200_020_002);
    }

    #[test]
    fn only_what_left_is_counted_and_only_once() {
        let mut latency = Latency::default();
        latency.stamped(Some(since_1970_ns()));
        latency.came();
        latency.left(false);
        latency.left(true);
        assert_eq!(latency.histogram, Histogram::default());
        latency.came();
        latency.stamped(None);
        latency.came();
        for set in [0, u64::MAX] {
            latency.stamped(Some(set));
            latency.came();
        }
        latency.left(true);
        assert_eq!(latency.histogram.counts.iter().sum::<u64>(), 1);
    }

    #[test]
    fn a_turn_is_timed_by_so_many_packets_at_most() {
        let mut latency = Latency::default();
        latency.stamped(Some(since_1970_ns()));
        (0..2 * TIMED_MAX).for_each(|_| latency.came());
        latency.left(true);
        let counted: u64 = latency.histogram.counts.iter().sum();
        assert_eq!(counted, TIMED_MAX as u64);
    }
}
