//! `_native.Engine`: the packet path of one plane, for `meshnode.media.native`.
//!
//! Before `open` and after `close` there is no thread, and calls go to the engine itself;
//! in between they are orders to its worker, given without the interpreter's lock.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

use pyo3::exceptions::{PyOSError, PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyDict;

use super::events::refused;
use super::plane_values::{counters, event, ice_config, latency, wrong, Told};
use super::{stats, table};
use crate::core::ids::{StreamId, TransportId};
use crate::core::table::TransportKind;
use crate::engine::clock::Clock;
use crate::engine::events::Ring;
use crate::engine::faults::Place;
use crate::engine::guard::guarded;
use crate::engine::random::OsRandom;
use crate::engine::state::{Engine as Core, EngineConfig, Traffic};
use crate::engine::worker::Worker;
use crate::ice::credentials::Credentials;
use crate::srtp::Profile;
use crate::stun::bucket::{PrefixBucket, SLOTS};
use crate::stun::StunServer;

/// The shape of this class; `meshnode.media.native` asks for the one that it knows.
pub const INTERFACE: u32 = 4;

/// Whether the engine has its thread.
enum Life {
    Idle(Box<Core>),
    Running(Worker<Core>),
    /// Between two states, or lost with a worker that could not be joined.
    Gone,
}

#[pyclass(module = "meshnode._native", frozen)]
pub struct Engine {
    life: Mutex<Life>,
    ring: Arc<Ring>,
}

/// Key and salt.
type Keys = (Vec<u8>, Vec<u8>);

/// Our ufrag, our password, and the client's ufrag.
type KnownBy = (String, String, String);

impl Engine {
    /// Do something to the engine, wherever it is, and wait for the outcome.
    pub(super) fn call<R: Send + 'static>(
        &self,
        py: Python<'_>,
        order: impl FnOnce(&mut Core) -> R + Send + 'static,
    ) -> PyResult<R> {
        let done = py.detach(|| {
            let mut life = self.life.lock().unwrap_or_else(PoisonError::into_inner);
            match &mut *life {
                Life::Idle(core) => guarded(|| order(core)).ok(),
                Life::Running(worker) => worker.call(order).ok(),
                Life::Gone => None,
            }
        });
        done.ok_or_else(|| PyRuntimeError::new_err("the packet path failed at it"))
    }

    /// The same without waiting.
    pub(super) fn post(&self, py: Python<'_>, order: impl FnOnce(&mut Core) + Send + 'static) {
        py.detach(|| {
            let mut life = self.life.lock().unwrap_or_else(PoisonError::into_inner);
            match &mut *life {
                Life::Idle(core) => order(core),
                Life::Running(worker) => worker.post(order),
                Life::Gone => {}
            }
        });
    }

    fn change(&self, next: impl FnOnce(Life) -> (Life, io::Result<()>)) -> io::Result<()> {
        let mut life = self.life.lock().unwrap_or_else(PoisonError::into_inner);
        let (changed, outcome) = next(std::mem::replace(&mut *life, Life::Gone));
        *life = changed;
        outcome
    }
}

#[pymethods]
impl Engine {
    #[new]
    #[pyo3(signature = (config, ice, *, stun_rate_per_s, stun_burst, uplink_bps, delays_s, ntp_offset_s))]
    #[allow(clippy::too_many_arguments)] // each has its name on the other side
    fn new(
        config: &Bound<'_, PyAny>,
        ice: &Bound<'_, PyAny>,
        stun_rate_per_s: f64,
        stun_burst: u32,
        uplink_bps: f64,
        delays_s: HashMap<String, f64>,
        ntp_offset_s: f64,
    ) -> PyResult<Self> {
        let config_py = config.py();
        let mut forwarding = table::config(config)?;
        forwarding.ntp_offset_s = ntp_offset_s;
        let delays = delays_s.into_iter();
        let delays = delays.map(|(host, delay_s)| Ok((address(&host)?, delay_s)));
        let config = EngineConfig {
            forwarding,
            ice: ice_config(ice)?,
            uplink_bps,
            delays_s: delays.collect::<PyResult<_>>()?,
        };
        let random = OsRandom;
        let bucket = PrefixBucket::new(&random.key(), stun_rate_per_s, stun_burst, SLOTS);
        let server = StunServer::new(bucket.map_err(|error| wrong(config_py, error))?);
        let ring = Arc::new(Ring::new()?);
        let told = Arc::clone(&ring);
        let time = config_py.import("time")?;
        let clock = Clock::agreeing(|| time.call_method0("monotonic")?.extract::<f64>())?;
        let core = Core::new(config, server, Box::new(random), clock, told);
        Ok(Self {
            life: Mutex::new(Life::Idle(Box::new(core))),
            ring,
        })
    }

