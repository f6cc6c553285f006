//! When packets of legs came: what a child reports to parents (RFC 0003 section 13.8).
//!
//! One report per neighbour tells of all its legs.  It leaves with the first packet after
//! the interval, so that nothing has to wake up for it: where nothing comes there is nothing
//! to report.  A number that a report told of is not told again; one that was repaired later
//! was lost all the same.

use std::collections::BTreeMap;

use crate::core::sequence::nearest;
use crate::wire::ccfb::{CongestionFeedback, SourceReport, STAMP_HZ, STATUSES_MAX, TICKS_HZ};

/// SSRCs in one report, so that it fits a datagram; four legs with all their slots.
const SOURCES_MAX: usize = 64;
const OCTETS_MAX: i64 = 1100;
const SOURCE_OCTETS: i64 = 10;

/// The packets of one SSRC since the last report; `begin` comes next.
#[derive(Debug)]
struct Source {
    ssrc: u32,
    begin: i64,
    came: BTreeMap<i64, f64>,
}

impl Source {
    /// Numbers from `begin` to the last one that came; 0 without any.
    fn count(&self) -> i64 {
        let last = self.came.last_key_value();
        last.map_or(0, |(&last, _)| last - self.begin + 1)
    }

    fn told(&self, now: f64) -> Vec<Option<u16>> {
        let numbers = self.begin..self.begin + self.count();
        let at = numbers.map(|number| self.came.get(&number));
        at.map(|at| at.map(|at| ((now - at) * TICKS_HZ).round_ties_even() as u16))
            .collect()
    }
}

/// Of one neighbour.
#[derive(Debug, Default)]
pub struct Arrivals {
    sources: Vec<Source>,
    reported_at: Option<f64>,
}

impl Arrivals {
    /// A packet of a leg came.
    pub fn note(&mut self, ssrc: u32, sequence: u16, now: f64) {
        let known = self.sources.iter().position(|source| source.ssrc == ssrc);
        let at = known.unwrap_or_else(|| self.add(ssrc, sequence));
        let source = &mut self.sources[at];
        let number = nearest(sequence, source.begin);
        if number - source.begin >= STATUSES_MAX as i64 {
            // the leg went on far ahead: what lies between was never sent
            source.begin = number;
            source.came.clear();
        }
        if number >= source.begin {
            source.came.insert(number, now);
        }
        self.reported_at.get_or_insert(now);
    }

    fn add(&mut self, ssrc: u32, sequence: u16) -> usize {
        if self.sources.len() >= SOURCES_MAX {
            self.sources.remove(0);
        }
        self.sources.push(Source {
            ssrc,
            begin: i64::from(sequence),
            came: BTreeMap::new(),
        });
        self.sources.len() - 1
    }

    /// Whether a report should leave now.
    pub fn due(&self, interval_s: f64, now: f64) -> bool {
        let began = self.reported_at;
        interval_s > 0.0 && began.is_some_and(|began| now - began >= interval_s)
    }

    /// What came since the last one; what does not fit comes with the next.
    pub fn report(&mut self, sender_ssrc: u32, now: f64) -> CongestionFeedback {
        self.reported_at = Some(now);
        let (mut told, mut room) = (Vec::new(), OCTETS_MAX);
        for source in self
            .sources
            .iter_mut()
            .filter(|source| !source.came.is_empty())
        {
            let count = source.count();
            room -= SOURCE_OCTETS + 2 * count;
            if !told.is_empty() && room < 0 {
                break;
            }
            told.push(SourceReport {
                ssrc: source.ssrc,
                begin: source.begin as u16,
                offsets: source.told(now),
            });
            source.begin += count;
            source.came.clear();
        }
        CongestionFeedback {
            sender_ssrc,
            sources: told,
            stamp: (now * STAMP_HZ) as i64 as u32,
        }
    }
}
