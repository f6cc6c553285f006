//! Something for every SSRC, and never for more of them than a limit.
//!
//! Most associations have two or three SSRCs and send long rows of packets of one, a link
//! between nodes has thousands.  So the last one found is tried first, and the rest is a
//! sorted list: nothing to hash, nothing that chosen SSRCs could make slow.

/// Values by SSRC, the oldest of them first to go where the owner lets any go.
#[derive(Debug)]
pub struct Sources<T> {
    limit: usize,
    /// (SSRC, its slot), sorted
    order: Vec<(u32, u32)>,
    slots: Vec<(u32, T)>,
    last: usize,
    oldest: usize,
}

impl<T> Sources<T> {
    pub fn new(limit: usize) -> Self {
        Self {
            limit: limit.max(1),
            order: Vec::new(),
            slots: Vec::new(),
            last: 0,
            oldest: 0,
        }
    }

    pub fn len(&self) -> usize {
        self.slots.len()
    }

    /// Whether one more would push another out.
    pub fn is_full(&self) -> bool {
        self.slots.len() >= self.limit
    }

    pub fn get(&mut self, ssrc: u32) -> Option<&mut T> {
        if self.slots.get(self.last).map(|slot| slot.0) != Some(ssrc) {
            let at = self.order.binary_search_by_key(&ssrc, |entry| entry.0);
            self.last = self.order[at.ok()?].1 as usize;
        }
        self.slots.get_mut(self.last).map(|slot| &mut slot.1)
    }

    /// Add an SSRC that is not there; where it is full the oldest one goes.
    pub fn insert(&mut self, ssrc: u32, value: T) -> &mut T {
        if self.is_full() {
            self.last = self.oldest;
            self.oldest = (self.oldest + 1) % self.limit;
            let gone = self.slots[self.last].0;
            self.order.retain(|entry| entry.0 != gone);
            self.slots[self.last] = (ssrc, value);
        } else {
            self.last = self.slots.len();
            self.slots.push((ssrc, value));
        }
        let at = self.order.partition_point(|entry| entry.0 < ssrc);
        self.order.insert(at, (ssrc, self.last as u32));
        &mut self.slots[self.last].1
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn holds_the_newest_of_each(asked in prop::collection::vec(0u32..12, 0..200)) {
            let mut sources = Sources::new(5);
            let mut model: Vec<(u32, usize)> = Vec::new();
            for (turn, ssrc) in asked.into_iter().enumerate() {
                let known = model.iter().find(|entry| entry.0 == ssrc).map(|entry| entry.1);
                prop_assert_eq!(sources.get(ssrc).copied(), known);
                if known.is_none() {
                    prop_assert_eq!(*sources.insert(ssrc, turn), turn);
                    model.push((ssrc, turn));
                    if model.len() > 5 {
                        model.remove(0);
                    }
                }
                prop_assert_eq!(sources.len(), model.len());
            }
        }
    }
}
