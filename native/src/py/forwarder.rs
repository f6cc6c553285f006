//! `_native.forwarding`: the packet path by itself, for the tests that compare it with
//! `meshproto.forwarding`.  Its methods are those of the reference.

use std::collections::HashMap;

use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};

use super::{events, stats, table};
use crate::core::config::RandomSource;
use crate::core::forwarder::Forwarder;
use crate::core::ids::TransportId;
use crate::core::outputs::{Again, Burst, Departures};
use crate::errors::Refused;

/// `random.Random`, or what looks like one.
struct PythonRandom(Py<PyAny>);

impl RandomSource for PythonRandom {
    fn getrandbits(&mut self, bits: u32) -> u64 {
        Python::attach(|py| {
            let drawn = self.0.call_method1(py, "getrandbits", (bits,));
            drawn.and_then(|drawn| drawn.extract(py)).unwrap_or(0)
        })
    }
}

/// (header, payload, SSRC, index)
type Packet<'py> = (Bound<'py, PyBytes>, Bound<'py, PyBytes>, u32, u64);

/// (transport, consumer, packets, keep)
type OutBurst<'py> = (u64, i64, Vec<Packet<'py>>, bool);

fn burst<'py>(py: Python<'py>, burst: &Burst<'_>) -> OutBurst<'py> {
    let packets = burst.packets().map(|packet| {
        let header = PyBytes::new(py, packet.header);
        let payload = PyBytes::new(py, packet.payload);
        (header, payload, packet.ssrc, packet.index)
    });
    // that of a leg's bursts is -1 in the reference
    let (transport, consumer) = (burst.transport.0, burst.consumer.0 as i64);
    (transport, consumer, packets.collect(), burst.keep)
}

fn allowed<T>(py: Python<'_>, outcome: Result<T, Refused>) -> PyResult<T> {
    outcome.map_err(|error| events::refused(py, &error))
}

#[pyclass(name = "Forwarder", unsendable)]
struct PyForwarder {
    core: Forwarder,
    out: Departures,
}

#[pymethods]
impl PyForwarder {
    #[new]
    fn new(config: &Bound<'_, PyAny>, random: Py<PyAny>) -> PyResult<Self> {
        let config = table::config(config)?;
        Ok(Self {
            core: Forwarder::new(config, Box::new(PythonRandom(random))),
            out: Departures::new(),
        })
    }

    #[pyo3(signature = (transport, kind, *, start_bitrate_bps = 0, node = None))]
    fn add_transport(
        &mut self,
        py: Python<'_>,
        transport: u64,
        kind: &Bound<'_, PyAny>,
        start_bitrate_bps: i64,
        node: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        let kind = table::transport_kind(kind)?;
        let node = node.map(table::node_id).transpose()?;
        let (core, id) = (&mut self.core, TransportId(transport));
        allowed(py, core.add_transport(id, kind, start_bitrate_bps, node))
    }

    fn remove_transport(&mut self, transport: u64) {
        self.core.remove_transport(TransportId(transport));
    }

    fn set_sending(
        &mut self,
        py: Python<'_>,
        transport: u64,
        sending: bool,
        now: f64,
    ) -> PyResult<()> {
        let id = TransportId(transport);
        allowed(py, self.core.set_sending(id, sending, now))
    }

    #[pyo3(signature = (transport, rtt_s))]
    fn measured(&mut self, transport: u64, rtt_s: Option<f64>) {
        self.core.measured(TransportId(transport), rtt_s);
    }

    fn program(&mut self, py: Python<'_>, delta: &Bound<'_, PyAny>, now: f64) -> PyResult<()> {
        let delta = table::delta(delta)?;
        allowed(py, self.core.program(delta, now))
    }

    fn receive_rtp(&mut self, transport: u64, packet: &[u8], now: f64) {
        self.core.receive_rtp(TransportId(transport), packet, now);
    }

    fn receive_rtcp(&mut self, transport: u64, packet: &[u8], now: f64) {
        self.core.receive_rtcp(TransportId(transport), packet, now);
    }

    fn flush<'py>(&mut self, py: Python<'py>, now: f64) -> Vec<OutBurst<'py>> {
        self.core.flush(now, &mut self.out);
        self.out.bursts().map(|out| burst(py, &out)).collect()
    }

    /// (transport, SSRC, index) of a `Resend`, (transport, packet) of a `Repeat`.
    fn poll_resend<'py>(&mut self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        let found = match self.core.poll_resend() {
            None => return Ok(None),
            Some(Again::Resend(again)) => {
                (again.transport.0, again.ssrc, again.packet_index).into_pyobject(py)?
            }
            Some(Again::Repeat(again)) => {
                let header = PyBytes::new(py, &again.header);
                let payload = PyBytes::new(py, &again.payload);
                let packet = (header, payload, again.ssrc, again.index);
                (again.transport.0, packet).into_pyobject(py)?
            }
        };
        Ok(Some(found.into_any()))
    }

    fn poll_rtcp<'py>(&mut self, py: Python<'py>) -> Option<(u64, Bound<'py, PyBytes>)> {
        let out = self.core.poll_rtcp()?;
        Some((out.transport.0, PyBytes::new(py, &out.packet)))
    }

    fn poll_event<'py>(&mut self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        let event = self.core.poll_event();
        event.map(|event| events::event(py, &event)).transpose()
    }

    fn stream_history(&self, stream: &Bound<'_, PyAny>) -> PyResult<Option<(i64, i64)>> {
        let stream = table::stream_id(stream)?;
        Ok(self.core.stream_history(&stream))
    }

    fn next_timeout(&mut self) -> Option<f64> {
        self.core.next_timeout()
    }

    fn handle_timeout(&mut self, now: f64) {
        self.core.handle_timeout(now);
    }

    fn stats<'py>(&mut self, py: Python<'py>, now: f64) -> PyResult<Bound<'py, PyDict>> {
        stats::snapshot(py, &self.core.stats(now))
    }

    /// {producer: (newest number, levels)}
    fn audio_levels<'py>(
        &self,
        py: Python<'py>,
        since: HashMap<u64, i64>,
    ) -> PyResult<Bound<'py, PyDict>> {
        stats::levels(py, self.core.audio_levels(&stats::heads(since)))
    }

    fn producer_stats<'py>(&mut self, py: Python<'py>, now: f64) -> PyResult<Bound<'py, PyDict>> {
        stats::producers(py, &self.core.producer_stats(now))
    }
}

pub fn register(parent: &Bound<'_, PyModule>) -> PyResult<()> {
    let module = PyModule::new(parent.py(), "forwarding")?;
    module.add_class::<PyForwarder>()?;
    parent.add_submodule(&module)
}
