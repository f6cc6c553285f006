//! Receivers without transport-wide feedback: receiver reports, and perhaps REMB
//! (draft-alvestrand-rmcat-remb-03).
//!
//! We grow blindly by 8 % a second until something speaks against it: a loss beyond what
//! is tolerated, a round trip far above the shortest one, or a REMB near or below what we
//! send, unless it is rising (it starts low and climbs: that is not a complaint).

use super::history::SentHistory;
use super::loss::LossGauge;
use super::windowed::WindowedMin;

const GROWTH_PER_S: f64 = 0.08;
const GROWTH_MAX_S: f64 = 5.0;
const BACK_OFF: f64 = 0.85;
const QUEUE_RTT_S: f64 = 0.15;
const RTT_WINDOW_S: f64 = 30.0;
const REMB_SLACK: f64 = 1.25;
const MEASURE_S: f64 = 0.4;

/// What they say about the estimate.
#[derive(Debug)]
pub struct Reports {
    loss: LossGauge,
    rtt: WindowedMin,
    remb_bps: f64,
    packets_before: i64,
    bytes_before: f64,
    sent_bps: f64,
    measured_at: Option<f64>,
    reported_at: Option<f64>,
}

impl Reports {
    pub fn new() -> Self {
        Self {
            loss: LossGauge::default(),
            rtt: WindowedMin::new(RTT_WINDOW_S),
            remb_bps: f64::INFINITY,
            packets_before: 0,
            bytes_before: 0.0,
            sent_bps: 0.0,
            measured_at: None,
            reported_at: None,
        }
    }

    fn measure(&mut self, history: &SentHistory, now: f64) {
        if let Some(since) = self.measured_at {
            if now - since < MEASURE_S {
                return;
            }
            let sent = history.sent_bytes() - self.bytes_before;
            self.sent_bps = sent * 8.0 / (now - since);
        }
        self.measured_at = Some(now);
        self.bytes_before = history.sent_bytes();
    }

    /// The receiver's estimate arrived; ours in its light.
    pub fn on_remb(
        &mut self,
        history: &SentHistory,
        estimate_bps: f64,
        bitrate_bps: f64,
        now: f64,
    ) -> f64 {
        self.measure(history, now);
        let before = std::mem::replace(&mut self.remb_bps, bitrate_bps);
        if bitrate_bps < REMB_SLACK * self.sent_bps && bitrate_bps <= before {
            return estimate_bps.min(bitrate_bps);
        }
        estimate_bps
    }

    /// A report arrived: fraction lost since the last one; our new estimate.
    pub fn on_report(
        &mut self,
        history: &SentHistory,
        estimate_bps: f64,
        fraction: f64,
        rtt_s: Option<f64>,
        now: f64,
    ) -> f64 {
        self.measure(history, now);
        self.count(history, fraction, now);
        // a first report, or one before it at the very zero of the clock, spans nothing
        let since = self.reported_at.replace(now).filter(|&at| at != 0.0);
        let elapsed_s = now - since.unwrap_or(now);
        let through_bps = self.sent_bps * (1.0 - fraction);
        if self.loss.excessive() {
            self.loss.clear();
            let slower = estimate_bps * (1.0 - 0.5 * fraction);
            return or_else(through_bps, slower).min(slower);
        }
        if let Some(rtt_s) = rtt_s {
            if rtt_s > self.rtt.add(rtt_s, now) + QUEUE_RTT_S {
                return estimate_bps.min(or_else(BACK_OFF * through_bps, estimate_bps));
            }
        }
        if self.remb_bps < self.sent_bps {
            return estimate_bps;
        }
        estimate_bps * (1.0 + GROWTH_PER_S * elapsed_s.min(GROWTH_MAX_S))
    }

    /// Turn the fraction into packets lost since the last report.
    fn count(&mut self, history: &SentHistory, fraction: f64, now: f64) {
        let sent = history.sent_packets();
        let packets = sent - std::mem::replace(&mut self.packets_before, sent);
        let lost = (packets as f64 * fraction).round_ties_even() as i64;
        self.loss.add(packets - lost, lost, now);
    }
}

impl Default for Reports {
    fn default() -> Self {
        Self::new()
    }
}

/// `rate_bps`, or `other` where nothing was measured.
fn or_else(rate_bps: f64, other: f64) -> f64 {
    if rate_bps == 0.0 {
        other
    } else {
        rate_bps
    }
}
