//! `_native.Links`: what the agent of links tells the packet path (`meshnode.media`).
//!
//! Orders of one engine; all but two are done without waiting for the outcome.

use std::net::SocketAddr;
use std::sync::Arc;

use pyo3::prelude::*;

use super::events::refused;
use super::plane::{address, Engine};
use super::table;
use crate::core::ids::TransportId;
use crate::engine::socket_address::{Local, Way};
use crate::ice::neighbours;

/// IP address and port.
type Address = (String, u16);

/// When an address last sent anything authentic: shared with the packet path.
#[pyclass(module = "meshnode._native", frozen)]
struct Heard(Arc<neighbours::Heard>);

#[pymethods]
impl Heard {
    #[new]
    fn new(now: f64) -> Self {
        Self(Arc::new(neighbours::Heard::new(now)))
    }

    fn at(&self) -> f64 {
        self.0.at()
    }

    fn note(&self, now: f64) {
        self.0.note(now);
    }
}

#[pyclass(module = "meshnode._native", frozen)]
struct Links(Py<Engine>);

#[pymethods]
impl Links {
    #[new]
    fn new(engine: Py<Engine>) -> Self {
        Self(engine)
    }

    fn add(
        &self,
        py: Python<'_>,
        transport: u64,
        node: &Bound<'_, PyAny>,
        ufrag: String,
    ) -> PyResult<()> {
        let node = table::node_id(node)?;
        let added = self.0.get().call(py, move |core| {
            core.add_link(TransportId(transport), node, ufrag.as_bytes())
        })?;
        added.map_err(|error| refused(py, &error))
    }

    fn remove(&self, py: Python<'_>, transport: u64) -> PyResult<()> {
        let engine = self.0.get();
        engine.call(py, move |core| core.close_transport(TransportId(transport)))
    }

    fn claim(
        &self,
        py: Python<'_>,
        at: Address,
        transport: u64,
        token: u64,
        hold_s: f64,
        heard: &Heard,
    ) -> PyResult<()> {
        let address = read(at)?;
        let held = neighbours::Held {
            transport,
            token,
            hold_s,
            heard: Arc::clone(&heard.0),
        };
        let engine = self.0.get();
        engine.post(py, move |core| core.claim(address, held));
        Ok(())
    }

    fn release(&self, py: Python<'_>, at: Address, token: u64) -> PyResult<()> {
        let address = read(at)?;
        let engine = self.0.get();
        engine.post(py, move |core| core.ice.neighbours.release(address, token));
        Ok(())
    }

    fn use_path(
        &self,
        py: Python<'_>,
        transport: u64,
        socket: usize,
        local: &[u8],
        at: Address,
    ) -> PyResult<()> {
        let way = way(local, at)?;
        let engine = self.0.get();
        engine.post(py, move |core| {
            core.use_path(TransportId(transport), socket, way)
        });
        Ok(())
    }

    fn mute(&self, py: Python<'_>, transport: u64) {
        let engine = self.0.get();
        engine.post(py, move |core| core.mute(TransportId(transport)));
    }

    fn send(
        &self,
        py: Python<'_>,
        socket: usize,
        local: &[u8],
        at: Address,
        datagram: Vec<u8>,
    ) -> PyResult<()> {
        let way = way(local, at)?;
        let engine = self.0.get();
        engine.post(py, move |core| core.send_raw(socket, way, &datagram));
        Ok(())
    }

    #[pyo3(signature = (transport, rtt_s))]
    fn measured(&self, py: Python<'_>, transport: u64, rtt_s: Option<f64>) {
        let engine = self.0.get();
        engine.post(py, move |core| core.measured(TransportId(transport), rtt_s));
    }

    /// Read what waits in the sockets, and tell it.
    fn catch_up(&self, py: Python<'_>) -> PyResult<()> {
        self.0.get().call(py, |core| core.catch_up())
    }
}

fn read((host, port): Address) -> PyResult<SocketAddr> {
    Ok(SocketAddr::new(address(&host)?, port))
}

fn way(local: &[u8], at: Address) -> PyResult<Way> {
    Ok(Way {
        local: Local::read(local),
        remote: read(at)?,
    })
}

pub fn register(parent: &Bound<'_, PyModule>) -> PyResult<()> {
    parent.add_class::<Heard>()?;
    parent.add_class::<Links>()
}
