//! The monotonic clock of the process, in seconds as Python has it.

use std::time::Instant;

/// Agrees with `time.monotonic()` of the moment at which it was made.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    made: Instant,
    at_s: f64,
}

impl Clock {
    pub fn new(now: f64) -> Self {
        Self {
            made: Instant::now(),
            at_s: now,
        }
    }

    pub fn now(&self) -> f64 {
        self.at_s + self.made.elapsed().as_secs_f64()
    }
}
