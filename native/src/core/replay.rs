//! Beginning to send a layer: from where, under which times, and how fast.
//!
//! A new viewer begins with the cached key frame and has to catch up with live (RFC 0003
//! section 6).  Three things make that look right on the other side:
//!
//! - *Times.*  The replayed frames are old.  Written as they are, a player would take them
//!   for the stream's normal delay and hold back the sound to match.  So each frame is
//!   written as if it were taken at the moment at which it leaves.
//! - *Pace.*  Twice the layer's own rate, so that a replay ends after as long as it lies
//!   behind; only its first frame may be faster, since the picture waits for it.
//! - *Short cut.*  When the next key frame arrives meanwhile, the viewer goes on with that.
//!
//! The same functions carry a consumer over from another layer or producer: timestamps go
//! on by the publisher's common clock where both layers have sender reports, else by the
//! time of arrival, always forwards.

use slotmap::SlotMap;

use super::clock::common_offset;
use super::config::ForwardingConfig;
use super::consumer::{Consumer, Last};
use super::ids::{ConsumerKey, LayerKey};
use super::layer::{Layer, Newest};
use super::packet::Packet;
use super::rewrite::Segment;
use super::sequence::ticks;
use super::state::State;

/// Common clocks that disagree with the times of arrival by more are not believed.
const CLOCKS_APART_S: f64 = 0.5;

/// What a late timer may make up for: as long as a timer may be late.
const CREDIT_S: f64 = 0.01;

/// A rate in bytes per second that may change once, after the first `faster` bytes.
///
/// `ready_at` is when the next packet may go.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    pub ready_at: f64,
    fast: f64,
    left: i64,
    slow: f64,
}

impl Pace {
    pub fn new(first_rate: f64, faster: i64, rate: f64, now: f64) -> Self {
        Self {
            ready_at: now,
            fast: first_rate.max(rate),
            left: faster,
            slow: rate,
        }
    }

    /// `size` bytes left.
    pub fn spent(&mut self, size: usize, now: f64) {
        let rate = if self.left > 0 { self.fast } else { self.slow };
        self.left -= size as i64;
        self.ready_at = self.ready_at.max(now - CREDIT_S) + size as f64 / rate;
    }
}

/// How fast to replay `layer` from packet `start`.
pub fn pace_of(layer: &mut Layer, start: i64, config: &ForwardingConfig, now: f64) -> Pace {
    let own = layer.rate.rate_bps(now).max(cached_bps(layer, start, now)) / 8.0;
    let first = first_frame_bytes(layer, start);
    let rate = (config.replay_speed * own).max(1.0);
    Pace::new(first as f64 / config.replay_first_frame_s, first, rate, now)
}

/// Size of the frame that begins with packet `start`.
fn first_frame_bytes(layer: &Layer, start: i64) -> i64 {
    let mut packets = layer.history.from(start).peekable();
    let frame = packets.peek().map(|packet| packet.timestamp);
    let same = packets.take_while(|packet| Some(packet.timestamp) == frame);
    same.map(|packet| packet.size() as i64).sum()
}

fn cached_bps(layer: &Layer, start: i64, now: f64) -> f64 {
    match layer.history.get(start) {
        Some(first) if now - first.arrival >= 0.5 => {
            (layer.since_key * 8) as f64 / (now - first.arrival)
        }
        _ => 0.0,
    }
}

/// Let the consumer's numbering go on with packet `start` of a layer; false where the
/// layer has no such packet.
pub fn begin(state: &mut State, key: ConsumerKey, source: LayerKey, start: i64, now: f64) -> bool {
    let (layer, config) = (&state.layers[source], &state.config);
    let (Some(first), Some(newest)) = (layer.history.get(start), layer.newest) else {
        return false;
    };
    let mut behind = ticks(newest.timestamp, first.timestamp);
    let mut segment = Segment::new(source, start);
    let much = config.replay_beyond_s * layer.clock_rate_hz();
    if behind as f64 > much && !layer.live_from_anywhere {
        let ahead = to_live(layer, first, config, now);
        segment.ahead = Some(ahead);
        behind -= ahead;
    }
    let consumer = &mut state.consumers[key];
    segment.timestamp = match &consumer.last {
        Some(last) => offset_after(last, source, &newest, behind, &state.layers),
        None => consumer
            .first_timestamp
            .wrapping_sub(newest.timestamp)
            .wrapping_add(behind as u32),
    };
    if let Some(last) = &consumer.last {
        continue_pictures(last, first, &mut segment);
    }
    consumer.numbering.follow(segment);
    consumer.layer = Some(source);
    consumer.cursor = start;
    true
}

