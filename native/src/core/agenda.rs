//! Deadlines: one heap, the newest time of a key wins.
//!
//! Timers of the packet path move far more often than they fire.  Moving one is a write
//! into a map and a push; the stale heap entry is recognised when it surfaces, and the
//! heap is rebuilt when stale entries outnumber live ones.
//!
//! Periodic timers fall on a common grid: with hundreds of transports that have some, a
//! driver wakes up forty times a second instead of thousands.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;

use rustc_hash::FxHashMap;

use super::ids::{
    ConsumerKey, LayerKey, LegKey, NeighbourKey, ProducerKey, StreamKey, TransportKey,
};

/// Stale entries that are tolerated whatever the number of live ones.
const SLACK: usize = 64;

/// Times a second that periodic timers may fire: it shifts each by 12.5 ms at most, and
/// the usual periods (50 and 250 ms, 1 s) are multiples of it.
const GRID_HZ: f64 = 40.0;

/// What a deadline is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Timer {
    /// A consumer's next replayed packet.
    Chase(ConsumerKey),
    /// A layer's NACKs and key-frame requests.
    Layer(LayerKey),
    /// Transport-wide feedback to a publisher.
    Arrivals(TransportKey),
    /// Receiver reports to a publisher, sender reports to a viewer.
    Reports(TransportKey),
    /// A consumer's retransmissions that wait.
    Repair(ConsumerKey),
    /// A transport's estimator, pacer and prober.
    Congestion(TransportKey),
    /// A transport's choice of layers.
    Allocation(TransportKey),
    /// A producer's packets.
    Silence(ProducerKey),
    /// Which layers of a producer are asked of the mesh.
    Pull(ProducerKey),
    /// Whether the legs of a stream fell silent.
    Judge(StreamKey),
    /// Signs of life to a neighbour.
    Beat(NeighbourKey),
    /// What a replay still has to send over a leg.
    Leg(LegKey),
}

/// When, and the how-manieth setting it was: two of one time fire in order of setting.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Due {
    when: f64,
    count: u64,
}

impl Eq for Due {}

impl PartialOrd for Due {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Due {
    fn cmp(&self, other: &Self) -> Ordering {
        let when = self.when.total_cmp(&other.when);
        when.then(self.count.cmp(&other.count))
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Entry {
    due: Due,
    timer: Timer,
}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Entry {
    fn cmp(&self, other: &Self) -> Ordering {
        self.due.cmp(&other.due)
    }
}

/// What is due when, in order of time and then of setting.
#[derive(Debug, Default)]
pub struct Agenda {
    due: FxHashMap<Timer, Due>,
    heap: BinaryHeap<Reverse<Entry>>,
    count: u64,
}

impl Agenda {
    /// Let `timer` fire at `when`, whatever was set before.
    pub fn at(&mut self, timer: Timer, when: f64) {
        if self.due.get(&timer).is_some_and(|due| due.when == when) {
            return;
        }
        self.count += 1;
        let due = Due {
            when: when + 0.0, // so that -0.0 does not stand before 0.0
            count: self.count,
        };
        self.due.insert(timer, due);
        self.heap.push(Reverse(Entry { due, timer }));
        if self.heap.len() > 2 * self.due.len() + SLACK {
            let live = self.due.iter();
            self.heap = live
                .map(|(&timer, &due)| Reverse(Entry { due, timer }))
                .collect();
        }
    }

    /// Let `timer` fire at `when` unless it fires earlier anyway.
    pub fn no_later(&mut self, timer: Timer, when: f64) {
        if self.due.get(&timer).map_or(true, |due| when < due.when) {
            self.at(timer, when);
        }
    }

    /// Let `timer` fire near `when`, together with other periodic timers.
    pub fn again(&mut self, timer: Timer, when: f64) {
        self.at(timer, (when * GRID_HZ).round_ties_even() / GRID_HZ);
    }

    /// Forget `timer`; an unknown one is fine.
    pub fn cancel(&mut self, timer: Timer) {
        self.due.remove(&timer);
    }

    /// The earliest deadline that still holds, at the top of the heap now.
    fn settle(&mut self) -> Option<Entry> {
        while let Some(&Reverse(entry)) = self.heap.peek() {
            if self.due.get(&entry.timer) == Some(&entry.due) {
                return Some(entry);
            }
            self.heap.pop();
        }
        None
    }

    /// The earliest deadline.
    pub fn earliest(&mut self) -> Option<f64> {
        self.settle().map(|entry| entry.due.when)
    }

    /// Take every timer whose time has come.
    pub fn due(&mut self, now: f64) -> Vec<Timer> {
        let mut taken = Vec::new();
        while let Some(entry) = self.settle().filter(|entry| entry.due.when <= now) {
            self.heap.pop();
            self.due.remove(&entry.timer);
            taken.push(entry.timer);
        }
        taken
    }
}

#[cfg(test)]
mod tests {
    use slotmap::SlotMap;

    use super::{Agenda, Timer};
    use crate::core::ids::ConsumerKey;

    fn timers<const N: usize>() -> [Timer; N] {
        let mut keys: SlotMap<ConsumerKey, ()> = SlotMap::with_key();
        std::array::from_fn(|_| Timer::Chase(keys.insert(())))
    }

    #[test]
    fn fires_in_order_of_time_and_then_of_setting() {
        let [first, second, third] = timers();
        let mut agenda = Agenda::default();
        agenda.at(second, 2.0);
        agenda.at(first, 2.0);
        agenda.at(third, 1.0);
        agenda.no_later(first, 3.0);
        agenda.at(second, 2.0);
        assert_eq!(agenda.earliest(), Some(1.0));
        assert_eq!(agenda.due(2.0), [third, second, first]);
        assert_eq!(agenda.earliest(), None);
    }

    #[test]
    fn forgets_what_was_moved_or_cancelled() {
        let [moved, gone] = timers();
        let mut agenda = Agenda::default();
        agenda.at(gone, 1.0);
        for turn in 0..1000 {
            agenda.at(moved, f64::from(turn));
        }
        agenda.cancel(gone);
        assert!(agenda.heap.len() < 100);
        assert_eq!(agenda.earliest(), Some(999.0));
        agenda.again(moved, 0.062_5);
        assert_eq!(agenda.due(1.0), [moved]);
    }
}
