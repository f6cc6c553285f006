//! When which path is to be looked at again; what became void is skipped, not searched for.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;

use super::credentials::Slot;

/// A time to look at the path in `slot`, valid while the path still names `order`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Wake {
    pub at: f64,
    pub order: u64,
    pub slot: Slot,
}

impl Eq for Wake {}

impl PartialOrd for Wake {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Wake {
    fn cmp(&self, other: &Self) -> Ordering {
        let time = self.at.total_cmp(&other.at);
        time.then(self.order.cmp(&other.order))
    }
}

/// The earliest first.
#[derive(Debug, Default)]
pub struct Wakes {
    heap: BinaryHeap<Reverse<Wake>>,
    next_order: u64,
}

impl Wakes {
    pub fn len(&self) -> usize {
        self.heap.len()
    }

    /// When `due` may give something.
    pub fn next_at(&self) -> Option<f64> {
        self.heap.peek().map(|first| first.0.at)
    }

    /// The next one that is due, void ones included.
    pub fn due(&mut self, now: f64) -> Option<Wake> {
        if self.next_at()? > now {
            return None;
        }
        self.heap.pop().map(|first| first.0)
    }

    /// Look at `slot` at `at`; the order to name it by.
    pub fn push(&mut self, slot: Slot, at: f64) -> u64 {
        let order = self.next_order;
        self.next_order += 1;
        self.heap.push(Reverse(Wake { at, order, slot }));
        order
    }

    /// Drop what is void.
    pub fn retain(&mut self, valid: impl Fn(&Wake) -> bool) {
        self.heap.retain(|wake| valid(&wake.0));
    }
}
