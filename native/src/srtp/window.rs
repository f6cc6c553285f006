//! Packet indexes: rollover, replay and never the same nonce twice.
//!
//! RTP carries 16 bits of a 48 bit packet index; the rest is guessed from the highest index
//! so far (RFC 3711 section 3.3.1 and appendix A).  A window remembers which of the last
//! 1,024 indexes are still *missing*, one bit for each in a ring, so that going forward
//! shifts nothing.
//!
//! The same type guards both directions.  On receive a repeated index is a replay; on send
//! it would be the same nonce for other bytes, which breaks GCM altogether (RFC 7714
//! section 8.1).

/// Indexes that are told apart.
pub const WINDOW: i64 = 1024;
/// The last index that a key may protect (RFC 3711 section 9.2).
pub const INDEX_MAX: i64 = (1 << 48) - 1;

const WORDS: usize = WINDOW as usize / 64;

/// The indexes of one SSRC in one direction.
#[derive(Clone, Debug)]
pub struct Window {
    highest: i64,
    missing: [u64; WORDS],
}

impl Window {
    /// After the first packet of a remote: reordered ones may still come from before it.
    pub fn received(first: i64) -> Self {
        let mut window = Self::sending(first + 1);
        for index in (first - WINDOW + 1).max(0)..first {
            window.mark(index);
        }
        window
    }

    /// Before the first packet of ours, whose index is `first`.
    pub fn sending(first: i64) -> Self {
        Self {
            highest: first - 1,
            missing: [0; WORDS],
        }
    }

    /// The same where the first packet may be followed by ones of lower index.
    pub fn sending_any(first: i64) -> Self {
        let mut window = Self::received(first - 1);
        window.mark(first - 1);
        window
    }

    /// The likeliest index of a 16 bit sequence number.
    pub fn estimate(&self, sequence: u16) -> i64 {
        let (low, sequence) = (self.highest & 0xFFFF, i64::from(sequence));
        let index = self.highest - low + sequence;
        if low < 0x8000 {
            // before the first rollover there is nothing to go back to
            let behind = sequence - low > 0x8000 && self.highest > 0xFFFF;
            return if behind { index - 0x1_0000 } else { index };
        }
        if low - sequence > 0x8000 {
            index + 0x1_0000
        } else {
            index
        }
    }

    /// False for a repeated index and for one too old to tell.
    pub fn is_fresh(&self, index: i64) -> bool {
        let behind = self.highest - index;
        if behind < 0 {
            return index <= INDEX_MAX;
        }
        behind < WINDOW && self.is_missing(index)
    }

    /// Mark a fresh index as seen.
    pub fn accept(&mut self, index: i64) {
        if index > self.highest {
            for skipped in (self.highest + 1).max(index - WINDOW + 1)..index {
                self.mark(skipped);
            }
            self.highest = index;
        }
        // the bit is also that of an index that has just become too old
        let (word, bit) = place(index);
        self.missing[word] &= !bit;
    }

    /// Use an index for sending; false when it may have been used before.
    pub fn claim(&mut self, index: i64) -> bool {
        let fresh = self.is_fresh(index);
        if fresh {
            self.accept(index);
        }
        fresh
    }

    fn mark(&mut self, index: i64) {
        let (word, bit) = place(index);
        self.missing[word] |= bit;
    }

    fn is_missing(&self, index: i64) -> bool {
        let (word, bit) = place(index);
        self.missing[word] & bit != 0
    }
}

/// Word and bit of an index in the ring.
fn place(index: i64) -> (usize, u64) {
    let at = (index & (WINDOW - 1)) as usize;
    (at / 64, 1 << (at % 64))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    proptest! {
        #[test]
        fn agrees_with_remembering_everything(
            first in 0i64..70_000, steps in prop::collection::vec(-1500i64..1500, 0..60),
        ) {
            let (mut window, mut seen) = (Window::received(first), BTreeSet::from([first]));
            let mut index = first;
            for step in steps {
                index = (index + step).max(0);
                let newest = *seen.last().unwrap();
                let fresh = !seen.contains(&index) && index > newest - WINDOW;
                prop_assert_eq!(window.is_fresh(index), fresh);
                if fresh {
                    window.accept(index);
                    seen.insert(index);
                }
            }
        }

        #[test]
        fn a_near_index_is_guessed_from_its_low_bits(
            start in 0i64..1 << 40, step in -32_767i64..32_768,
        ) {
            let index = start + step;
            prop_assume!(index >= 0);
            prop_assert_eq!(Window::received(start).estimate(index as u16), index);
        }
    }

    #[test]
    fn a_sender_does_not_go_back_before_its_first_packet_unless_it_may() {
        let (mut plain, mut any) = (Window::sending(100), Window::sending_any(100));
        assert!(plain.claim(100) && any.claim(100));
        assert!(!plain.claim(99) && any.claim(99));
    }

    #[test]
    fn the_index_ends_at_48_bits() {
        let mut window = Window::sending(INDEX_MAX);
        assert!(window.claim(INDEX_MAX));
        assert!(!window.claim(INDEX_MAX + 1));
    }
}
