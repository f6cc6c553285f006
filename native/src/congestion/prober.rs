//! Padding that finds out whether a higher layer would fit.
//!
//! When a viewer could use more than the estimate (`set_goal`), a *cluster* is sent: for a
//! short time live packets are topped up with padding to the rate in question.  The
//! cluster's rate at the receiver tells what the path did with it.
//!
//! Each probe has two stages.  The *scout* is short, at the goal or twice the estimate.  A
//! token bucket in the path swallows so little without a trace, so a good result is
//! confirmed: for as long as the queue permits that a failure would leave, and somewhat
//! faster.  A scout that ran into the limit is still worth a confirmation at the rate it
//! met, when that is well above the estimate.  Success leads to the next probe at once,
//! failure to a pause.

use super::cluster::Cluster;
use super::history::Seen;

// A probe's length: as long as a path that carries just the estimate would queue no more
// than this, and no longer than the maximum.
const SCOUT_QUEUE_S: f64 = 0.05;
const SCOUT_MAX_S: f64 = 0.15;
const CONFIRM_QUEUE_S: f64 = 0.15;
const CONFIRM_MAX_S: f64 = 0.4;
const STEP_S: f64 = 0.005;

// After a failure, and after many in a row.
const PAUSE_S: f64 = 4.0;
const PAUSE_MAX_S: f64 = 8.0;

const PAUSE_GROWTH: f64 = 1.3;
/// A cluster without complete feedback after this is given up.
const ANSWER_S: f64 = 1.0;

/// A probe asks for at most this times the estimate.
const REACH: f64 = 2.0;

/// Above the goal, since what is measured falls short of what was meant.
const SPARE: f64 = 1.05;

/// How much faster than the scout the confirmation is.
const EXCESS: f64 = 1.25;

/// Arriving at this share of the sending rate, a cluster met no limit.
const PASSED: f64 = 0.9;

/// Or so: by this much jitter alone may draw a cluster out.
const JITTER_S: f64 = 0.015;

const CAUTION: f64 = 0.95;

/// Feedback on less than this share of a cluster says nothing.
const CONCLUSIVE: f64 = 0.5;

const WORTH_CONFIRMING: f64 = 1.15;
const PADDING_MIN_BYTES: i64 = 100;

/// When to pad, and what clusters proved.
#[derive(Debug)]
pub struct Prober {
    cluster: Option<Cluster>,
    count: u64,
    goal_bps: f64,
    next_at: f64,
    pause_s: f64,
    stepped_at: f64,
}

impl Prober {
    pub fn new() -> Self {
        Self {
            cluster: None,
            count: 0,
            goal_bps: 0.0,
            next_at: 0.0,
            pause_s: PAUSE_S,
            stepped_at: 0.0,
        }
    }

    /// The estimate that would be of use; 0 when everybody has the best.
    pub fn set_goal(&mut self, goal_bps: f64) {
        self.goal_bps = goal_bps;
    }

    /// Congestion: probe no earlier than after a pause, and drop what runs.
    pub fn postpone(&mut self, now: f64) {
        self.cluster = None;
        self.next_at = now + PAUSE_S;
    }

    /// Packets left: the number of the cluster they belong to, 0 for none.
    pub fn on_sent(&mut self, count: u32, size_bytes: u64, now: f64) -> u64 {
        match &mut self.cluster {
            Some(running) if now < running.ends => {
                running.packets += i64::from(count);
                running.sent_bytes += size_bytes as i64;
                running.number
            }
            _ => 0,
        }
    }

    /// Start a probe if one is due and of use.
    pub fn begin(&mut self, estimate_bps: f64, now: f64) {
        let goal = self.goal_bps;
        if self.cluster.is_none() && goal > estimate_bps && now >= self.next_at {
            let rate = (SPARE * goal).min(REACH * estimate_bps);
            self.start(rate, estimate_bps, false, now);
        }
    }

