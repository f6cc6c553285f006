//! How much arrives: bytes over the receiver's clock.

use std::collections::VecDeque;

const LONG_S: f64 = 0.5;
const SHORT_S: f64 = 0.1;

/// Arrivals of the last half second.
#[derive(Debug, Default)]
pub struct Throughput {
    arrivals: VecDeque<(f64, f64)>,
    total: f64,
}

impl Throughput {
    /// A burst arrived (receiver's clock, last packet).
    pub fn add(&mut self, arrival_s: f64, size_bytes: f64) {
        self.arrivals.push_back((arrival_s, size_bytes));
        self.total += size_bytes;
        while let Some(&(oldest_s, oldest_bytes)) = self.arrivals.front() {
            if oldest_s >= arrival_s - LONG_S {
                break;
            }
            self.arrivals.pop_front();
            self.total -= oldest_bytes;
        }
    }

    /// The feedback on these was lost; most of them arrived, about now.
    pub fn add_unreported(&mut self, size_bytes: f64) {
        if let Some(&(last_s, _)) = self.arrivals.back() {
            self.add(last_s, size_bytes);
        }
    }

    /// Over half a second: frames and pauses average out.
    pub fn bps(&self) -> f64 {
        self.total * 8.0 / LONG_S
    }

    /// Over the last 100 ms or a little more, between two arrivals.
    ///
    /// True only while a queue keeps the path busy; then it is the path's capacity,
    /// known long before the half second is over.
    pub fn recent_bps(&self) -> f64 {
        let Some(&(end, _)) = self.arrivals.back() else {
            return 0.0;
        };
        let mut size = 0.0;
        for &(arrival_s, size_bytes) in self.arrivals.iter().rev() {
            if arrival_s <= end - SHORT_S {
                return size * 8.0 / (end - arrival_s);
            }
            size += size_bytes;
        }
        size * 8.0 / SHORT_S
    }
}
