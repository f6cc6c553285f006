//! `_native.srtp`: both directions, for the tests that compare them with `meshnode.media`.

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use super::wire::refused;
use crate::errors::StateError;
use crate::srtp::{Inbound, Outbound, Profile, Refused, SessionKeys};

#[pyclass(name = "Outbound")]
struct Sending(Outbound);

#[pymethods]
impl Sending {
    /// Without `ssrcs` it is one of a link between nodes.
    #[new]
    #[pyo3(signature = (profile, key, salt, ssrcs=None))]
    fn new(profile: &str, key: &[u8], salt: &[u8], ssrcs: Option<usize>) -> PyResult<Self> {
        let keys = session_keys(profile, key, salt)?;
        made(
            ssrcs,
            |ssrcs| Outbound::new(&keys, ssrcs),
            || Outbound::leg(&keys),
        )
        .map(Self)
    }

    #[getter]
    fn refused(&self) -> u64 {
        self.0.refused
    }

    fn protect(
        &mut self,
        header: &[u8],
        payload: &[u8],
        ssrc: u32,
        index: u64,
    ) -> PyResult<Vec<u8>> {
        let mut packet = room(&[header, payload], self.0.room());
        let done = self.0.protect(&mut packet, header.len(), ssrc, index);
        done.map_err(unprotected).map(|()| packet)
    }

    fn protect_next(&mut self, header: &[u8], payload: &[u8]) -> PyResult<Vec<u8>> {
        let mut packet = room(&[header, payload], self.0.room());
        let done = self.0.protect_next(&mut packet, header.len());
        done.map_err(unprotected).map(|()| packet)
    }

    fn repeat(
        &mut self,
        header: &[u8],
        payload: &[u8],
        ssrc: u32,
        index: u64,
    ) -> PyResult<Vec<u8>> {
        let mut packet = room(&[header, payload], self.0.room());
        let done = self.0.repeat(&mut packet, header.len(), ssrc, index);
        done.map_err(unprotected).map(|()| packet)
    }

    fn protect_rtcp(&mut self, plain: &[u8]) -> PyResult<Vec<u8>> {
        let mut packet = room(&[plain], self.0.rtcp_room());
        let done = self.0.protect_rtcp(&mut packet);
        done.map_err(unprotected).map(|()| packet)
    }
}

#[pyclass(name = "Inbound")]
struct Receiving(Inbound);

#[pymethods]
impl Receiving {
    /// Without `ssrcs` it is one of a link between nodes.
    #[new]
    #[pyo3(signature = (profile, key, salt, ssrcs=None))]
    fn new(profile: &str, key: &[u8], salt: &[u8], ssrcs: Option<usize>) -> PyResult<Self> {
        let keys = session_keys(profile, key, salt)?;
        made(
            ssrcs,
            |ssrcs| Inbound::new(&keys, ssrcs),
            || Inbound::leg(&keys),
        )
        .map(Self)
    }

    #[getter]
    fn ssrcs(&self) -> usize {
        self.0.ssrcs()
    }

    fn unprotect<'py>(&mut self, py: Python<'py>, packet: &[u8]) -> PyResult<Bound<'py, PyBytes>> {
        let mut packet = packet.to_vec();
        let length = self.0.unprotect(&mut packet).map_err(refused)?;
        Ok(PyBytes::new(py, &packet[..length]))
    }

    fn unprotect_rtcp<'py>(
        &mut self,
        py: Python<'py>,
        packet: &[u8],
    ) -> PyResult<Bound<'py, PyBytes>> {
        let mut packet = packet.to_vec();
        let length = self.0.unprotect_rtcp(&mut packet).map_err(refused)?;
        Ok(PyBytes::new(py, &packet[..length]))
    }
}

fn session_keys(profile: &str, key: &[u8], salt: &[u8]) -> PyResult<SessionKeys> {
    let profile = Profile::named(profile).ok_or_else(|| PyValueError::new_err("no profile"))?;
    SessionKeys::derive(profile, key, salt).map_err(misuse)
}

/// A direction of a client with so many SSRCs, or of a link.
fn made<T>(
    ssrcs: Option<usize>,
    client: impl FnOnce(usize) -> T,
    link: impl FnOnce() -> Result<T, StateError>,
) -> PyResult<T> {
    match ssrcs {
        Some(ssrcs) => Ok(client(ssrcs)),
        None => link().map_err(misuse),
    }
}

fn room(pieces: &[&[u8]], octets: usize) -> Vec<u8> {
    let mut packet = pieces.concat();
    packet.resize(packet.len() + octets, 0);
    packet
}

fn misuse(error: StateError) -> PyErr {
    PyValueError::new_err(error.0)
}

fn unprotected(why: Refused) -> PyErr {
    PyValueError::new_err(match why {
        Refused::Used => "used",
        Refused::Sources => "sources",
        Refused::Exhausted => "exhausted",
        Refused::Short => "short",
    })
}

pub fn register(parent: &Bound<'_, PyModule>) -> PyResult<()> {
    let module = PyModule::new(parent.py(), "srtp")?;
    module.add_class::<Sending>()?;
    module.add_class::<Receiving>()?;
    parent.add_submodule(&module)
}
