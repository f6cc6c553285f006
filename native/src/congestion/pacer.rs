//! When a burst may leave.
//!
//! A relay's traffic is already paced by the camera, so the pacer is a *debt*, not a
//! queue.  Whatever was sent adds to the debt, time at the pacing rate takes from it, and
//! while the debt is small a live burst leaves at once.  Only what exceeds that is held
//! back, and it waits where it lies anyway, in the layer's history.
//!
//! Priority is how much debt each kind of traffic still tolerates.  Audio does not ask; it
//! counts as debt.  `held_until` stops everything but audio while a queue in the path
//! drains.

use super::config::CongestionConfig;

/// Kinds of traffic that ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Priority {
    Retransmission,
    Live,
    Replay,
}

impl Priority {
    /// The debt they tolerate, in bursts.
    const fn tolerated(self) -> f64 {
        match self {
            Self::Retransmission => 1.5,
            Self::Live => 1.0,
            Self::Replay => 0.5,
        }
    }
}

/// The debt of one transport.
#[derive(Debug)]
pub struct Pacer {
    pub held_until: f64,
    burst_s: f64,
    burst_min_bytes: f64,
    burst_bytes: f64,
    debt: f64,
    rate: f64,
    time: f64,
}

impl Pacer {
    pub fn new(config: &CongestionConfig) -> Self {
        let mut pacer = Self {
            held_until: f64::NEG_INFINITY,
            burst_s: config.burst_s,
            burst_min_bytes: config.burst_min_bytes as f64,
            burst_bytes: 0.0,
            debt: 0.0,
            rate: 0.0,
            time: 0.0,
        };
        pacer.set_rate(config.start_bps as f64 * config.pacing_factor);
        pacer
    }

    /// Pace at this rate from the next packet on.
    pub fn set_rate(&mut self, pacing_bps: f64) {
        self.rate = pacing_bps / 8.0;
        self.burst_bytes = self.burst_min_bytes.max(self.rate * self.burst_s);
    }

    fn debt_at(&self, now: f64) -> f64 {
        self.debt - (now - self.time) * self.rate
    }

    /// Anything left on this transport.
    pub fn on_sent(&mut self, size_bytes: f64, now: f64) {
        let debt = self.debt_at(now);
        self.debt = size_bytes + if debt > 0.0 { debt } else { 0.0 };
        self.time = now;
    }

    /// Whether a live burst, however large, may leave this instant.
    pub fn admit(&self, now: f64) -> bool {
        now >= self.held_until && self.debt_at(now) < self.burst_bytes
    }

    /// The earliest time for a packet of that kind, `now` if it may leave.
    pub fn ready_at(&self, now: f64, priority: Priority) -> f64 {
        let excess = self.debt_at(now) - priority.tolerated() * self.burst_bytes;
        now.max(now + excess / self.rate).max(self.held_until)
    }
}
