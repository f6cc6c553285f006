//! One consumer's numbering: its numbers have no seam though its sources have many.
//!
//! A viewer's decoder must see one stream: sequence numbers without holes where we dropped
//! on purpose, timestamps that go on over a change of layer, VP8 picture ids that grow by
//! one (RFC 0003 section 4).  All of it is an *offset* between the source's number and the
//! consumer's, and the offset changes only at certain packets.  So the whole state is a
//! short list of `Segment`s: from packet `start` of a source on, these offsets hold.
//!
//! - A packet that arrives late falls into the segment of its own number and gets the
//!   offsets that held there.  Packets behind a dropped number never collide with it.
//! - A drop ahead of everything forwarded closes its number: the segments behind it move
//!   down by one.  A drop behind is a hole that was already promised, and stays.
//! - A NACK names the consumer's number; walking the same list backwards finds the source
//!   packet, with the very offsets that it was sent with.
//!
//! The list is bounded; what fell off is too old to be asked for.

use super::ids::LayerKey;

const ENDLESS: i64 = 1 << 62;
const SEGMENTS: usize = 128;

/// From source packet `start` (included) to `end` (not), these offsets hold.
///
/// Sequence numbers are extended on both sides.  `picture`, `tl0` and `key` are the
/// offsets of VP8's picture id, TL0PICIDX and KEYIDX.  `ahead` is set while a replay is
/// written as of now: so many ticks later than `timestamp` alone says (RFC 0003 section
/// 6.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segment {
    pub source: LayerKey,
    pub start: i64,
    pub sequence: i64,
    pub timestamp: u32,
    pub picture: i32,
    pub tl0: i32,
    pub key: i32,
    pub end: i64,
    pub ahead: Option<i64>,
}

impl Segment {
    /// Where `source` goes on with `start`, without any offset yet.
    pub fn new(source: LayerKey, start: i64) -> Self {
        Self {
            source,
            start,
            sequence: 0,
            timestamp: 0,
            picture: 0,
            tl0: 0,
            key: 0,
            end: ENDLESS,
            ahead: None,
        }
    }

    /// Whether VP8 descriptors must be changed.
    pub fn patched(&self) -> bool {
        self.picture != 0 || self.tl0 != 0 || self.key != 0
    }

    /// The consumer's timestamp of the source's.
    pub fn written(&self, timestamp: u32) -> u32 {
        let ahead = self.ahead.unwrap_or(0) as u32;
        timestamp.wrapping_add(self.timestamp).wrapping_add(ahead)
    }
}

/// The segments of one consumer.
///
/// Whoever forwards a run of packets that lie in the newest segment may add its offset
/// himself and then call `reached` once.
#[derive(Debug)]
pub struct Numbering {
    pub highest: i64,
    pub reached_in: i64,
    current: Vec<Segment>,
    older: Vec<Segment>,
}

impl Numbering {
    pub fn new(first: i64) -> Self {
        Self {
            highest: first - 1,
            reached_in: -1,
            current: Vec::new(),
            older: Vec::new(),
        }
    }

    /// The newest segment; None before the first source.
    pub fn segment(&self) -> Option<&Segment> {
        self.current.last()
    }

    /// Every layer that a number may lead back to.
    pub fn sources(&self) -> impl Iterator<Item = LayerKey> + '_ {
        let segments = self.current.iter().chain(&self.older);
        segments.map(|segment| segment.source)
    }

    /// Go on with another source: its `start` gets the number after the highest; the
    /// caller fills in every offset but `sequence`.
    pub fn follow(&mut self, mut segment: Segment) {
        segment.sequence = self.highest + 1 - segment.start;
        let used = self
            .current
            .partition_point(|old| old.start <= self.reached_in);
        self.current.truncate(used);
        if let Some(last) = self.current.last_mut() {
            last.end = last.end.min(self.reached_in + 1);
        }
        self.older.append(&mut self.current);
        let many = self.older.len().saturating_sub(SEGMENTS);
        self.older.drain(..many);
        self.reached_in = segment.start - 1;
        self.current.push(segment);
    }

    /// The segments that hold from `start` on, to be changed by the caller.
    pub fn change(&mut self, start: i64) -> &mut [Segment] {
        let index = self.cut(start);
        &mut self.current[index..]
    }

    /// The segment of a source packet; None for one before the start, or dropped.
    pub fn find(&self, number: i64) -> Option<&Segment> {
        let behind = self
            .current
            .partition_point(|segment| segment.start <= number);
        let found = self.current.get(behind.checked_sub(1)?)?;
        (number < found.end).then_some(found)
    }

    /// Source packet `number` of the newest segment was forwarded: whether it is the
    /// newest now.
    pub fn reached(&mut self, number: i64) -> bool {
        let Some(segment) = self.current.last().filter(|_| number > self.reached_in) else {
            return false;
        };
        self.reached_in = number;
        self.highest = number + segment.sequence;
        true
    }

    /// Segment and consumer's number of a source packet; None: do not forward.
    pub fn forward(&mut self, number: i64) -> Option<(Segment, i64)> {
        let segment = *self.find(number)?;
        let written = number + segment.sequence;
        if number > self.reached_in {
            self.reached_in = number;
            self.highest = written;
        }
        Some((segment, written))
    }

    /// Close the number of a source packet that is not forwarded.
    ///
    /// False where it was already passed: its number stays a hole.
    pub fn drop(&mut self, number: i64) -> bool {
        if number <= self.reached_in {
            return self.find(number).is_none();
        }
        let index = self.cut(number);
        if self
            .current
            .get(index)
            .map_or(true, |found| found.start > number)
        {
            return true; // dropped before
        }
        self.current[index].start += 1;
        for segment in &mut self.current[index..] {
            segment.sequence -= 1;
        }
        if self.current[index].start >= self.current[index].end {
            self.current.remove(index);
        }
        true
    }

    /// Which source packet was sent as `number`: the way back of `forward`.
    pub fn origin(&self, number: i64) -> Option<(Segment, i64)> {
        let first = |segment: &Segment| segment.start + segment.sequence;
        for segments in [&self.current, &self.older] {
            let behind = segments.partition_point(|segment| first(segment) <= number);
            if let Some(index) = behind.checked_sub(1) {
                let found = segments[index];
                let source = number - found.sequence;
                return (source < found.end).then_some((found, source));
            }
        }
        None
    }

    /// Index of the first segment from `at` on, cutting the one that spans it.
    fn cut(&mut self, at: i64) -> usize {
        let behind = self.current.partition_point(|segment| segment.start <= at);
        let Some(index) = behind.checked_sub(1) else {
            return 0;
        };
        let spanning = &mut self.current[index];
        if spanning.start == at {
            return index;
        }
        if at < spanning.end {
            let rest = Segment {
                start: at,
                ..*spanning
            };
            spanning.end = at;
            self.current.insert(index + 1, rest);
        }
        if self.current.len() <= SEGMENTS {
            return index + 1;
        }
        self.current.drain(..SEGMENTS / 4);
        (index + 1).saturating_sub(SEGMENTS / 4)
    }
}
