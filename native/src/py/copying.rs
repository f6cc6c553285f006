//! `_native.Copies`: the loop of plain copies, for the benchmark.

use std::net::SocketAddr;

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use crate::engine::copying::copy_to_all;
use crate::engine::socket::Socket;
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
    fn run(&self, py: Python<'_>, viewers: Vec<(String, u16)>) -> PyResult<u64> {
        let viewers = viewers.iter().map(|(host, port)| {
            let told = |_| PyValueError::new_err("should be IP addresses");
            Ok(SocketAddr::new(host.parse().map_err(told)?, *port))
        });
        let viewers: Vec<SocketAddr> = viewers.collect::<PyResult<_>>()?;
        Ok(py.detach(|| copy_to_all(&self.socket, &viewers, &self.stopping))?)
    }

    fn stop(&self) {
        self.stopping.ring();
    }
}

pub fn register(parent: &Bound<'_, PyModule>) -> PyResult<()> {
    parent.add_class::<Copies>()
}
