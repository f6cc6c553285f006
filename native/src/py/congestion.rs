//! `_native.congestion`: the transport's sender, for the tests that compare it with
//! `meshproto.forwarding.congestion`.

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use crate::congestion::allocation::Demand;
use crate::congestion::config::CongestionConfig;
use crate::congestion::history::Arrival;
use crate::congestion::ladder::LayerRate;
use crate::congestion::pacer::Priority;
use crate::congestion::sender::TransportSender;

/// (rid, bitrate, bitrates of temporal layers)
type Layer = (String, i64, Vec<i64>);

/// (consumer, layers, chosen rid, paused)
type Wish = (u64, Vec<Layer>, Option<String>, bool);

/// (consumer, rid, temporal cap) of each, then allocated, wanted and best bit/s.
type Outcome = (Vec<(u64, Option<String>, Option<u8>)>, (i64, i64, i64));

#[pyclass(name = "TransportSender")]
struct Sender(TransportSender<u64>);

#[pymethods]
impl Sender {
    #[new]
    fn new() -> Self {
        Self(TransportSender::new(CongestionConfig::default()))
    }

    #[getter]
    fn estimate_bps(&self) -> i64 {
        self.0.estimate_bps()
    }

    #[getter]
    fn overcommitted(&self) -> bool {
        self.0.overcommitted()
    }

    fn admit(&self, now: f64) -> bool {
        self.0.admit(now)
    }

    fn ready_at(&self, now: f64, priority: &str) -> PyResult<f64> {
        Ok(self.0.ready_at(now, named(priority)?))
    }

    fn on_sent_burst(&mut self, first_sequence: u16, count: u32, size_bytes: u64, now: f64) {
        self.0.on_sent_burst(first_sequence, count, size_bytes, now);
    }

    fn padding_due(&mut self, now: f64) -> i64 {
        self.0.padding_due(now)
    }

    fn on_feedback(&mut self, arrivals: Vec<Arrival>, now: f64) {
        self.0.on_feedback(&arrivals, now);
    }

    fn on_remb(&mut self, bitrate_bps: f64, now: f64) {
        self.0.on_remb(bitrate_bps, now);
    }

    #[pyo3(signature = (fraction, rtt_s, now))]
    fn on_loss(&mut self, fraction: f64, rtt_s: Option<f64>, now: f64) {
        self.0.on_loss(fraction, rtt_s, now);
    }

    fn allocate(&mut self, audio_bps: i64, wishes: Vec<Wish>, now: f64) -> Outcome {
        let layers: Vec<Vec<LayerRate>> = wishes.iter().map(|wish| rates(&wish.1)).collect();
        let demands: Vec<Demand<'_, u64>> = wishes
            .iter()
            .zip(&layers)
            .map(|((consumer, _, rid, paused), layers)| Demand {
                consumer: *consumer,
                layers,
                rid: rid.as_deref().map(Into::into),
                paused: *paused,
            })
            .collect();
        let found = self.0.allocate(audio_bps, &demands, now);
        let targets = found.targets.iter().map(|(consumer, target)| {
            let rid = target.rid.as_deref().map(str::to_owned);
            (*consumer, rid, target.max_temporal)
        });
        let sums = (found.allocated_bps, found.wanted_bps, found.best_bps);
        (targets.collect(), sums)
    }

    fn next_timeout(&self) -> Option<f64> {
        self.0.next_timeout()
    }

    fn handle_timeout(&mut self, now: f64) {
        self.0.handle_timeout(now);
    }
}

/// A priority by the name that the reference has for it.
fn named(priority: &str) -> PyResult<Priority> {
    match priority {
        "RETRANSMISSION" => Ok(Priority::Retransmission),
        "LIVE" => Ok(Priority::Live),
        "REPLAY" => Ok(Priority::Replay),
        _ => Err(PyValueError::new_err("no such priority")),
    }
}

fn rates(layers: &[Layer]) -> Vec<LayerRate> {
    let rates = layers.iter();
    rates
        .map(|(rid, bitrate_bps, temporal_bps)| LayerRate {
            rid: rid.as_str().into(),
            bitrate_bps: *bitrate_bps,
            temporal_bps: temporal_bps.clone(),
        })
        .collect()
}

pub fn register(parent: &Bound<'_, PyModule>) -> PyResult<()> {
    let module = PyModule::new(parent.py(), "congestion")?;
    module.add_class::<Sender>()?;
    parent.add_submodule(&module)
}
