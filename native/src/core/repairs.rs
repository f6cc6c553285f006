//! The repair side of one consumer: RTX numbers, budget, waiting list (RFC 4588).

use std::collections::VecDeque;

use super::ordered::Ordered;

const REMEMBERED: usize = 512;

/// A list that keeps its newest entries.
#[derive(Debug)]
pub struct Recent<T> {
    entries: VecDeque<T>,
    max: usize,
}

impl<T> Recent<T> {
    pub fn new(max: usize) -> Self {
        Self {
            entries: VecDeque::new(),
            max,
        }
    }

    pub fn push(&mut self, entry: T) {
        if self.entries.len() >= self.max {
            self.entries.pop_front();
        }
        if self.max > 0 {
            self.entries.push_back(entry);
        }
    }

    pub fn pop(&mut self) -> Option<T> {
        self.entries.pop_front()
    }

    pub fn first(&self) -> Option<&T> {
        self.entries.front()
    }

    pub fn iter(&self) -> impl Iterator<Item = &T> + '_ {
        self.entries.iter()
    }

    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The first `count` entries, or all there are.
    pub fn take(&mut self, count: usize) -> Vec<T> {
        let some = count.min(self.entries.len());
        self.entries.drain(..some).collect()
    }
}

/// What was repeated for the consumer, and what waits to be.
///
/// `index` is the next packet index of the repair stream; `wait` holds the consumer's own
/// packet indices, the oldest of which go when there are too many.  `again` holds (when,
/// index) of those that are to be repeated a second time, `unsure` those that may have
/// arrived: they come last.
#[derive(Debug)]
pub struct Repairs {
    pub index: i64,
    pub sent_bytes: u64,
    pub answered: u64,
    pub missed: u64,
    pub refused: u64,
    pub wait: Recent<i64>,
    pub unsure: Recent<i64>,
    pub again: Recent<(f64, i64)>,
    /// When and how often each was repeated, the latest last.
    times: Ordered<i64, (f64, u32)>,
}

impl Repairs {
    pub fn new(first_index: i64, waiting_max: usize) -> Self {
        Self {
            index: first_index,
            sent_bytes: 0,
            answered: 0,
            missed: 0,
            refused: 0,
            wait: Recent::new(waiting_max),
            unsure: Recent::new(waiting_max),
            again: Recent::new(waiting_max),
            times: Ordered::default(),
        }
    }

    /// Whether `index` was repeated less than `interval_s` ago; notes it if not.
    pub fn recently(&mut self, index: i64, interval_s: f64, now: f64) -> bool {
        let (sent, tries) = self.times.get(index).copied().unwrap_or_default();
        if tries > 0 && now - sent < interval_s {
            return true;
        }
        self.times.remove(index);
        self.times.insert(index, (now, tries + 1));
        if self.times.len() > REMEMBERED {
            let oldest = self.times.keys().next();
            oldest.map(|oldest| self.times.remove(oldest));
        }
        false
    }

    /// How often `index` was repeated.
    pub fn tries(&self, index: i64) -> u32 {
        self.times.get(index).map_or(0, |known| known.1)
    }
}
