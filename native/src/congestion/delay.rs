//! Is a queue growing on the path?  The delay half of Google congestion control
//! (draft-ietf-rmcat-gcc-02 section 5, with the trendline in place of the Kalman filter).
//!
//! Packets sent within 5 ms form a *group*.  From group to group the one-way delay changes
//! by (arrival difference - departure difference).  The sum of these changes is smoothed,
//! a line is laid through the last twenty points, and its slope, scaled, is compared with
//! a threshold that adapts.  A slope counts as overuse only when the delay above that of
//! the empty path (`queue_s`) exceeds `QUEUE_MIN_S` as well.

use std::collections::VecDeque;

use super::windowed::WindowedMin;

const GROUP_S: f64 = 0.005;
const WINDOW: usize = 20;
const SMOOTHING: f64 = 0.9;
const GAIN: f64 = 4.0;
const DELTAS_MAX: u64 = 60;
const THRESHOLD_START_MS: f64 = 12.5;
const THRESHOLD_MIN_MS: f64 = 6.0;
const THRESHOLD_MAX_MS: f64 = 600.0;
const THRESHOLD_UP: f64 = 0.0087;
const THRESHOLD_DOWN: f64 = 0.039;
const THRESHOLD_REACH_MS: f64 = 15.0;
const OVERUSE_MIN_MS: f64 = 10.0;

/// Delay above the empty path that jitter alone may cause.
const QUEUE_MIN_S: f64 = 0.03;

/// Below this nobody even looks at the slope: the usual case costs little.
const QUEUE_LOOK_S: f64 = 0.01;

const QUEUE_SMOOTHING: f64 = 0.7;

/// The smallest delay is forgotten after one to two of these (routes change).
const BASE_WINDOW_S: f64 = 10.0;

/// A pause in sending after which old groups say nothing about new ones.
const RESTART_S: f64 = 3.0;

/// What the slope says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Usage {
    /// A queue is draining.
    Under,
    Normal,
    /// A queue is growing.
    Over,
}

#[derive(Clone, Copy, Debug)]
struct Group {
    first: f64,
    last: f64,
    arrived: f64,
}

/// Feed it bursts in the order of sending; read `usage` and `queue_s`.
#[derive(Debug)]
pub struct DelayTrend {
    pub usage: Usage,
    pub queue_s: f64,
    base: WindowedMin,
    threshold_ms: f64,
    slope: SlopeState,
}

/// What a pause in sending makes worthless.
#[derive(Debug, Default)]
struct SlopeState {
    group: Option<Group>,
    previous: Option<Group>,
    points: VecDeque<(f64, f64)>,
    deltas: u64,
    sum_ms: f64,
    smoothed_ms: f64,
    /// How long the slope has been beyond the threshold, None while it is not.
    over_ms: Option<f64>,
    overs: u64,
    last_slope: f64,
}

impl DelayTrend {
    pub fn new() -> Self {
        Self {
            usage: Usage::Normal,
            queue_s: 0.0,
            base: WindowedMin::new(BASE_WINDOW_S),
            threshold_ms: THRESHOLD_START_MS,
            slope: SlopeState::default(),
        }
    }

    /// A burst's departure, and the arrival of its last packet.
    pub fn on_burst(&mut self, sent_s: f64, arrival_s: f64) {
        if let Some(group) = &mut self.slope.group {
            if sent_s - group.first <= GROUP_S {
                group.last = group.last.max(sent_s);
                group.arrived = group.arrived.max(arrival_s);
                return;
            }
            let done = *group;
            self.complete(done);
            if sent_s - done.last > RESTART_S {
                self.slope = SlopeState::default();
            }
        }
        self.slope.group = Some(Group {
            first: sent_s,
            last: sent_s,
            arrived: arrival_s,
        });
    }

    fn complete(&mut self, group: Group) {
        let (sent, arrived) = (group.last, group.arrived);
        self.measure_queue(arrived - sent, sent);
        let state = &mut self.slope;
        let Some(previous) = state.previous.replace(group) else {
            return;
        };
        let sent_delta = sent - previous.last;
        let delta_ms = (arrived - previous.arrived - sent_delta) * 1e3;
        state.deltas += 1;
        state.sum_ms += delta_ms;
        state.smoothed_ms += (1.0 - SMOOTHING) * (state.sum_ms - state.smoothed_ms);
        if state.points.len() == WINDOW {
            state.points.pop_front();
        }
        state.points.push_back((arrived * 1e3, state.smoothed_ms));
        if self.queue_s < QUEUE_LOOK_S {
            self.calm();
        } else if state.points.len() == WINDOW {
            let slope = slope_of(&state.points);
            self.detect(slope, sent_delta * 1e3);
        }
    }

    fn measure_queue(&mut self, delay: f64, sent: f64) {
        let queue = delay - self.base.add(delay, sent);
        self.queue_s += (1.0 - QUEUE_SMOOTHING) * (queue - self.queue_s);
    }

    /// Nothing waits in the path, so no slope means anything.
    fn calm(&mut self) {
        if self.usage != Usage::Normal || self.slope.overs > 0 {
            self.usage = Usage::Normal;
            self.threshold_ms = THRESHOLD_START_MS;
            self.slope.over_ms = None;
            self.slope.overs = 0;
            self.slope.last_slope = 0.0;
        }
    }

    fn detect(&mut self, slope: f64, interval_ms: f64) {
        let state = &mut self.slope;
        let trend = state.deltas.min(DELTAS_MAX) as f64 * slope * GAIN;
        if trend > self.threshold_ms {
            let over_ms = match state.over_ms {
                None => interval_ms / 2.0,
                Some(before) => before + interval_ms,
            };
            state.over_ms = Some(over_ms);
            state.overs += 1;
            let lasting = over_ms > OVERUSE_MIN_MS && state.overs > 1;
            if lasting && slope >= state.last_slope && self.queue_s > QUEUE_MIN_S {
                state.over_ms = Some(0.0);
                state.overs = 0;
                self.usage = Usage::Over;
            }
        } else {
            state.over_ms = None;
            state.overs = 0;
            let under = trend < -self.threshold_ms;
            self.usage = if under { Usage::Under } else { Usage::Normal };
        }
        state.last_slope = slope;
        self.adapt(trend.abs(), interval_ms.min(100.0));
    }

    fn adapt(&mut self, trend_ms: f64, interval_ms: f64) {
        let distance = trend_ms - self.threshold_ms;
        if distance > THRESHOLD_REACH_MS {
            return; // a sudden jump of the path says nothing about its noise
        }
        let speed = if distance < 0.0 {
            THRESHOLD_DOWN
        } else {
            THRESHOLD_UP
        };
        let threshold = self.threshold_ms + speed * distance * interval_ms;
        self.threshold_ms = threshold.clamp(THRESHOLD_MIN_MS, THRESHOLD_MAX_MS);
    }
}

impl Default for DelayTrend {
    fn default() -> Self {
        Self::new()
    }
}

/// Least squares slope of y over x.
fn slope_of(points: &VecDeque<(f64, f64)>) -> f64 {
    let count = points.len() as f64;
    let (mut sum_x, mut sum_y) = (0.0, 0.0);
    for &(x, y) in points {
        sum_x += x;
        sum_y += y;
    }
    let (mean_x, mean_y) = (sum_x / count, sum_y / count);
    let (mut over, mut under) = (0.0, 0.0);
    for &(x, y) in points {
        over += (x - mean_x) * (y - mean_y);
        under += (x - mean_x) * (x - mean_x);
    }
    if under == 0.0 {
        0.0
    } else {
        over / under
    }
}
