//! How much the path to one client carries, in bit/s.
//!
//! Two sources, the better one that the client speaks:
//!
//! 1. *Transport-wide feedback*: delay trend and loss, AIMD on what arrived
//!    (draft-ietf-rmcat-gcc-02).  Overuse sets the estimate to 0.85 of what came through;
//!    otherwise it grows by 8 % a second, up to 1.5 times what came through.  The way
//!    further up is the prober's, whose findings arrive by `raise_to`.
//! 2. *Receiver reports*, with or without REMB: see `reports`.
//!
//! An overuse means that a queue stands in the path, so video is held (`held_until`) for
//! as long as the path needs to deliver what is under way beyond a round trip.

use super::config::CongestionConfig;
use super::delay::{DelayTrend, Usage};
use super::history::{Arrival, Matched, Seen, SentHistory};
use super::loss::LossGauge;
use super::reports::Reports;
use super::throughput::Throughput;
use super::windowed::WindowedMin;

const BACK_OFF: f64 = 0.85;
const BACK_OFF_PROBED: f64 = 0.95;

/// A queue that our own probe made needs no room to drain: it ends with the probe.
const PROBED_S: f64 = 0.3;

const GROWTH_PER_S: f64 = 0.08;
const UNTRIED_FACTOR: f64 = 1.5;
const UNTRIED_BPS: f64 = 10_000.0;

/// Between two decreases, plus a round trip: the first one must show its effect.
const RESPONSE_S: f64 = 0.2;

/// With a queue above this the path was never idle in the last 100 ms.
const BUSY_QUEUE_S: f64 = 0.05;

const HOLD_MAX_S: f64 = 1.0;
const HOLD_SLACK_S: f64 = 0.05;
const RTT_WINDOW_S: f64 = 10.0;
const RTT_MAX_S: f64 = 1.0;
const SILENCE_S: f64 = 2.0;
const SILENCE_FACTOR: f64 = 0.8;

/// What the estimate rests on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    Nothing,
    Reports,
    Feedback,
}

/// One transport's estimate.
///
/// `held_until` is the time before which no video should be sent.  `ceiling_bps` bounds
/// growth: more than that is of no use.
#[derive(Debug)]
pub struct BandwidthEstimator {
    pub ceiling_bps: f64,
    pub decreased_at: f64,
    pub held_until: f64,
    pub source: Source,
    min_bps: f64,
    max_bps: f64,
    history_bursts: usize,
    history: SentHistory,
    delay: DelayTrend,
    loss: LossGauge,
    throughput: Throughput,
    reports: Reports,
    rtt: WindowedMin,
    estimate: f64,
    grown_at: Option<f64>,
    probed_at: f64,
    silence_at: Option<f64>,
}

impl BandwidthEstimator {
    pub fn new(config: &CongestionConfig) -> Self {
        Self {
            ceiling_bps: config.max_bps as f64,
            decreased_at: f64::NEG_INFINITY,
            held_until: f64::NEG_INFINITY,
            source: Source::Nothing,
            min_bps: config.min_bps as f64,
            max_bps: config.max_bps as f64,
            history_bursts: config.history_bursts,
            history: SentHistory::new(config.history_bursts_unheard),
            delay: DelayTrend::new(),
            loss: LossGauge::default(),
            throughput: Throughput::default(),
            reports: Reports::new(),
            rtt: WindowedMin::new(RTT_WINDOW_S),
            estimate: config.start_bps as f64,
            grown_at: None,
            probed_at: f64::NEG_INFINITY,
            silence_at: None,
        }
    }

    /// The estimate, within the configured bounds.
    pub fn estimate_bps(&self) -> f64 {
        self.estimate
    }

    /// How long a packet waits in the path, as far as known.
    pub fn queue_s(&self) -> f64 {
        self.delay.queue_s
    }

    /// Whether the path ever refused something: else the estimate is a guess.
    pub fn met_limit(&self) -> bool {
        self.decreased_at > f64::NEG_INFINITY
    }

    /// The shortest round trip seen lately, waiting for feedback included.
    pub fn rtt_s(&self) -> f64 {
        self.rtt.value().min(RTT_MAX_S)
    }

    /// Packets left, see `SentHistory::add`: the one call on the packet path.
    pub fn on_sent_burst(
        &mut self,
        first_sequence: u16,
        count: u32,
        size_bytes: f64,
        now: f64,
        cluster: u64,
    ) {
        self.history
            .add(first_sequence, count, size_bytes, now, cluster);
    }

    /// A transport-wide feedback; what it said, burst by burst.
    pub fn on_feedback(&mut self, arrivals: &[Arrival], now: f64) -> Vec<Seen> {
        let matched = self.history.matching(arrivals);
        let (received, lost) = self.take_in(&matched);
        let Some(&last) = matched.bursts.last() else {
            if matched.late > 0 {
                self.loss.add(received, lost, now);
            }
            return matched.bursts;
        };
        self.source = Source::Feedback;
        self.history.limit = self.history_bursts;
        self.silence_at = Some(now + SILENCE_S);
        if last.cluster != 0 {
            self.probed_at = now;
        }
        self.rtt.add(now - last.sent_s, now);
        self.loss.add(received, lost, now);
        self.react(now);
        matched.bursts
    }

