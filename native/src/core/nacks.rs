//! Which packets of a layer are missing, and when they are asked for.
//!
//! A gap is asked for at once, after everything that arrived together was looked at (so a
//! mere swap inside one batch costs nothing), and again every round trip, until it is
//! filled, tried often enough or too old to be of use (RFC 4585 section 6.2.1).  From the
//! fourth time on the rounds grow longer: who did not answer three times may be about to be
//! replaced.

use std::collections::BTreeMap;

use super::config::ForwardingConfig;

const RTT_START_S: f64 = 0.05;

/// What a publisher's pacer may add to the round trip.
const SLACK_S: f64 = 0.01;

const RETRY_MAX_S: f64 = 0.25;

/// Rounds as long as a round trip allows; each one after the next is longer by one.
const EAGER: u32 = 2;

#[derive(Clone, Copy, Debug)]
struct Missing {
    since: f64,
    asked: u32,
    asked_at: f64,
}

impl Missing {
    fn new(since: f64) -> Self {
        Self {
            since,
            asked: 0,
            asked_at: 0.0,
        }
    }

    fn due_at(&self, retry_s: f64) -> f64 {
        if self.asked > 0 {
            let rounds = self.asked.saturating_sub(EAGER).max(1);
            self.asked_at + retry_s * f64::from(rounds)
        } else {
            self.since
        }
    }
}

/// The missing packets of one layer, by extended number, oldest first.
///
/// `rtt_s` is learnt from answers.  A packet that was merely late looks like a quick one, so
/// `path_s`, the round trip that whoever is asked was measured to have (0: unknown), counts
/// where it is longer.
#[derive(Debug)]
pub struct NackGenerator {
    pub requested: u64,
    pub recovered: u64,
    pub abandoned: u64,
    outstanding: usize,
    retries: u32,
    give_up_s: f64,
    missing: BTreeMap<i64, Missing>,
    highest: Option<i64>,
    rtt_s: f64,
    path_s: f64,
}

impl NackGenerator {
    pub fn new(config: &ForwardingConfig) -> Self {
        Self {
            requested: 0,
            recovered: 0,
            abandoned: 0,
            outstanding: config.nack_outstanding,
            retries: config.nack_retries,
            give_up_s: config.nack_give_up_s,
            missing: BTreeMap::new(),
            highest: None,
            rtt_s: RTT_START_S,
            path_s: 0.0,
        }
    }

    /// Whether nothing is missing.
    pub fn is_empty(&self) -> bool {
        self.missing.is_empty()
    }

    /// Packet `number` is here.  False: so much is missing that asking is vain, and only a
    /// key frame helps; the list was emptied.
    pub fn received(&mut self, number: i64, now: f64) -> bool {
        let highest = self.highest.unwrap_or(number - 1);
        if number <= highest {
            self.found(number, now);
            return true;
        }
        self.highest = Some(number);
        let gap = (number - highest - 1) as usize;
        if gap + self.missing.len() > self.outstanding {
            self.abandoned += (gap + self.missing.len()) as u64;
            self.missing.clear();
            return false;
        }
        let lost = highest + 1..number;
        self.missing
            .extend(lost.map(|lost| (lost, Missing::new(now))));
        true
    }

    /// A viewer misses `number` and the history has it not: ask once more.
    pub fn want(&mut self, number: i64, now: f64) {
        let full = self.missing.len() >= self.outstanding;
        if self.highest.map_or(true, |highest| number > highest) || full {
            return;
        }
        self.missing.entry(number).or_insert(Missing::new(now));
    }

    /// The source began anew: nothing is missing.
    pub fn restart(&mut self) {
        self.missing.clear();
        self.highest = None;
    }

    /// Somebody else is asked from now on: of him nothing was wanted yet.
    pub fn renew(&mut self, now: f64) {
        for missing in self.missing.values_mut() {
            (missing.since, missing.asked) = (now, 0);
        }
    }

    /// The numbers to ask for now, in order, and whether any was given up.
    pub fn due(&mut self, now: f64, path_s: f64) -> (Vec<i64>, bool) {
        self.path_s = path_s;
        let (retry_s, retries, give_up_s) = (self.retry_s(), self.retries, self.give_up_s);
        let (mut asked, before) = (Vec::new(), self.missing.len());
        self.missing.retain(|&number, missing| {
            if now >= missing.since + give_up_s {
                return false;
            }
            if now < missing.due_at(retry_s) {
                return true;
            }
            if missing.asked >= retries {
                return false;
            }
            missing.asked += 1;
            missing.asked_at = now;
            asked.push(number);
            true
        });
        let gone = before - self.missing.len();
        self.abandoned += gone as u64;
        self.requested += asked.len() as u64;
        (asked, gone > 0)
    }

    /// When `due` has something to say.
    pub fn next_timeout(&self) -> Option<f64> {
        let retry_s = self.retry_s();
        let times = self.missing.values().map(|missing| {
            let end = missing.since + self.give_up_s;
            missing.due_at(retry_s).min(end)
        });
        times.reduce(f64::min)
    }

    fn retry_s(&self) -> f64 {
        let rtt_s = self.rtt_s.max(self.path_s);
        (1.5 * rtt_s).max(rtt_s + SLACK_S).min(RETRY_MAX_S)
    }

    fn found(&mut self, number: i64, now: f64) {
        let missing = self.missing.remove(&number);
        let Some(missing) = missing.filter(|missing| missing.asked > 0) else {
            return;
        };
        self.recovered += 1;
        if missing.asked == 1 {
            // else it is unknown which request was answered
            let weight = if self.recovered == 1 { 1.0 } else { 1.0 / 8.0 };
            self.rtt_s += weight * (now - missing.asked_at - self.rtt_s);
        }
    }
}
