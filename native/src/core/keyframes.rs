//! When a publisher is asked for a key frame, and which one viewers start from.
//!
//! Everybody wants key frames: viewers that join, viewers that lost a packet, a viewer that
//! changes layers, and the cache itself, because a replay must be short.  A publisher
//! should be asked rarely: each one costs it as much as a second of video.  So requests of
//! a layer are merged into one state with two intervals (RFC 0003 section 6):
//!
//! - an *urgent* request (somebody cannot decode) goes out at once, but not sooner than
//!   `key_frame_interval_s` after the last one, and is repeated at that interval until a
//!   key frame comes;
//! - a *refresh* (the cache is old, somebody would start from it) waits for
//!   `key_frame_refresh_s` since the last one, and only goes to publishers that answer.
//!
//! Publishers that ignore requests (OBS and FFmpeg) are recognised by their silence: after
//! a few unanswered requests refreshes stop, and urgent ones grow rare.

use super::config::ForwardingConfig;

/// A key frame counts as an answer when it follows within this: regular ones of a short
/// GOP may pass for answers, and then asking does no harm.
const ANSWER_S: f64 = 1.0;
const UNANSWERED_MAX: u32 = 4;
const DEAF_INTERVAL_S: f64 = 5.0;

/// Requests and arrivals of one layer's key frames.
///
/// `supported`: the publisher negotiated PLI or FIR.  `arrived` is when the last key
/// frame began, None before the first.
#[derive(Debug)]
pub struct KeyFrames {
    pub supported: bool,
    pub arrived: Option<f64>,
    pub count: u64,
    pub requested: u64,
    interval_s: f64,
    refresh_s: f64,
    asked: Option<f64>,
    urgent: bool,
    refresh: bool,
    unanswered: u32,
}

impl KeyFrames {
    pub fn new(config: &ForwardingConfig, supported: bool) -> Self {
        Self {
            supported,
            arrived: None,
            count: 0,
            requested: 0,
            interval_s: config.key_frame_interval_s,
            refresh_s: config.key_frame_refresh_s,
            asked: None,
            urgent: false,
            refresh: false,
            unanswered: 0,
        }
    }

    /// Whether the publisher seems to ignore requests.
    fn deaf(&self) -> bool {
        self.unanswered >= UNANSWERED_MAX
    }

    /// Whether a key frame is wanted that did not come yet.
    pub fn pending(&self) -> bool {
        self.urgent || self.refresh
    }

    /// Somebody cannot decode before the next key frame.
    pub fn want(&mut self) {
        self.urgent = self.supported;
    }

    /// A younger key frame in the cache would be good.
    pub fn refresh(&mut self) {
        self.refresh = self.supported && !self.deaf();
    }

    /// A key frame began: every wish is fulfilled, unless it is an old one.
    pub fn came(&mut self, now: f64, live: bool) {
        self.arrived = Some(now);
        if !live {
            return;
        }
        if self.asked.is_some_and(|asked| now - asked <= ANSWER_S) {
            self.unanswered = 0;
        }
        self.urgent = false;
        self.refresh = false;
        self.count += 1;
    }

    /// Whoever is to be asked has heard of no request yet: do not wait with one.
    pub fn ask_anew(&mut self) {
        self.asked = None;
    }

    /// The last key frame is no longer there to start from.
    pub fn lost(&mut self) {
        self.arrived = None;
    }

    /// Whether to send a request now; if so, it counts as sent.
    pub fn due(&mut self, now: f64) -> bool {
        if self.next_timeout().map_or(true, |when| now < when) {
            return false;
        }
        self.asked = Some(now);
        self.unanswered += 1;
        self.refresh = false;
        self.requested += 1;
        true
    }

    /// When the next request is to be sent; None while nobody wants one.
    pub fn next_timeout(&self) -> Option<f64> {
        let wait_s = if self.urgent && self.deaf() {
            DEAF_INTERVAL_S
        } else if self.urgent {
            self.interval_s
        } else if self.refresh {
            self.refresh_s
        } else {
            return None;
        };
        Some(self.asked.map_or(0.0, |asked| asked + wait_s))
    }
}