    // -- port ----------------------------------------------------------------------------

    fn open(&self, py: Python<'_>, hosts: Vec<String>, port: u16) -> PyResult<Vec<(String, u16)>> {
        let hosts = hosts.iter().map(|host| address(host));
        let hosts: Vec<IpAddr> = hosts.collect::<PyResult<_>>()?;
        let bound = self.call(py, move |core| core.open(&hosts, port))?;
        let bound = bound.map_err(system_error)?;
        self.change(|life| match life {
            Life::Idle(core) => match Worker::start(*core) {
                Ok(worker) => (Life::Running(worker), Ok(())),
                Err(error) => (Life::Gone, Err(error)),
            },
            other => (other, Ok(())),
        })
        .map_err(system_error)?;
        Ok(bound.into_iter().map(plain).collect())
    }

    fn close(&self, py: Python<'_>) -> PyResult<()> {
        self.call(py, Core::close)?;
        py.detach(|| {
            self.change(|life| match life {
                Life::Running(worker) => match worker.stop() {
                    Some(core) => (Life::Idle(Box::new(core)), Ok(())),
                    None => (Life::Gone, Ok(())),
                },
                other => (other, Ok(())),
            })
        })?;
        self.ring.take();
        Ok(())
    }

    fn bell(&self) -> i32 {
        self.ring.raw()
    }

