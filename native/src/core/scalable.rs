//! Taking a part of a scalable stream: spatial and temporal caps of one consumer.
//!
//! A higher layer may be dropped at any frame border, for nothing lower depends on it.
//! Taking more is different: temporal layers are entered where a frame says that it starts
//! one (VP8's layer sync, VP9's switching up point, a SWITCH indication), spatial layers at
//! a picture that depends on no other (RFC 9628 section 4.2, RFC 7741 section 4.2).

use crate::wire::descriptor::FrameFacts;

const ALL: u8 = 7;

/// Which packets pass; caps of None take everything.
#[derive(Clone, Copy, Debug)]
pub struct LayerFilter {
    spatial: u8,
    temporal: u8,
    spatial_cap: u8,
    temporal_cap: u8,
}

impl LayerFilter {
    pub fn new(max_spatial: Option<u8>, max_temporal: Option<u8>) -> Self {
        Self {
            spatial: ALL,
            temporal: ALL,
            spatial_cap: max_spatial.unwrap_or(ALL),
            temporal_cap: max_temporal.unwrap_or(ALL),
        }
    }

    /// New caps, effective at the next frame that allows it.
    pub fn cap(&mut self, max_spatial: Option<u8>, max_temporal: Option<u8>) {
        self.spatial_cap = max_spatial.unwrap_or(ALL);
        self.temporal_cap = max_temporal.unwrap_or(ALL);
    }

    /// Whether everything passes from now on.
    pub fn idle(&self) -> bool {
        self.spatial == ALL && self.temporal == ALL
    }

    /// Whether only a key frame lets more spatial layers pass, as is wished.
    pub fn needs_key(&self) -> bool {
        self.spatial < self.spatial_cap
    }

    /// Whether a packet is forwarded.
    pub fn takes(&mut self, facts: &FrameFacts) -> bool {
        if facts.start {
            self.adapt(facts);
        }
        facts.spatial <= self.spatial && facts.temporal <= self.temporal
    }

    /// Whether a packet is the last of its picture though the source goes on with higher
    /// spatial layers: then the marker bit is ours to set.
    pub fn ends_picture(&self, facts: &FrameFacts) -> bool {
        facts.end == Some(true) && facts.spatial == self.spatial
    }

    fn adapt(&mut self, facts: &FrameFacts) {
        if facts.keyframe || facts.spatial_switch {
            self.spatial = self.spatial_cap;
        } else if facts.spatial == 0 {
            self.spatial = self.spatial.min(self.spatial_cap);
        }
        let cap = self.temporal_cap;
        if facts.keyframe {
            self.temporal = cap;
        } else if facts.switch_up && facts.temporal > self.temporal {
            self.temporal = facts.temporal;
        }
        self.temporal = self.temporal.min(cap);
    }
}
