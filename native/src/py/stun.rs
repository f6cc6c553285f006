//! `_native.stun`: messages and the plain server, for the tests that compare them with
//! `meshproto.wire.stun` and `meshproto.ice.server`.

use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, SocketAddr};

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use super::wire::refused;
use crate::counters::Counters;
use crate::stun::bucket::SLOTS;
use crate::stun::{binding, decode, PrefixBucket, StunServer};

/// Type, transaction id, the first attribute of each kind, those not understood, where
/// MESSAGE-INTEGRITY is, and whether there is a FINGERPRINT.
type Read = (u16, Vec<u8>, HashMap<u16, Vec<u8>>, Vec<u16>, usize, bool);

#[pyfunction]
fn read(datagram: &[u8]) -> PyResult<Read> {
    let message = decode(datagram).map_err(refused)?;
    let mut attributes = HashMap::new();
    for (kind, value) in message.attributes() {
        attributes.entry(kind).or_insert_with(|| value.to_vec());
    }
    Ok((
        message.message_type,
        message.transaction.to_vec(),
        attributes,
        message.unknown.clone(),
        message.integrity,
        message.has_fingerprint,
    ))
}

#[pyfunction]
fn verify(datagram: &[u8], key: &[u8]) -> PyResult<bool> {
    Ok(decode(datagram).map_err(refused)?.verify(key))
}

/// The success response to a request that came from `address`.
#[pyfunction]
#[pyo3(signature = (datagram, address, key, fingerprint))]
fn success(
    datagram: &[u8],
    address: (String, u16),
    key: Option<&[u8]>,
    fingerprint: bool,
) -> PyResult<Vec<u8>> {
    let request = decode(datagram).map_err(refused)?;
    Ok(binding::success(
        &request,
        socket_address(&address)?,
        key,
        fingerprint,
    ))
}

#[pyfunction]
#[pyo3(signature = (datagram, code, key, fingerprint))]
fn error(datagram: &[u8], code: u16, key: Option<&[u8]>, fingerprint: bool) -> PyResult<Vec<u8>> {
    let request = decode(datagram).map_err(refused)?;
    Ok(binding::error(&request, code, key, fingerprint))
}

/// The arguments of `PrefixBucket`: key, rate, burst, slots.
pub(super) type Limits<'a> = (&'a [u8], f64, u32, Option<usize>);

pub(super) fn make_server((key, rate_per_s, burst, slots): Limits<'_>) -> PyResult<StunServer> {
    let bucket = PrefixBucket::new(key, rate_per_s, burst, slots.unwrap_or(SLOTS));
    let bucket = bucket.map_err(|error| PyValueError::new_err(error.0))?;
    Ok(StunServer::new(bucket))
}

#[pyclass(name = "StunServer")]
struct Server(StunServer);

#[pymethods]
impl Server {
    #[new]
    fn new(limits: Limits<'_>) -> PyResult<Self> {
        make_server(limits).map(Self)
    }

    fn receive(
        &mut self,
        datagram: &[u8],
        address: (String, u16),
        now: f64,
    ) -> PyResult<Option<Vec<u8>>> {
        Ok(self.0.receive(datagram, socket_address(&address)?, now))
    }

    #[getter]
    fn answered(&self) -> u64 {
        self.0.answered
    }

    #[getter]
    fn refused(&self) -> BTreeMap<&'static str, u64> {
        counted(&self.0.refused)
    }
}

pub(super) fn counted(counters: &Counters) -> BTreeMap<&'static str, u64> {
    counters.iter().collect()
}

pub(super) fn socket_address((host, port): &(String, u16)) -> PyResult<SocketAddr> {
    let ip: IpAddr = host
        .parse()
        .map_err(|_| PyValueError::new_err("no IP address"))?;
    Ok(SocketAddr::new(ip, *port))
}

pub fn register(parent: &Bound<'_, PyModule>) -> PyResult<()> {
    let module = PyModule::new(parent.py(), "stun")?;
    module.add_function(wrap_pyfunction!(read, &module)?)?;
    module.add_function(wrap_pyfunction!(verify, &module)?)?;
    module.add_function(wrap_pyfunction!(success, &module)?)?;
    module.add_function(wrap_pyfunction!(error, &module)?)?;
    module.add_class::<Server>()?;
    parent.add_submodule(&module)
}
