//! The smallest value of the last while: what a path is like when it is empty.

/// The minimum of the last one to two windows: old values fall out in halves.
#[derive(Debug)]
pub struct WindowedMin {
    window_s: f64,
    current: f64,
    before: f64,
    since: f64,
}

impl WindowedMin {
    pub const fn new(window_s: f64) -> Self {
        Self {
            window_s,
            current: f64::INFINITY,
            before: f64::INFINITY,
            since: f64::NEG_INFINITY,
        }
    }

    /// Take a value in; the minimum with it.
    pub fn add(&mut self, value: f64, now: f64) -> f64 {
        if now - self.since > self.window_s {
            self.before = self.current;
            self.current = f64::INFINITY;
            self.since = now;
        }
        self.current = self.current.min(value);
        self.value()
    }

    /// The minimum; infinite before the first value.
    pub fn value(&self) -> f64 {
        self.current.min(self.before)
    }
}