    fn start(&mut self, rate_bps: f64, estimate_bps: f64, confirms: bool, now: f64) {
        self.count += 1;
        let excess = (rate_bps / estimate_bps - 1.0).max(0.01);
        let lasts = if confirms {
            (CONFIRM_QUEUE_S / excess).min(CONFIRM_MAX_S)
        } else {
            (SCOUT_QUEUE_S / excess).min(SCOUT_MAX_S)
        };
        let ends = now + lasts;
        self.cluster = Some(Cluster::new(self.count, rate_bps, now, ends, confirms));
        self.stepped_at = now - STEP_S;
    }

    /// Bytes that are missing to the cluster's rate at this instant.
    pub fn padding_due(&mut self, now: f64) -> i64 {
        let Some(running) = &self.cluster else {
            return 0;
        };
        if now >= running.ends || now < self.stepped_at + STEP_S {
            return 0;
        }
        self.stepped_at = now;
        let share_s = now + STEP_S - running.began;
        let missing = (running.rate_bps / 8.0 * share_s) as i64 - running.sent_bytes;
        if missing >= PADDING_MIN_BYTES {
            missing
        } else {
            0
        }
    }

    /// Feedback arrived; the rate that a finished probe proved, if any.
    pub fn on_seen(&mut self, bursts: &[Seen], estimate_bps: f64, now: f64) -> Option<f64> {
        let running = self.cluster.as_mut()?;
        let mut passed_by = false;
        for burst in bursts {
            if burst.cluster == running.number {
                running.add(burst);
            } else if burst.sent_s >= running.ends {
                passed_by = true;
            }
        }
        if now < running.ends || (running.seen < running.packets && !passed_by) {
            return None;
        }
        let done = self.cluster.take()?;
        self.finish(&done, estimate_bps, now)
    }

    fn finish(&mut self, done: &Cluster, estimate_bps: f64, now: f64) -> Option<f64> {
        if (done.seen as f64) < CONCLUSIVE * done.packets as f64 {
            self.next_at = now; // the feedback was lost
            return None;
        }
        let (sending, arriving, stretch_s) = done.measure();
        let passed = arriving >= PASSED * sending || stretch_s < JITTER_S;
        let factor = if passed { done.loss_factor() } else { CAUTION };
        let proven = sending.min(arriving) * factor;
        if done.confirms {
            self.rest(now, passed);
            return Some(proven);
        }
        let worth = if passed { 1.0 } else { WORTH_CONFIRMING };
        if proven > worth * estimate_bps {
            let rate = if passed {
                EXCESS * done.rate_bps
            } else {
                proven
            };
            self.start(rate, estimate_bps, true, now);
        } else {
            self.rest(now, false);
        }
        None
    }

    fn rest(&mut self, now: f64, passed: bool) {
        if passed {
            self.next_at = now;
            self.pause_s = PAUSE_S;
        } else {
            self.next_at = now + self.pause_s;
            self.pause_s = (PAUSE_GROWTH * self.pause_s).min(PAUSE_MAX_S);
        }
    }

    /// When to call `handle_timeout` and `padding_due`; None: nothing planned.
    pub fn next_timeout(&self, estimate_bps: f64) -> Option<f64> {
        let Some(running) = &self.cluster else {
            return (self.goal_bps > estimate_bps).then_some(self.next_at);
        };
        let step = self.stepped_at + STEP_S;
        Some(if step < running.ends {
            step
        } else {
            running.ends + ANSWER_S
        })
    }

    /// Give up a cluster whose feedback never came.
    pub fn handle_timeout(&mut self, now: f64) {
        let running = self.cluster.as_ref();
        if running.is_some_and(|running| now >= running.ends + ANSWER_S) {
            self.cluster = None;
            self.next_at = now;
        }
    }
}

impl Default for Prober {
    fn default() -> Self {
        Self::new()
    }
}
