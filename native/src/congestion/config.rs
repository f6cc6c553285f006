//! Every number of congestion control that is a choice, in one value.

/// Defaults suit browsers as viewers; rates in bit/s, times in seconds.
#[derive(Clone, Debug)]
pub struct CongestionConfig {
    /// Believed before anything is known; the first probes double it.
    pub start_bps: i64,
    pub min_bps: i64,
    pub max_bps: i64,
    /// Bursts leave at most this much faster than the estimate.
    pub pacing_factor: f64,
    /// What may leave at once, in time at the pacing rate: a usual frame passes.
    pub burst_s: f64,
    pub burst_min_bytes: i64,
    /// Bursts remembered for feedback that is still to come.
    pub history_bursts: usize,
    /// The same before the first feedback: most of what has none never gets any.
    pub history_bursts_unheard: usize,
}

impl Default for CongestionConfig {
    fn default() -> Self {
        Self {
            start_bps: 1_000_000,
            min_bps: 50_000,
            max_bps: 50_000_000,
            pacing_factor: 2.5,
            burst_s: 0.05,
            burst_min_bytes: 6_000,
            history_bursts: 512,
            history_bursts_unheard: 128,
        }
    }
}
