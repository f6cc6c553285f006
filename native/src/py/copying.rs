//! `_native.Copies` and `_native.Sinks`: both ends of the benchmark.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use crate::engine::copying::{copy_to_all, How};
use crate::engine::socket::Socket;
use crate::engine::socket_count::count;
use crate::engine::socket_poll::Bell;

/// A bound socket that copies what it gets to everybody, while `run` runs.
#[pyclass(module = "meshnode._native", frozen)]
struct Copies {
    socket: Socket,
    stopping: Bell,
}

#[pymethods]
impl Copies {
    #[new]
    fn new(host: &str) -> PyResult<Self> {
        let host = host.parse();
        let host = host.map_err(|_| PyValueError::new_err("should be an IP address"))?;
        Ok(Self {
            socket: Socket::bind(host, 0)?,
            stopping: Bell::new()?,
        })
    }

    #[getter]
    fn port(&self) -> u16 {
        self.socket.address.port()
    }

    /// Copy until `stop`; how many datagrams left.
    fn run(&self, py: Python<'_>, viewers: Vec<(String, u16)>, how: &str) -> PyResult<u64> {
        let told = |_| PyValueError::new_err("should be IP addresses");
        let viewers = viewers
            .iter()
            .map(|(host, port)| Ok(SocketAddr::new(host.parse().map_err(told)?, *port)));
        let viewers: Vec<SocketAddr> = viewers.collect::<PyResult<_>>()?;
        let how = How::named(how);
        let how =
            how.ok_or_else(|| PyValueError::new_err("should be gso, sendmmsg, sendto or seal"))?;
        Ok(py.detach(|| copy_to_all(&self.socket, &viewers, how, &self.stopping))?)
    }

    fn stop(&self) {
        self.stopping.ring();
    }
}

/// Counts packets of one payload type at the caller's sockets, while `run` runs.
#[pyclass(module = "meshnode._native", frozen)]
struct Sinks {
    sockets: Vec<i32>,
    counts: Vec<AtomicU64>,
    payload_type: u8,
    stopping: Bell,
}

#[pymethods]
impl Sinks {
    #[new]
    fn new(sockets: Vec<i32>, payload_type: u8) -> PyResult<Self> {
        Ok(Self {
            counts: sockets.iter().map(|_| AtomicU64::new(0)).collect(),
            sockets,
            payload_type,
            stopping: Bell::new()?,
        })
    }

    /// Count until `stop`.
    fn run(&self, py: Python<'_>) -> PyResult<()> {
        Ok(py.detach(|| {
            count(
                &self.sockets,
                &self.counts,
                self.payload_type,
                &self.stopping,
            )
        })?)
    }

    /// How many came so far, by socket.
    fn counts(&self) -> Vec<u64> {
        let counts = self.counts.iter();
        counts.map(|one| one.load(Ordering::Relaxed)).collect()
    }

    fn stop(&self) {
        self.stopping.ring();
    }
}

pub fn register(parent: &Bound<'_, PyModule>) -> PyResult<()> {
    parent.add_class::<Copies>()?;
    parent.add_class::<Sinks>()
}