    /// (kind, what it tells) of every event that waits.
    fn take<'py>(&self, py: Python<'py>) -> PyResult<Vec<Told<'py>>> {
        let waiting = self.ring.take();
        waiting.into_iter().map(|one| event(py, one)).collect()
    }

    // -- transports ----------------------------------------------------------------------

    fn add_transport(
        &self,
        py: Python<'_>,
        transport: u64,
        kind: &str,
        known_by: KnownBy,
        start_bitrate_bps: i64,
    ) -> PyResult<()> {
        let (kind, with_ice) = match kind {
            "client" => (TransportKind::Client, true),
            "local" => (TransportKind::Local, false),
            "mesh" => (TransportKind::Mesh, false),
            _ => return Err(PyValueError::new_err("no such kind of transport")),
        };
        let fresh = with_ice.then(|| credentials(&known_by));
        let added = self.call(py, move |core| {
            core.add_transport(TransportId(transport), kind, fresh, start_bitrate_bps)
        })?;
        added.map_err(|error| refused(py, &error))
    }

    fn restart_transport(&self, py: Python<'_>, transport: u64, known_by: KnownBy) -> PyResult<()> {
        let fresh = credentials(&known_by);
        let transport = TransportId(transport);
        self.call(py, move |core| core.restart_transport(transport, fresh))?
            .map_err(|error| refused(py, &error))
    }

    fn set_keys(
        &self,
        py: Python<'_>,
        transport: u64,
        profile: &str,
        sending: Keys,
        receiving: Keys,
    ) -> PyResult<()> {
        let profile =
            Profile::named(profile).ok_or_else(|| PyValueError::new_err("no such SRTP profile"))?;
        let set = self.call(py, move |core| {
            let sending = (&sending.0[..], &sending.1[..]);
            let receiving = (&receiving.0[..], &receiving.1[..]);
            core.set_keys(TransportId(transport), profile, sending, receiving)
        })?;
        set.map_err(|error| refused(py, &error))
    }

    fn dtls_authentic(&self, py: Python<'_>, transport: u64) {
        self.post(py, move |core| core.dtls_authentic(TransportId(transport)));
    }

    fn send_dtls(&self, py: Python<'_>, transport: u64, datagrams: Vec<Vec<u8>>) {
        self.post(py, move |core| {
            core.send_dtls(TransportId(transport), &datagrams)
        });
    }

    fn close_transport(&self, py: Python<'_>, transport: u64) -> PyResult<()> {
        self.call(py, move |core| core.close_transport(TransportId(transport)))
    }

    // -- forwarding ----------------------------------------------------------------------

    fn program(&self, py: Python<'_>, change: &Bound<'_, PyAny>) -> PyResult<()> {
        let change = table::delta(change)?;
        self.call(py, move |core| core.program(change))?
            .map_err(|error| refused(py, &error))
    }

    fn inject(&self, py: Python<'_>, transport: u64, packets: Vec<Vec<u8>>) -> PyResult<()> {
        self.call(py, move |core| {
            core.inject(TransportId(transport), &packets)
        })
    }

    fn stream_history(&self, py: Python<'_>, stream: Vec<u8>) -> PyResult<Option<(i64, i64)>> {
        self.call(py, move |core| {
            core.stream_history(&StreamId(stream.into()))
        })
    }

    // -- what is known -------------------------------------------------------------------

    fn stats<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let found = self.call(py, |core| core.stats())?;
        let told = PyDict::new(py);
        told.set_item("transports", found.transports)?;
        told.set_item("received", traffic(py, found.received)?)?;
        told.set_item("sent", traffic(py, found.sent)?)?;
        told.set_item("relayed", traffic(py, found.relayed)?)?;
        let uplink = PyDict::new(py);
        uplink.set_item("packets", found.uplink.packets)?;
        uplink.set_item("bytes", found.uplink.octets)?;
        uplink.set_item("held", found.held)?;
        told.set_item("uplink", uplink)?;
        told.set_item("stun_answered", found.stun_answered)?;
        told.set_item("latency", latency(py, &found.latency)?)?;
        told.set_item("drops", counters(py, &found.drops)?)?;
        told.set_item("forwarder", stats::snapshot(py, &found.forwarder)?)?;
        Ok(told)
    }

    fn sent(&self, py: Python<'_>) -> PyResult<(u64, u64)> {
        self.call(py, |core| core.sent())
    }

    fn producer_stats<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let found = self.call(py, |core| core.producer_stats())?;
        stats::producers(py, &found)
    }

    fn audio_levels<'py>(
        &self,
        py: Python<'py>,
        since: HashMap<u64, i64>,
    ) -> PyResult<Bound<'py, PyDict>> {
        let since = stats::heads(since);
        let found = self.call(py, move |core| core.audio_levels(&since))?;
        stats::levels(py, found)
    }

    /// Let the worker fail once, the next time that it is at a place: for the tests that
    /// it goes on.
    #[pyo3(signature = (at = "order"))]
    fn panic(&self, py: Python<'_>, at: &str) -> PyResult<()> {
        let place = Place::named(at);
        let place = place.ok_or_else(|| PyValueError::new_err("no such place to fail at"))?;
        self.post(py, move |core| core.fail(place));
        Ok(())
    }
}

pub(super) fn address(host: &str) -> PyResult<IpAddr> {
    let told = |_| PyValueError::new_err(format!("{host:?} is no IP address"));
    host.parse().map_err(told)
}

/// As Python's sockets write it.
pub(super) fn plain(address: SocketAddr) -> (String, u16) {
    (address.ip().to_string(), address.port())
}

fn credentials((ufrag, pwd, remote_ufrag): &KnownBy) -> Credentials {
    Credentials {
        ufrag: ufrag.as_bytes().into(),
        pwd: pwd.as_bytes().into(),
        remote_ufrag: remote_ufrag.as_bytes().into(),
    }
}

fn traffic(py: Python<'_>, counted: Traffic) -> PyResult<Bound<'_, PyDict>> {
    let told = PyDict::new(py);
    told.set_item("packets", counted.packets)?;
    told.set_item("bytes", counted.octets)?;
    Ok(told)
}

/// `OSError` with its number, by which callers tell a taken port.
fn system_error(error: io::Error) -> PyErr {
    let number = error.raw_os_error().unwrap_or(0);
    PyOSError::new_err((number, error.to_string()))
}

pub fn register(parent: &Bound<'_, PyModule>) -> PyResult<()> {
    parent.add("INTERFACE", INTERFACE)?;
    parent.add_class::<Engine>()
}
