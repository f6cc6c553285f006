//! Which layer each viewer's track gets out of the estimate.
//!
//! Audio is reserved first, then the layers that somebody chose by hand.  Every other video
//! track climbs its ladder.  Each stands on its first step in any case; the rest of the
//! estimate is handed out step by step, the cheapest first, so that several tracks of one
//! viewer rise together.
//!
//! Changing a layer costs a key frame, so both directions wait.  Down: until a shortage
//! lasted `DOWN_WAIT_S`, or at once when it is severe.  Up: the new sum must fit with a
//! margin, some time after the last change (`ladder::Climber`).

use super::ladder::{Climber, LayerRate, Rid, Step, Target};

const UP_MARGIN: f64 = 1.1;
const DOWN_WAIT_S: f64 = 0.8;
/// A need beyond this times the estimate is answered at once.
const SEVERE: f64 = 1.25;

/// A video consumer that wants its share, and the layers it may have.
///
/// `rid` is the layer chosen by hand, None automatic; a paused consumer gets nothing.
#[derive(Clone, Debug)]
pub struct Demand<'a, K> {
    pub consumer: K,
    pub layers: &'a [LayerRate],
    pub rid: Option<Rid>,
    pub paused: bool,
}

/// The outcome for a transport.
///
/// `allocated_bps` is what the targets and audio need together, `best_bps` what
/// everybody's best would need.  `wanted_bps` is the estimate that would be of use: for
/// the next step up, or for what is sent anyway; 0 when the estimate covers the best.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Allocation<K> {
    pub targets: Vec<(K, Target)>,
    pub allocated_bps: i64,
    pub wanted_bps: i64,
    pub best_bps: i64,
}

/// Decides for one transport; call it every 100 ms or so and on new estimates.
#[derive(Debug)]
pub struct Allocator<K> {
    climbers: Vec<(K, Climber)>,
}

impl<K: Copy + Eq> Allocator<K> {
    pub const fn new() -> Self {
        Self {
            climbers: Vec::new(),
        }
    }

