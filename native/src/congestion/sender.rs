//! The door to congestion control: one `TransportSender` per client transport.
//!
//! How a forwarder uses it, packet path first:
//!
//! 1. Audio leaves at once.  A live video burst leaves if `admit`; else it stays where it
//!    lies, and so does what follows, until `ready_at`.  Bounding that wait is the
//!    forwarder's part (it knows the key frames).
//! 2. Retransmissions, replayed packets and live ones that had to wait leave when
//!    `ready_at`, each with its priority, is not after now.
//! 3. Everything that left is reported by `on_sent_burst`, in order, padding too.
//!
//! Feedback: `on_feedback`, `on_remb`, and `on_loss`.  A few times a second, when consumers
//! or layers change, and when feedback left it `overcommitted`: `allocate`.
//!
//! `next_timeout` tells when to call `handle_timeout`, and then `padding_due`.

use super::allocation::{Allocation, Allocator, Demand};
use super::config::CongestionConfig;
use super::estimator::{BandwidthEstimator, Source};
use super::history::Arrival;
use super::pacer::{Pacer, Priority};
use super::prober::Prober;

/// The estimate does not grow beyond this times what the best layers need.
const CEILING_FACTOR: f64 = 1.5;

/// Pacing factor after congestion, and while even the lowest layers need far more than the
/// path carries: the queue shall stand here, where whole frames are dropped.
const TIGHT: f64 = 1.05;

const CALM_S: f64 = 1.0;

const FULL_S: f64 = 0.2;
/// One back-off leaves the estimate at 0.85: only a need beyond `FAR` times it, or a queue
/// of `FULL_S`, shows that lowest layers which do not fit are too much indeed.
const FAR: f64 = 1.25;

/// Estimator, pacer, prober and allocation of one transport; `K` names consumers.
#[derive(Debug)]
pub struct TransportSender<K> {
    pub config: CongestionConfig,
    estimator: BandwidthEstimator,
    pacer: Pacer,
    prober: Prober,
    allocator: Allocator<K>,
    allocated_bps: f64,
}

impl<K: Copy + Eq> TransportSender<K> {
    pub fn new(config: CongestionConfig) -> Self {
        Self {
            estimator: BandwidthEstimator::new(&config),
            pacer: Pacer::new(&config),
            prober: Prober::new(),
            allocator: Allocator::new(),
            allocated_bps: 0.0,
            config,
        }
    }

    /// What the path is believed to carry, all traffic of the transport together.
    pub fn estimate_bps(&self) -> i64 {
        self.estimator.estimate_bps() as i64
    }

    /// What was allocated does not fit any more: `allocate` soon.
    pub fn overcommitted(&self) -> bool {
        self.allocated_bps > self.estimator.estimate_bps()
    }

    /// Whether a live burst, however large, may leave this instant.
    pub fn admit(&self, now: f64) -> bool {
        self.pacer.admit(now)
    }

    /// When the next packet of that kind may leave, at best `now`.
    pub fn ready_at(&self, now: f64, priority: Priority) -> f64 {
        self.pacer.ready_at(now, priority)
    }

    /// `count` packets of `size_bytes` together left, in order.
    ///
    /// `first_sequence` is the transport-wide number of the first.
    pub fn on_sent_burst(&mut self, first_sequence: u16, count: u32, size_bytes: u64, now: f64) {
        let cluster = self.prober.on_sent(count, size_bytes, now);
        let size = size_bytes as f64;
        self.estimator
            .on_sent_burst(first_sequence, count, size, now, cluster);
        self.pacer.on_sent(size, now);
    }

    /// Octets of padding to send at this instant, usually 0.
    ///
    /// Asked after a timeout; packets of up to 1,200 octets serve best.
    pub fn padding_due(&mut self, now: f64) -> i64 {
        self.prober.padding_due(now)
    }

    /// Transport-wide feedback, each number in a row.
    pub fn on_feedback(&mut self, arrivals: &[Arrival], now: f64) {
        let bursts = self.estimator.on_feedback(arrivals, now);
        if self.estimator.decreased_at == now {
            self.prober.postpone(now);
        } else {
            let estimate = self.estimator.estimate_bps();
            if let Some(proven) = self.prober.on_seen(&bursts, estimate, now) {
                self.estimator.raise_to(proven, now);
            }
        }
        self.follow(now);
    }

    /// The receiver's estimate (REMB).
    pub fn on_remb(&mut self, bitrate_bps: f64, now: f64) {
        self.estimator.on_remb(bitrate_bps, now);
        self.follow(now);
    }

    /// A receiver report: fraction lost 0..1 (the worst of its blocks), round trip time
    /// where known.
    pub fn on_loss(&mut self, fraction: f64, rtt_s: Option<f64>, now: f64) {
        self.estimator.on_report(fraction, rtt_s, now);
        self.follow(now);
    }

    /// Tell the parts about each other.
    fn follow(&mut self, now: f64) {
        let estimate = self.estimator.estimate_bps();
        self.pacer.set_rate(self.pacing_bps(estimate, now));
        self.pacer.held_until = self.estimator.held_until;
        if self.estimator.source == Source::Feedback {
            self.prober.begin(estimate, now);
        }
    }

    fn pacing_bps(&self, estimate_bps: f64, now: f64) -> f64 {
        let (estimator, factor) = (&self.estimator, self.config.pacing_factor);
        if estimator.source != Source::Feedback || !estimator.met_limit() {
            // nothing tells what the path carries: do not stand in the way
            return factor * estimate_bps.max(self.allocated_bps);
        }
        if self.allocated_bps <= estimate_bps {
            let calm = now - estimator.decreased_at > CALM_S + estimator.rtt_s();
            return estimate_bps * if calm { factor } else { TIGHT };
        }
        if estimator.queue_s() > FULL_S || self.allocated_bps > FAR * estimate_bps {
            return TIGHT * estimate_bps;
        }
        factor * self.allocated_bps
    }

    /// Which layer each video consumer gets; `audio_bps` is reserved first.
    pub fn allocate(
        &mut self,
        audio_bps: i64,
        demands: &[Demand<'_, K>],
        now: f64,
    ) -> Allocation<K> {
        let estimate = self.estimator.estimate_bps();
        let outcome = self.allocator.allocate(estimate, audio_bps, demands, now);
        self.allocated_bps = outcome.allocated_bps as f64;
        self.prober.set_goal(outcome.wanted_bps as f64);
        let best = outcome.best_bps.max(self.config.start_bps);
        self.estimator.ceiling_bps = CEILING_FACTOR * best as f64;
        self.follow(now);
        outcome
    }

    /// When to call `handle_timeout`; None: no need.
    pub fn next_timeout(&self) -> Option<f64> {
        let silence = self.estimator.next_timeout();
        if self.estimator.source != Source::Feedback {
            return silence;
        }
        let probe = self.prober.next_timeout(self.estimator.estimate_bps());
        match (probe, silence) {
            (Some(probe), Some(silence)) => Some(probe.min(silence)),
            (probe, silence) => probe.or(silence),
        }
    }

    /// Let time pass.
    pub fn handle_timeout(&mut self, now: f64) {
        self.estimator.handle_timeout(now);
        self.prober.handle_timeout(now);
        self.follow(now);
    }
}
