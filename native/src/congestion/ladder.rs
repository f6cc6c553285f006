//! The layers of one track as steps of a ladder, and the track that stands on one.
//!
//! Steps are the simulcast layers from small to large, below them the smallest with fewer
//! temporal layers.  Layers are ordered by the slowly fading peak of their bitrate: a still
//! picture makes large layers as cheap as small ones, and an order that follows every
//! frame would switch to and fro.  What a step costs is the present bitrate.

use std::sync::Arc;

/// The name of a simulcast layer; shared, because every step of every viewer holds one.
pub type Rid = Arc<str>;

/// Per look (100 ms): half is forgotten after 35 s.
const PEAK_FADING: f64 = 0.998;

/// After joining: the first probe answers within this.
const FIRST_WAIT_S: f64 = 0.3;

const UP_WAIT_S: f64 = 1.0;
const UP_WAIT_MAX_S: f64 = 30.0;

/// A step down this soon after a step up means that the step up was wrong.
const REGRET_S: f64 = 8.0;

/// A producer's layer as measured; 0 while it sends nothing.
///
/// `temporal_bps[t]` is the bitrate of temporal layers 0..t, empty where unknown.
#[derive(Clone, Debug)]
pub struct LayerRate {
    pub rid: Rid,
    pub bitrate_bps: i64,
    pub temporal_bps: Vec<i64>,
}

/// What a consumer shall get: a rid, or nothing (None: paused, or no layer known).
///
/// `max_temporal` None is no cap by bandwidth; the caller applies its selection's too.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Target {
    pub rid: Option<Rid>,
    pub max_temporal: Option<u8>,
}

impl Target {
    /// A layer without a cap.
    pub fn whole(rid: &Rid) -> Self {
        Self {
            rid: Some(rid.clone()),
            max_temporal: None,
        }
    }
}

/// A target and what it costs.
#[derive(Clone, Debug, Default)]
pub struct Step {
    pub bps: i64,
    pub target: Target,
}

/// A track on its ladder: `steps()[index()]` is what it gets, since it last moved.
///
/// The caller lets it `look` before anything else, at layers of which one sends.
#[derive(Debug)]
pub struct Climber {
    steps: Vec<Step>,
    index: usize,
    changed_at: Option<f64>,
    short_since: Option<f64>,
    rose_at: f64,
    up_wait_s: f64,
    peaks: Vec<(Rid, f64)>,
}

impl Climber {
    pub const fn new() -> Self {
        Self {
            steps: Vec::new(),
            index: 0,
            changed_at: None,
            short_since: None,
            rose_at: f64::NEG_INFINITY,
            up_wait_s: FIRST_WAIT_S,
            peaks: Vec::new(),
        }
    }

    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    pub fn index(&self) -> usize {
        self.index
    }

    /// The step it stands on.
    pub fn step(&self) -> &Step {
        &self.steps[self.index]
    }

    /// What the next step costs more; None on the last one.
    pub fn next_bps(&self) -> Option<i64> {
        let next = self.steps.get(self.index + 1)?;
        Some(next.bps - self.step().bps)
    }

    /// Learn the present bitrates; stays on its target, or near it if it is gone.
    pub fn look(&mut self, layers: &[LayerRate]) {
        let before = self.steps.get(self.index).cloned();
        self.peaks = layers
            .iter()
            .map(|layer| {
                let faded = PEAK_FADING * self.peak(&layer.rid);
                (layer.rid.clone(), faded.max(layer.bitrate_bps as f64))
            })
            .collect();
        let mut sending: Vec<&LayerRate> = layers
            .iter()
            .filter(|layer| layer.bitrate_bps > 0)
            .collect();
        sending.sort_by(|a, b| self.peak(&a.rid).total_cmp(&self.peak(&b.rid)));
        self.steps = steps_of(&sending);
        self.index = before.map_or(0, |before| self.nearest(&before));
    }

    fn peak(&self, rid: &Rid) -> f64 {
        let known = self.peaks.iter().find(|(known, _)| known == rid);
        known.map_or(0.0, |&(_, peak)| peak)
    }

    /// Learn the price of the only step there is; false where `look` is needed.
    pub fn stays(&mut self, layers: &[LayerRate]) -> bool {
        let ([layer], [step]) = (layers, self.steps.as_mut_slice()) else {
            return false;
        };
        let same = step.target.rid.as_ref() == Some(&layer.rid);
        if layer.bitrate_bps == 0 || !layer.temporal_bps.is_empty() || !same {
            return false;
        }
        step.bps = layer.bitrate_bps;
        true
    }

    fn nearest(&self, before: &Step) -> usize {
        let mut index = 0;
        for (at, step) in self.steps.iter().enumerate() {
            if step.target == before.target {
                return at;
            }
            if step.bps <= before.bps {
                index = at;
            }
        }
        index
    }

    /// Whether it has waited long enough.
    pub fn may_rise(&self, now: f64) -> bool {
        self.changed_at
            .is_none_or(|changed_at| now - changed_at >= self.up_wait_s)
    }

    /// The present step does not fit: whether that counts already.
    pub fn is_short(&mut self, now: f64, patience_s: f64, severe: bool) -> bool {
        let since = *self.short_since.get_or_insert(now);
        severe || now - since >= patience_s
    }

    /// The present step fits: whatever shortage there was is over.
    pub fn fits(&mut self) {
        self.short_since = None;
    }

    /// Go to another step.
    pub fn move_to(&mut self, index: usize, now: f64) {
        if index > self.index {
            self.rose_at = now;
        } else if index < self.index {
            let regretted = now - self.rose_at < REGRET_S;
            let wait_s = if regretted {
                (2.0 * self.up_wait_s).min(UP_WAIT_MAX_S)
            } else {
                0.0
            };
            self.up_wait_s = wait_s.max(UP_WAIT_S);
        }
        if index != self.index || self.changed_at.is_none() {
            self.changed_at = Some(now);
            self.short_since = None;
        }
        self.index = index;
    }
}

impl Default for Climber {
    fn default() -> Self {
        Self::new()
    }
}

/// From small to large; fewer temporal layers only below the smallest, because half the
/// frames look worse than half the size.
fn steps_of(layers: &[&LayerRate]) -> Vec<Step> {
    let Some(smallest) = layers.first() else {
        return Vec::new();
    };
    let below = smallest.temporal_bps.split_last().map_or(&[][..], |s| s.1);
    let thinner = (0u8..)
        .zip(below)
        .filter(|&(_, &bps)| 0 < bps && bps < smallest.bitrate_bps)
        .map(|(temporal, &bps)| Step {
            bps,
            target: Target {
                rid: Some(smallest.rid.clone()),
                max_temporal: Some(temporal),
            },
        });
    let whole = layers.iter().map(|layer| Step {
        bps: layer.bitrate_bps,
        target: Target::whole(&layer.rid),
    });
    thinner.chain(whole).collect()
}