    /// Targets for all `demands`, one of each consumer, out of `estimate_bps`, `audio_bps`
    /// of it taken.
    pub fn allocate(
        &mut self,
        estimate_bps: f64,
        audio_bps: i64,
        demands: &[Demand<'_, K>],
        now: f64,
    ) -> Allocation<K> {
        if self.without_choice(demands) {
            return self.as_before(audio_bps, estimate_bps);
        }
        let (mut targets, reserved) = self.enrol(audio_bps, demands);
        if self.climbers.is_empty() {
            return finally(targets, reserved, estimate_bps);
        }
        let mut everybody: Vec<&mut Climber> = self.climbers.iter_mut().map(|c| &mut c.1).collect();
        share(&mut everybody, estimate_bps - reserved as f64, now);
        let climbing = self.climbers.iter();
        targets.extend(climbing.map(|(consumer, c)| (*consumer, c.step().target.clone())));
        self.outcome(targets, reserved, estimate_bps, now)
    }

    /// Let whoever climbs look at the present layers; targets of the others, and what they
    /// and audio take.
    fn enrol(&mut self, audio_bps: i64, demands: &[Demand<'_, K>]) -> (Vec<(K, Target)>, i64) {
        let mut targets = Vec::with_capacity(demands.len());
        let mut climbers = Vec::with_capacity(demands.len());
        let mut reserved = audio_bps;
        for demand in demands {
            if let Some(step) = fixed(demand) {
                targets.push((demand.consumer, step.target));
                reserved += step.bps;
            } else {
                let mut climber = self.leave(demand.consumer);
                climber.look(demand.layers);
                climbers.push((demand.consumer, climber));
            }
        }
        self.climbers = climbers;
        (targets, reserved)
    }

    /// The consumer's climber out of the old list, or a new one.
    fn leave(&mut self, consumer: K) -> Climber {
        let at = self.climbers.iter().position(|known| known.0 == consumer);
        at.map_or_else(Climber::new, |at| self.climbers.swap_remove(at).1)
    }

    /// Whether each ladder still has the one step that was there, at a new price.
    ///
    /// That is so for every track without simulcast or temporal layers: most of them.
    fn without_choice(&mut self, demands: &[Demand<'_, K>]) -> bool {
        let climbers = &mut self.climbers;
        if demands.is_empty() || climbers.len() != demands.len() {
            return false;
        }
        demands.iter().enumerate().all(|(at, demand)| {
            // usually nobody came or went, so each is where it was
            let at = if climbers[at].0 == demand.consumer {
                Some(at)
            } else {
                climbers.iter().position(|known| known.0 == demand.consumer)
            };
            at.is_some_and(|at| climbers[at].1.stays(demand.layers))
                && !demand.paused
                && demand.rid.is_none()
        })
    }

    /// The outcome where nobody has a choice.
    fn as_before(&mut self, audio_bps: i64, estimate_bps: f64) -> Allocation<K> {
        let climbers = &mut self.climbers;
        let only = climbers
            .iter()
            .map(|(consumer, c)| (*consumer, &c.steps()[0]));
        let used = audio_bps + only.clone().map(|(_, step)| step.bps).sum::<i64>();
        let targets = only
            .map(|(consumer, step)| (consumer, step.target.clone()))
            .collect();
        if used as f64 <= estimate_bps {
            for (_, climber) in climbers {
                climber.fits();
            }
        }
        finally(targets, used, estimate_bps)
    }

    fn outcome(
        &self,
        targets: Vec<(K, Target)>,
        reserved: i64,
        estimate_bps: f64,
        now: f64,
    ) -> Allocation<K> {
        let (mut used, mut best, mut next) = (reserved, reserved, None);
        for (_, climber) in &self.climbers {
            used += climber.step().bps;
            best += climber.steps()[climber.steps().len() - 1].bps;
            if let Some(more) = climber.next_bps().filter(|_| climber.may_rise(now)) {
                next = Some(next.map_or(more, |least: i64| least.min(more)));
            }
        }
        let mut wanted = used + next.unwrap_or(0);
        if wanted == used && used as f64 * UP_MARGIN <= estimate_bps {
            wanted = 0;
        }
        Allocation {
            targets,
            allocated_bps: used,
            wanted_bps: (wanted as f64 * UP_MARGIN) as i64,
            best_bps: best,
        }
    }
}

impl<K: Copy + Eq> Default for Allocator<K> {
    fn default() -> Self {
        Self::new()
    }
}

/// What a consumer gets that leaves nothing to decide.
fn fixed<K>(demand: &Demand<'_, K>) -> Option<Step> {
    if demand.paused || demand.layers.is_empty() {
        return Some(Step::default());
    }
    if let Some(rid) = &demand.rid {
        let layer = demand.layers.iter().find(|layer| layer.rid == *rid);
        return Some(Step {
            bps: layer.map_or(0, |layer| layer.bitrate_bps),
            target: Target::whole(rid),
        });
    }
    let silent = demand.layers.iter().all(|layer| layer.bitrate_bps == 0);
    silent.then(|| Step {
        bps: 0,
        target: Target::whole(&demand.layers[0].rid),
    })
}

/// Move the climbers that must go down, or those that may go up.
fn share(climbers: &mut [&mut Climber], budget_bps: f64, now: f64) {
    let used: i64 = climbers.iter().map(|climber| climber.step().bps).sum();
    if used as f64 > budget_bps {
        let severe = used as f64 > SEVERE * budget_bps;
        let fitting = climb(climbers, vec![0; climbers.len()], budget_bps);
        for (climber, index) in climbers.iter_mut().zip(fitting) {
            let stands = climber.index();
            let falls = index < stands && climber.is_short(now, DOWN_WAIT_S, severe);
            climber.move_to(if falls { index } else { stands }, now);
        }
        return;
    }
    let mut rising: Vec<&mut Climber> = Vec::with_capacity(climbers.len());
    for climber in climbers {
        climber.fits();
        if climber.may_rise(now) {
            rising.push(climber);
        }
    }
    let others = used - rising.iter().map(|climber| climber.step().bps).sum::<i64>();
    let start = rising.iter().map(|climber| climber.index()).collect();
    let reached = climb(&rising, start, budget_bps / UP_MARGIN - others as f64);
    for (climber, index) in rising.into_iter().zip(reached) {
        climber.move_to(index, now);
    }
}

/// Steps reached from `reached` when the cheapest next one is taken while it fits.
fn climb(climbers: &[&mut Climber], mut reached: Vec<usize>, budget_bps: f64) -> Vec<usize> {
    let costs = climbers
        .iter()
        .zip(&reached)
        .map(|(c, &at)| c.steps()[at].bps);
    let mut left = budget_bps - costs.sum::<i64>() as f64;
    loop {
        let places = climbers.iter().zip(&reached).enumerate();
        let nexts = places.filter_map(|(number, (climber, &at))| {
            let next = climber.steps().get(at + 1)?;
            Some((next.bps - climber.steps()[at].bps, number))
        });
        match nexts.min() {
            Some((more, number)) if more as f64 <= left => {
                reached[number] += 1;
                left -= more as f64;
            }
            _ => return reached,
        }
    }
}

/// What comes out where nobody has a next step.
fn finally<K>(targets: Vec<(K, Target)>, used: i64, estimate_bps: f64) -> Allocation<K> {
    let need = used as f64 * UP_MARGIN;
    Allocation {
        targets,
        allocated_bps: used,
        wanted_bps: if need <= estimate_bps { 0 } else { need as i64 },
        best_bps: used,
    }
}
