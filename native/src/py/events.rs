//! What a plane tells control, as the values of `meshproto.forwarding`.

use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyTuple};

use crate::core::events::{Event, ForwardingEvent};
use crate::core::ids::{NodeId, StreamId};
use crate::core::relay_table::PlaneNotice;
use crate::core::table::Rid;
use crate::errors::Refused;

type Object<'py> = PyResult<Bound<'py, PyAny>>;

fn made<'py, A>(py: Python<'py>, module: &str, class: &str, fields: A) -> Object<'py>
where
    A: pyo3::call::PyCallArgs<'py>,
{
    py.import(module)?.getattr(class)?.call1(fields)
}

/// The exception that the reference raises.
pub fn refused(py: Python<'_>, error: &Refused) -> PyErr {
    let errors = "meshproto.errors";
    let made = match error {
        Refused::State(said) => made(py, errors, "StateError", (said,)),
        Refused::Limit(limit, maximum) => made(py, errors, "LimitError", (limit, maximum)),
    };
    made.map_or_else(|error| error, PyErr::from_value)
}

/// The event or notice.
pub fn event<'py>(py: Python<'py>, event: &Event) -> Object<'py> {
    match event {
        Event::Forwarding(event) => forwarding(py, event),
        Event::Notice(notice) => self::notice(py, notice),
    }
}

fn forwarding<'py>(py: Python<'py>, event: &ForwardingEvent) -> Object<'py> {
    use ForwardingEvent as E;
    let events = "meshproto.forwarding.events";
    match event {
        E::LayerFound {
            producer,
            rid,
            ssrc,
            codec,
        } => made(py, events, "LayerFound", (producer.0, &**rid, ssrc, codec)),
        E::LayerSwitched { consumer, rid } => {
            made(py, events, "LayerSwitched", (consumer.0, rid.as_deref()))
        }
        E::LayersWanted { producer, rids } => {
            let rids = PyTuple::new(py, rids.iter().map(Rid::as_ref))?;
            made(py, events, "LayersWanted", (producer.0, rids))
        }
        E::EstimateChanged {
            transport,
            bitrate_bps,
        } => made(py, events, "EstimateChanged", (transport.0, bitrate_bps)),
        E::ProducerSilent {
            producer,
            silence_s,
        } => made(py, events, "ProducerSilent", (producer.0, silence_s)),
        E::LimitReached { limit, maximum } => made(py, events, "LimitReached", (limit, maximum)),
    }
}

fn stream<'py>(py: Python<'py>, stream: &StreamId) -> Bound<'py, PyBytes> {
    PyBytes::new(py, &stream.0)
}

fn node<'py>(py: Python<'py>, node: &NodeId) -> Bound<'py, PyBytes> {
    PyBytes::new(py, &node.0)
}

fn notice<'py>(py: Python<'py>, notice: &PlaneNotice) -> Object<'py> {
    use PlaneNotice as N;
    let table = "meshproto.forwarding.relay_table";
    match notice {
        N::FirstNew {
            stream: of,
            parent,
            sequence,
        } => {
            let fields = (stream(py, of), node(py, parent), sequence);
            made(py, table, "FirstNew", fields)
        }
        N::NothingNew {
            stream: of,
            parent,
            newest,
            lead,
        } => {
            let fields = (stream(py, of), node(py, parent), newest, lead);
            made(py, table, "NothingNew", fields)
        }
        N::Activated {
            stream: of,
            parent,
            sequence,
        } => {
            let fields = (stream(py, of), node(py, parent), sequence);
            made(py, table, "Activated", fields)
        }
        N::LegActivated {
            stream: of,
            child,
            sequence,
        } => {
            let fields = (stream(py, of), node(py, child), sequence);
            made(py, table, "LegActivated", fields)
        }
        N::Silent {
            stream: of,
            link_alive,
        } => made(py, table, "Silent", (stream(py, of), link_alive)),
        N::Flowing {
            stream: of,
            parent,
            sequence,
        } => {
            let fields = (stream(py, of), node(py, parent), sequence);
            made(py, table, "Flowing", fields)
        }
    }
}
