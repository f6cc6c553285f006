//! One burst of padded traffic and what came of it.

use super::history::Seen;
use super::loss::TOLERATED;

/// A probe under way: `number` is its name in the history, counted from 1.
#[derive(Debug)]
pub struct Cluster {
    pub number: u64,
    pub rate_bps: f64,
    pub began: f64,
    pub ends: f64,
    pub confirms: bool,
    pub packets: i64,
    pub seen: i64,
    pub sent_bytes: i64,
    lost: i64,
    received_bytes: f64,
    first: Option<Seen>,
    last: Option<Seen>,
}

impl Cluster {
    pub const fn new(number: u64, rate_bps: f64, began: f64, ends: f64, confirms: bool) -> Self {
        Self {
            number,
            rate_bps,
            began,
            ends,
            confirms,
            packets: 0,
            seen: 0,
            sent_bytes: 0,
            lost: 0,
            received_bytes: 0.0,
            first: None,
            last: None,
        }
    }

    /// A burst of the cluster was reported on.
    pub fn add(&mut self, burst: &Seen) {
        self.seen += burst.received + burst.lost;
        self.lost += burst.lost;
        if burst.received == 0 {
            return;
        }
        self.received_bytes += burst.size_bytes;
        self.first.get_or_insert(*burst);
        self.last = Some(*burst);
    }

    /// What to multiply by to count tolerated losses as carried.
    ///
    /// On a lossy path that is not full, what was lost was sent for nothing, but nothing
    /// more would get through at a lower rate.
    pub fn loss_factor(&self) -> f64 {
        if self.lost as f64 > TOLERATED * self.seen as f64 {
            return 1.0;
        }
        self.seen as f64 / (self.seen - self.lost).max(1) as f64
    }

    /// Sending and receiving rate in bit/s, and how much longer (s) it took to arrive than
    /// to leave; zeros if too little came back.
    ///
    /// Both rates count the bytes between two instants: without the last burst for
    /// departures, without the first for arrivals.
    pub fn measure(&self) -> (f64, f64, f64) {
        let (Some(first), Some(last)) = (&self.first, &self.last) else {
            return (0.0, 0.0, 0.0);
        };
        if last.sent_s <= first.sent_s {
            return (0.0, 0.0, 0.0);
        }
        let departing = (self.received_bytes - last.size_bytes) * 8.0;
        let arriving = (self.received_bytes - first.size_bytes) * 8.0;
        let left_s = last.sent_s - first.sent_s;
        let came_s = last.arrival_s - first.arrival_s;
        let sending = departing / left_s;
        let receiving = if came_s > 0.0 {
            arriving / came_s
        } else {
            sending
        };
        (sending, receiving, came_s - left_s)
    }
}
