//! What travelled under which transport-wide number, for a second or two.
//!
//! Transport-wide feedback says within 50 to 100 ms which packets did not arrive.  That is
//! earlier than a browser that only watches repeats a NACK, and it also covers NACKs and
//! retransmissions that were lost themselves.  To act on it, a number must lead back to the
//! consumer and its packet.  A burst is one entry: its first number, and the first of its
//! packet indices when they follow each other, as they nearly always do.

use super::ids::ConsumerKey;

const ENTRIES: usize = 256;

/// A packet of the consumer, or a retransmission of it (`repeated`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sent {
    pub consumer: ConsumerKey,
    pub packet_index: i64,
    pub repeated: bool,
}

#[derive(Clone, Debug)]
enum Indices {
    From(i64),
    Listed(Box<[i64]>),
}

#[derive(Debug)]
struct Logged {
    first: i64,
    count: usize,
    consumer: ConsumerKey,
    indices: Indices,
    repeated: bool,
}

/// The last bursts of a transport, by their first transport-wide number.
#[derive(Debug, Default)]
pub struct SentLog {
    bursts: Vec<Logged>,
}

impl SentLog {
    /// A burst of the consumer's own packets left, numbered from `first` on.
    pub fn note(
        &mut self,
        first: i64,
        consumer: ConsumerKey,
        mut indices: impl ExactSizeIterator<Item = i64> + DoubleEndedIterator + Clone,
    ) {
        let (count, all) = (indices.len(), indices.clone());
        let (low, high) = (indices.next(), indices.next_back());
        let Some(low) = low else {
            return;
        };
        let in_a_row = high.unwrap_or(low) - low == count as i64 - 1;
        self.add(Logged {
            first,
            count,
            consumer,
            indices: if in_a_row {
                Indices::From(low)
            } else {
                Indices::Listed(all.collect())
            },
            repeated: false,
        });
    }

    /// The same for retransmissions of `indices`.
    pub fn note_repeated(&mut self, first: i64, consumer: ConsumerKey, indices: &[i64]) {
        self.add(Logged {
            first,
            count: indices.len(),
            consumer,
            indices: Indices::Listed(indices.into()),
            repeated: true,
        });
    }

    /// What number `number` (extended) carried; None if it is not known any more.
    pub fn find(&self, number: i64) -> Option<Sent> {
        let behind = self.bursts.partition_point(|burst| burst.first <= number);
        let burst = self.bursts.get(behind.checked_sub(1)?)?;
        let step = (number - burst.first) as usize;
        if step >= burst.count {
            return None;
        }
        Some(Sent {
            consumer: burst.consumer,
            packet_index: match &burst.indices {
                Indices::From(low) => low + step as i64,
                Indices::Listed(listed) => listed[step],
            },
            repeated: burst.repeated,
        })
    }

    fn add(&mut self, burst: Logged) {
        self.bursts.push(burst);
        if self.bursts.len() > ENTRIES {
            self.bursts.drain(..ENTRIES / 4);
        }
    }
}
