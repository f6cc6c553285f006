//! What the timestamps of a layer mean in time (RFC 3550 section 6.4.1).
//!
//! A sender report says which NTP time a timestamp of the publisher stands for.  All layers
//! and tracks of a publisher share its NTP clock, so reports put them on one time line:
//! that keeps sound and picture together, and lets a viewer change layers without a step.
//! Before the first report the time of arrival stands in.
//!
//! Viewers get sender reports of ours, one per consumer.  Their NTP times are the
//! publisher's moved by one constant per publisher (`PublisherClock`), to our own clock:
//! the differences between its tracks survive, and a track without reports fits in.

const NTP_SECOND: f64 = 4_294_967_296.0;

/// A publisher's clock that is off by more was set: the constant is taken anew.
const JUMP_S: f64 = 1.0;

/// A 64 bit NTP time in seconds.
pub fn ntp_seconds(ntp: u64) -> f64 {
    ntp as f64 / NTP_SECOND
}

/// Seconds as a 64 bit NTP time; the era wraps.
pub fn ntp_bits(seconds: f64) -> u64 {
    (seconds * NTP_SECOND) as i128 as u64
}

/// The constant between a publisher's NTP clock and ours, in seconds.
#[derive(Debug, Default)]
pub struct PublisherClock {
    pub shift_s: Option<f64>,
}

impl PublisherClock {
    /// A report of the publisher came in, at `now_ntp_s` of our clock.
    pub fn heard(&mut self, ntp_s: f64, now_ntp_s: f64) {
        let shift = now_ntp_s - ntp_s;
        let known = self.shift_s;
        if known.map_or(true, |known| (shift - known).abs() > JUMP_S) {
            self.shift_s = Some(shift);
        }
    }
}

/// Pairs of (NTP seconds, timestamp) of one layer, from its reports.
#[derive(Clone, Debug)]
pub struct LayerClock {
    pub clock_rate_hz: u32,
    pub ntp_s: Option<f64>,
    pub rtp: u32,
    pub report: u32,
    pub received: f64,
}

impl LayerClock {
    pub fn new(clock_rate_hz: u32) -> Self {
        Self {
            clock_rate_hz,
            ntp_s: None,
            rtp: 0,
            report: 0,
            received: 0.0,
        }
    }

    /// A sender report of this layer (`ntp` 64 bit).
    pub fn heard(&mut self, ntp: u64, rtp: u32, now: f64) {
        self.ntp_s = Some(ntp_seconds(ntp));
        self.rtp = rtp;
        self.report = (ntp >> 16) as u32;
        self.received = now;
    }

    /// The layer's timestamp at a publisher time; None before the first report.
    pub fn timestamp_at(&self, ntp_s: f64) -> Option<u32> {
        let elapsed_s = ntp_s - self.ntp_s?;
        let ticks = (elapsed_s * f64::from(self.clock_rate_hz)).round_ties_even();
        Some(self.rtp.wrapping_add(ticks as i64 as u32))
    }
}

/// The timestamp offset of a consumer after a change of layer.
///
/// `offset` is the one it has with `old`.  None unless both layers have reports.
pub fn common_offset(old: &LayerClock, new: &LayerClock, offset: u32) -> Option<u32> {
    let same_instant = new.timestamp_at(old.ntp_s?)?;
    Some(old.rtp.wrapping_add(offset).wrapping_sub(same_instant))
}
