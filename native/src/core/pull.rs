//! What one simulcast track asks of the mesh, and what its layers would cost.
//!
//! A layer that is not pulled cannot be measured.  Its price is what it cost last, else a
//! guess from the layer below; a guess that was too low is found out when the layer comes.
//! A layer that was asked for in vain counts as not sent for a while (`pulling` decides).

use super::table::Rid;

/// What was pulled so long has a true price: the cache that it began with has left the
/// window of the rate meters.
const SETTLED_S: f64 = 1.5;

/// A layer is guessed to cost so many times the one below: half as wide and high.
const STEP: i64 = 4;

/// The guess for a lowest layer.
const LOWEST_BPS: i64 = 150_000;

/// Something said of some layers; there are so few that a list is searched fastest.
pub type ByRid<T> = Vec<(Rid, T)>;

/// What a list says of `rid`.
pub fn of<T: Copy>(list: &ByRid<T>, rid: &str) -> Option<T> {
    list.iter()
        .find(|entry| &*entry.0 == rid)
        .map(|entry| entry.1)
}

/// Let a list say something else of `rid`, in the place that it has.
pub fn note<T>(list: &mut ByRid<T>, rid: &Rid, value: T) {
    match list.iter_mut().find(|entry| entry.0 == *rid) {
        Some(known) => known.1 = value,
        None => list.push((rid.clone(), value)),
    }
}

/// What is asked of the mesh for one track.
///
/// `rids` are all there are, cheapest first.  `told` has the pulled rids with the time
/// since when, `wanted` those of use now, `used` when each was last, `barren` until when
/// it counts as not sent.
#[derive(Debug)]
pub struct Pull {
    pub rids: Vec<Rid>,
    pub told: ByRid<f64>,
    pub told_at: f64,
    pub wanted: Vec<Rid>,
    pub used: ByRid<f64>,
    pub barren: ByRid<f64>,
    prices: ByRid<i64>,
}

impl Pull {
    /// Of a track with these layers, one at least.
    pub fn new(rids: Vec<Rid>, now: f64) -> Self {
        Self {
            // why the lowest: somebody may come, and control begins with the same
            told: rids
                .first()
                .map(|rid| (rid.clone(), now))
                .into_iter()
                .collect(),
            told_at: now,
            rids,
            wanted: Vec::new(),
            used: Vec::new(),
            barren: Vec::new(),
            prices: Vec::new(),
        }
    }

    /// Whether nobody seems to send it.
    pub fn is_barren(&self, rid: &str, now: f64) -> bool {
        of(&self.barren, rid).is_some_and(|until| until > now)
    }

    /// What a layer that does not come would cost; 0 where nobody sends it.
    pub fn price_bps(&self, rid: &str, now: f64) -> i64 {
        let mut price = 0;
        for name in &self.rids {
            let known = of(&self.prices, name).filter(|&known| known != 0);
            let guess = if price != 0 { STEP * price } else { LOWEST_BPS };
            price = known.unwrap_or(guess);
            if &**name == rid {
                break;
            }
        }
        if self.is_barren(rid, now) {
            0
        } else {
            price
        }
    }

    /// A layer comes at this rate; what it costs.
    pub fn learn(&mut self, rid: &Rid, bitrate_bps: i64, now: f64) -> i64 {
        if now - of(&self.told, rid).unwrap_or(now) < SETTLED_S {
            let price = self.price_bps(rid, now);
            return bitrate_bps.min(if price != 0 { price } else { bitrate_bps });
        }
        note(&mut self.prices, rid, bitrate_bps);
        self.barren.retain(|entry| entry.0 != *rid);
        bitrate_bps
    }
}