/// Write the frame that `first` begins as of now, if this is a replay of `layer`.
///
/// It ends with the first frame whose own time is not before what was written last.
pub fn place(
    consumer: &mut Consumer,
    layer: &Layer,
    first: &Packet,
    config: &ForwardingConfig,
    now: f64,
) {
    let segment = match consumer.numbering.segment() {
        Some(&segment) if segment.ahead.is_some() => segment,
        _ => return,
    };
    let (mut start, mut ahead) = (first.number, to_live(layer, first, config, now));
    if let Some(last) = &consumer.last {
        if last.segment.source == segment.source {
            if last.timestamp == first.timestamp {
                return; // a frame keeps one timestamp
            }
            if last.marker && last.number < first.number {
                start = last.number + 1; // what is still missing of this frame
            }
        }
        let written = last.segment.written(last.timestamp);
        let written = written.wrapping_sub(segment.timestamp);
        ahead = ahead.max(ticks(written.wrapping_add(1), first.timestamp));
    }
    for later in consumer.numbering.change(start) {
        later.ahead = Some(ahead).filter(|&ahead| ahead != 0);
    }
}

/// Ticks from a frame to what a camera would take now: to the newest frame, and on by the
/// time since, unless it is the newest.
fn to_live(layer: &Layer, first: &Packet, config: &ForwardingConfig, now: f64) -> i64 {
    let Some(newest) = layer.newest else {
        return 0;
    };
    if newest.timestamp == first.timestamp {
        return 0;
    }
    let since_s = (now - newest.arrival).min(config.replay_beyond_s);
    let since = (since_s * layer.clock_rate_hz()).round_ties_even() as i64;
    ticks(newest.timestamp, first.timestamp) + since
}

/// Go on with a later packet of the same layer, in the same times.
pub fn jump(consumer: &mut Consumer, start: i64) {
    if let Some(&old) = consumer.numbering.segment() {
        consumer.numbering.follow(Segment {
            timestamp: old.timestamp,
            picture: old.picture,
            tl0: old.tl0,
            key: old.key,
            ahead: old.ahead,
            ..Segment::new(old.source, start)
        });
        consumer.cursor = start;
    }
}

/// Timestamp offset under which `newest` of layer `key`, less `behind` ticks, comes after
/// what the consumer sent `last`.
fn offset_after(
    last: &Last,
    key: LayerKey,
    newest: &Newest,
    behind: i64,
    layers: &SlotMap<LayerKey, Layer>,
) -> u32 {
    let (layer, segment) = (&layers[key], &last.segment);
    let written = segment.written(last.timestamp);
    let elapsed = (newest.arrival - last.arrival) * layer.clock_rate_hz();
    let own = last.timestamp.wrapping_add(segment.timestamp);
    let own = own.wrapping_add(elapsed.round_ties_even() as i64 as u32);
    let mut offset = own.wrapping_sub(newest.timestamp);
    let sibling = layers
        .get(segment.source)
        .filter(|source| source.producer == layer.producer && segment.source != key);
    if let Some(sibling) = sibling {
        let common = common_offset(&sibling.clock, &layer.clock, segment.timestamp);
        let apart = (CLOCKS_APART_S * layer.clock_rate_hz()).round_ties_even() as i64;
        let believed = common.filter(|&common| ticks(common, offset).abs() < apart);
        offset = believed.unwrap_or(offset);
    }
    let earliest = newest
        .timestamp
        .wrapping_sub(behind as u32)
        .wrapping_add(offset);
    let forward = ticks(earliest, written.wrapping_add(1));
    if forward >= 0 {
        offset
    } else {
        offset.wrapping_sub(forward as u32)
    }
}

/// VP8 picture ids go on where the last source stopped (RFC 7741 section 4.2).
fn continue_pictures(last: &Last, first: &Packet, segment: &mut Segment) {
    if let (Some(before), Some(numbers)) = (last.numbers, first.numbers) {
        let on = |before: i32, old: i32, new: i32| before + old + 1 - new;
        let old = &last.segment;
        let pictures = (before.picture_id.into(), numbers.picture_id.into());
        segment.picture = on(pictures.0, old.picture, pictures.1) & 0x7FFF;
        segment.tl0 = on(before.tl0picidx.into(), old.tl0, numbers.tl0picidx.into()) & 0xFF;
        segment.key = on(before.keyidx.into(), old.key, numbers.keyidx.into()) & 0x1F;
    }
}
