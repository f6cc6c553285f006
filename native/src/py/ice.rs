//! `_native.ice`: the lite agent, for the tests that compare it with `meshproto.ice.lite`.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use super::stun::{counted, make_server, socket_address, Limits};
use crate::ice::{Credentials, IceConfig, IceEvent, IceLite, Misuse};

type Address = (String, u16);

/// ("selected", transport, host, port, 0, false) or ("silent", transport, "", 0, silence,
/// expired).
type Told = (&'static str, u64, String, u16, f64, bool);

/// Where to send, whether it is still proving, whether consent ran out, and (host, port,
/// heard) of every remote.
type State = (Option<Address>, bool, bool, Vec<(String, u16, f64)>);

#[pyclass(name = "IceLite")]
struct Lite(IceLite);

#[pymethods]
impl Lite {
    /// `sizes` are transports, addresses per transport and remembered checks.
    #[new]
    fn new(limits: Limits<'_>, sizes: (usize, usize, usize)) -> PyResult<Self> {
        let (transports, addresses_per_transport, remembered_checks) = sizes;
        let config = IceConfig {
            transports,
            addresses_per_transport,
            remembered_checks,
            ..IceConfig::default()
        };
        let config = config
            .checked()
            .map_err(|error| PyValueError::new_err(error.0))?;
        Ok(Self(IceLite::new(make_server(limits)?, config)))
    }

    #[pyo3(signature = (transport, ufrag, pwd, remote=""))]
    fn add(&mut self, transport: u64, ufrag: &str, pwd: &str, remote: &str) -> PyResult<()> {
        let added = self.0.add(transport, Credentials::new(ufrag, pwd, remote));
        added.map(drop).map_err(misuse)
    }

    fn restart(&mut self, transport: u64, ufrag: &str, pwd: &str, remote: &str) -> PyResult<()> {
        let fresh = Credentials::new(ufrag, pwd, remote);
        self.0.restart(transport, fresh).map_err(misuse)
    }

    fn remove(&mut self, transport: u64) {
        self.0.remove(transport);
    }

    fn receive(
        &mut self,
        datagram: &[u8],
        address: Address,
        now: f64,
        local: u64,
    ) -> PyResult<(Option<Vec<u8>>, Option<Told>)> {
        let address = socket_address(&address)?;
        let (reply, event) = self.0.receive(datagram, address, now, local);
        Ok((reply, event.map(told)))
    }

    /// What `by_address` and the packet path's calls do in Python: a datagram of `kind`.
    fn arrives(&mut self, kind: &str, address: Address, octets: u64, now: f64) -> PyResult<bool> {
        let Some(owner) = self.0.owner(socket_address(&address)?) else {
            return Ok(false);
        };
        match kind {
            "dtls" => self.0.received_dtls(owner, octets),
            "forged" => self.0.received(owner, octets),
            _ => {
                self.0.received(owner, octets);
                self.0.authenticated(owner, now);
            }
        }
        Ok(true)
    }

    fn handshake_done(&mut self, transport: u64) {
        let slot = self.0.slot(transport);
        if let Some(path) = slot.and_then(|slot| self.0.at_mut(slot)) {
            path.handshake_done();
        }
    }

    /// Whether `octets` may go to the transport's address now.
    fn may_send(&mut self, transport: u64, octets: u64) -> bool {
        let slot = self.0.slot(transport);
        let path = slot.and_then(|slot| self.0.at_mut(slot));
        path.is_some_and(|path| path.address().is_some() && path.may_send(octets))
    }

    fn next_timeout(&self) -> Option<f64> {
        self.0.next_timeout()
    }

    fn handle_timeout(&mut self, now: f64) -> Vec<Told> {
        self.0.handle_timeout(now).into_iter().map(told).collect()
    }

    fn state(&self, transport: u64) -> Option<State> {
        let path = self.0.path(transport)?;
        let remotes = path.remotes().iter().map(|remote| {
            let (host, port) = plain(remote.address);
            (host, port, remote.heard)
        });
        let address = path.address().map(plain);
        Some((address, path.proving, path.expired, remotes.collect()))
    }

    #[getter]
    fn addresses(&self) -> usize {
        self.0.addresses()
    }

    #[getter]
    fn refused(&self) -> BTreeMap<&'static str, u64> {
        counted(&self.0.refused)
    }

    #[getter]
    fn server_refused(&self) -> BTreeMap<&'static str, u64> {
        counted(&self.0.server.refused)
    }

    #[getter]
    fn answered(&self) -> u64 {
        self.0.server.answered
    }
}

fn told(event: IceEvent) -> Told {
    match event {
        IceEvent::Selected { transport, address } => {
            let (host, port) = plain(address);
            ("selected", transport, host, port, 0.0, false)
        }
        IceEvent::Silent {
            transport,
            silence_s,
            expired,
        } => ("silent", transport, String::new(), 0, silence_s, expired),
    }
}

fn plain(address: SocketAddr) -> Address {
    (address.ip().to_string(), address.port())
}

fn misuse(why: Misuse) -> PyErr {
    PyValueError::new_err(format!("{why:?}"))
}

pub fn register(parent: &Bound<'_, PyModule>) -> PyResult<()> {
    let module = PyModule::new(parent.py(), "ice")?;
    module.add_class::<Lite>()?;
    parent.add_submodule(&module)
}