    /// Delays and sizes; the packets received and lost.
    fn take_in(&mut self, matched: &Matched) -> (i64, i64) {
        let (mut received, mut lost) = (matched.late, -matched.late);
        for burst in &matched.bursts {
            received += burst.received;
            lost += burst.lost;
            if burst.received > 0 {
                self.delay.on_burst(burst.sent_s, burst.arrival_s);
                self.throughput.add(burst.arrival_s, burst.size_bytes);
            }
        }
        if matched.unreported_bytes != 0.0 {
            self.throughput.add_unreported(matched.unreported_bytes);
        }
        (received, lost)
    }

    fn react(&mut self, now: f64) {
        let settled = now - self.decreased_at > RESPONSE_S + self.rtt_s();
        if self.delay.usage == Usage::Over {
            if settled {
                self.back_off(now);
            }
        } else if self.loss.excessive() {
            if settled {
                self.lose(now);
            }
        } else if self.delay.usage == Usage::Normal && now >= self.held_until {
            self.grow(now);
            return;
        }
        self.grown_at = Some(now);
    }

    fn back_off(&mut self, now: f64) {
        let mut capacity = self.throughput.recent_bps();
        if self.delay.queue_s < BUSY_QUEUE_S {
            capacity = capacity.max(self.throughput.bps());
        }
        let probed = now - self.probed_at < PROBED_S;
        let kept = if probed { BACK_OFF_PROBED } else { BACK_OFF };
        self.set((kept * capacity).min(self.estimate));
        self.decreased_at = now;
        let surplus_s = self.history.outstanding_bytes() * 8.0 / capacity.max(1.0);
        let hold_s = surplus_s - self.rtt_s() - HOLD_SLACK_S;
        self.held_until = now + hold_s.clamp(0.0, HOLD_MAX_S);
    }

    fn lose(&mut self, now: f64) {
        self.set(self.estimate * (1.0 - 0.5 * self.loss.fraction()));
        self.decreased_at = now;
        self.loss.clear();
    }

    fn grow(&mut self, now: f64) {
        let before = self.grown_at.replace(now);
        let elapsed = before.map_or(0.0, |before| (now - before).min(1.0));
        let arrived = self.throughput.bps();
        let limit = (UNTRIED_FACTOR * arrived + UNTRIED_BPS).min(self.ceiling_bps);
        let grown = (self.estimate * (1.0 + GROWTH_PER_S * elapsed)).min(limit);
        // what came through without a queue is carried, whatever was believed before
        let idle = self.delay.queue_s < BUSY_QUEUE_S;
        let proven = if idle { arrived } else { 0.0 };
        self.set(self.estimate.max(grown).max(proven));
    }

    fn set(&mut self, estimate_bps: f64) {
        self.estimate = estimate_bps.max(self.min_bps).min(self.max_bps);
    }

    /// A probe proved this much, unless a queue says otherwise meanwhile.
    pub fn raise_to(&mut self, estimate_bps: f64, now: f64) {
        if self.delay.usage != Usage::Over && now >= self.held_until {
            self.set(self.estimate.max(estimate_bps));
        }
    }

    /// The receiver's own estimate arrived.
    pub fn on_remb(&mut self, bitrate_bps: f64, now: f64) {
        if self.source != Source::Feedback {
            let (reports, history) = (&mut self.reports, &self.history);
            let advice = reports.on_remb(history, self.estimate, bitrate_bps, now);
            self.report(advice, now);
        }
    }

    /// A receiver report arrived: the fraction lost since the last one.
    pub fn on_report(&mut self, fraction: f64, rtt_s: Option<f64>, now: f64) {
        if self.source != Source::Feedback {
            let (reports, history) = (&mut self.reports, &self.history);
            let advice = reports.on_report(history, self.estimate, fraction, rtt_s, now);
            self.report(advice, now);
        }
    }

    fn report(&mut self, advice_bps: f64, now: f64) {
        self.source = Source::Reports;
        if advice_bps < self.estimate {
            self.decreased_at = now;
            self.set(advice_bps);
        } else {
            self.set(self.estimate.max(advice_bps.min(self.ceiling_bps)));
        }
    }

    /// When silence becomes suspicious; None while nothing is expected.
    pub fn next_timeout(&self) -> Option<f64> {
        self.silence_at
    }

    /// No feedback for long although packets left: slow down step by step.
    pub fn handle_timeout(&mut self, now: f64) {
        if !self.silence_at.is_some_and(|at| now >= at) {
            return;
        }
        let oldest = self.history.oldest_s();
        if oldest.is_some_and(|at| now - at >= SILENCE_S / 4.0) {
            self.history.forget();
            self.set(self.estimate * SILENCE_FACTOR);
            self.decreased_at = now;
        }
        self.silence_at = Some(now + SILENCE_S / 2.0);
    }
}
