//! Does loss mean congestion?  The loss half of Google congestion control
//! (draft-ietf-rmcat-gcc-02 section 6), made safe for thin and lossy links.
//!
//! Only a loss beyond `TOLERATED` makes us slower, and only when it is sure: the share must
//! exceed the bound by two standard deviations of a binomial draw of that many packets.
//! `meshproto.forwarding.congestion.loss` says why.

use std::collections::VecDeque;

pub const TOLERATED: f64 = 0.10;
const DEVIATIONS: f64 = 2.0;
const WINDOW_S: f64 = 2.0;
/// Fewer packets than these are no evidence.
const PACKETS_MIN: i64 = 20;

/// Received and lost packets of the last two seconds.
#[derive(Debug, Default)]
pub struct LossGauge {
    entries: VecDeque<(f64, i64, i64)>,
    received: i64,
    lost: i64,
}

impl LossGauge {
    /// Counts of one feedback; `lost` is negative for packets that were late.
    pub fn add(&mut self, received: i64, lost: i64, now: f64) {
        self.entries.push_back((now, received, lost));
        self.received += received;
        self.lost += lost;
        while let Some(&(at, old_received, old_lost)) = self.entries.front() {
            if now - at <= WINDOW_S {
                break;
            }
            self.entries.pop_front();
            self.received -= old_received;
            self.lost -= old_lost;
        }
    }

    /// Start anew: what was lost before says nothing about the new rate.
    pub fn clear(&mut self) {
        self.entries.clear();
        self.received = 0;
        self.lost = 0;
    }

    /// Share lost, 0..1.
    pub fn fraction(&self) -> f64 {
        let total = self.received + self.lost;
        if total > 0 {
            self.lost.max(0) as f64 / total as f64
        } else {
            0.0
        }
    }

    /// Whether the loss is beyond what we tolerate, with confidence.
    pub fn excessive(&self) -> bool {
        let total = self.received + self.lost;
        if total < PACKETS_MIN {
            return false;
        }
        let deviation = (TOLERATED * (1.0 - TOLERATED) / total as f64).sqrt();
        self.lost as f64 / total as f64 > TOLERATED + DEVIATIONS * deviation
    }
}
