//! The values of `_native.Engine`: settings in, events and errors out.

use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyTuple};

use super::events::{event as core_event, refused};
use super::plane::plain;
use crate::counters::Counters;
use crate::engine::events::Event;
use crate::engine::latency::{Histogram, BOUNDS_US};
use crate::errors::{Refused, StateError};
use crate::ice::config::IceConfig;

/// Kind of an event, and what it tells.
pub type Told<'py> = (&'static str, Bound<'py, PyTuple>);

/// One event for `NativePlane._take`.
pub fn event(py: Python<'_>, event: Event) -> PyResult<Told<'_>> {
    let bytes = |octets: &[u8]| PyBytes::new(py, octets);
    Ok(match event {
        Event::Validated { transport, address } => (
            "validated",
            (transport.0, plain(address)).into_pyobject(py)?,
        ),
        Event::Silent {
            transport,
            silence_s,
            expired,
        } => (
            "silent",
            (transport.0, silence_s, expired).into_pyobject(py)?,
        ),
        Event::Dtls {
            transport,
            datagram,
        } => ("dtls", (transport.0, bytes(&datagram)).into_pyobject(py)?),
        Event::Stun {
            datagram,
            port,
            local,
            source,
            at,
            client,
        } => {
            let local = (port, bytes(&local.octets()));
            let told = (bytes(&datagram), plain(source), local, at, client);
            ("stun", told.into_pyobject(py)?)
        }
        Event::Released { address, token } => {
            ("released", (plain(address), token).into_pyobject(py)?)
        }
        Event::LocalPacket {
            transport,
            consumer,
            packet,
        } => (
            "packet",
            (transport.0, consumer.0, bytes(&packet)).into_pyobject(py)?,
        ),
        Event::LocalFeedback { transport, packet } => {
            ("feedback", (transport.0, bytes(&packet)).into_pyobject(py)?)
        }
        Event::Fault(reason) => ("fault", (reason,).into_pyobject(py)?),
        Event::Failed { what, why } => ("failed", (what, why).into_pyobject(py)?),
        Event::Core(told) => ("event", (core_event(py, &told)?,).into_pyobject(py)?),
    })
}

/// The exception for what does not fit the state.
pub fn wrong(py: Python<'_>, error: StateError) -> PyErr {
    refused(py, &Refused::State(error.0.to_owned()))
}

/// From a `meshproto.ice.path.IceConfig`.
pub fn ice_config(told: &Bound<'_, PyAny>) -> PyResult<IceConfig> {
    let config = IceConfig {
        transports: told.getattr("transports")?.extract()?,
        addresses_per_transport: told.getattr("addresses_per_transport")?.extract()?,
        remembered_checks: told.getattr("remembered_checks")?.extract()?,
        silence_s: told.getattr("silence_s")?.extract()?,
        consent_s: told.getattr("consent_s")?.extract()?,
        move_silence_s: told.getattr("move_silence_s")?.extract()?,
        amplification: told.getattr("amplification")?.extract()?,
    };
    config.checked().map_err(|error| wrong(told.py(), error))
}

pub fn counters<'py>(py: Python<'py>, counted: &Counters) -> PyResult<Bound<'py, PyDict>> {
    let told = PyDict::new(py);
    for (name, times) in counted.iter() {
        told.set_item(name, times)?;
    }
    Ok(told)
}

/// Bounds and sum in seconds, packets between the bounds.
pub fn latency<'py>(py: Python<'py>, counted: &Histogram) -> PyResult<Bound<'py, PyDict>> {
    let told = PyDict::new(py);
    let bounds_s = BOUNDS_US.map(|bound| bound as f64 / 1e6);
    told.set_item("bounds_s", bounds_s.to_vec())?;
    told.set_item("counts", counted.counts.to_vec())?;
    told.set_item("sum_s", counted.total_ns as f64 / 1e9)?;
    Ok(told)
}
