//! A forwarder's counters as the dictionaries of `meshproto.forwarding.stats`.

use std::collections::HashMap;

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyTuple};
use rustc_hash::FxHashMap;

use crate::core::ids::ProducerId;
use crate::core::levels::Levels;
use crate::core::stats::{
    ConsumerStats, LayerStats, LegStats, ProducerStats, Stats, StreamStats, TransportStats,
    UpperStats,
};

type Dict<'py> = PyResult<Bound<'py, PyDict>>;

/// The numbers that a caller of `audio_levels` knows already.
pub fn heads(since: HashMap<u64, i64>) -> FxHashMap<ProducerId, i64> {
    let known = since.into_iter();
    known.map(|(id, number)| (ProducerId(id), number)).collect()
}

/// `meshproto.forwarding.levels.Levels`.
pub fn levels(py: Python<'_>, levels: Levels) -> Dict<'_> {
    let found = PyDict::new(py);
    for (producer, newest, heard) in levels {
        found.set_item(producer.0, (newest, PyTuple::new(py, heard)?))?;
    }
    Ok(found)
}

macro_rules! dictionary {
    ($py:ident, $value:ident, $($name:ident),* $(,)?) => {{
        let found = PyDict::new($py);
        $(found.set_item(stringify!($name), &$value.$name)?;)*
        found
    }};
}

/// The whole shape.
pub fn snapshot<'py>(py: Python<'py>, stats: &Stats) -> Dict<'py> {
    let (drops, transports) = (PyDict::new(py), PyDict::new(py));
    let (consumers, streams) = (PyDict::new(py), PyDict::new(py));
    for (reason, count) in &stats.drops {
        drops.set_item(reason, count)?;
    }
    for (id, transport) in &stats.transports {
        transports.set_item(id.0, self::transport(py, transport)?)?;
    }
    for (id, consumer) in &stats.consumers {
        consumers.set_item(id.0, self::consumer(py, consumer)?)?;
    }
    for (id, stream) in &stats.streams {
        let name: String = id.0.iter().map(|octet| format!("{octet:02x}")).collect();
        streams.set_item(name, self::stream(py, stream)?)?;
    }
    let found = PyDict::new(py);
    found.set_item("drops", drops)?;
    found.set_item("transports", transports)?;
    found.set_item("producers", producers(py, &stats.producers)?)?;
    found.set_item("consumers", consumers)?;
    found.set_item("streams", streams)?;
    Ok(found)
}

/// The producers' part.
pub fn producers<'py>(py: Python<'py>, stats: &[(ProducerId, ProducerStats)]) -> Dict<'py> {
    let found = PyDict::new(py);
    for (id, producer) in stats {
        let layers = PyDict::new(py);
        for (rid, layer) in &producer.layers {
            layers.set_item(&**rid, self::layer(py, layer)?)?;
        }
        let entry = PyDict::new(py);
        entry.set_item("kind", producer.kind)?;
        entry.set_item("transport", producer.transport.0)?;
        entry.set_item("layers", layers)?;
        found.set_item(id.0, entry)?;
    }
    Ok(found)
}

fn transport<'py>(py: Python<'py>, transport: &TransportStats) -> Dict<'py> {
    Ok(dictionary!(
        py,
        transport,
        kind,
        sending,
        ssrcs,
        rtt_s,
        estimate_bps
    ))
}

fn layer<'py>(py: Python<'py>, layer: &LayerStats) -> Dict<'py> {
    Ok(dictionary!(
        py,
        layer,
        ssrc,
        packets,
        lost,
        jitter,
        bitrate_bps,
        width,
        height,
        history_packets,
        history_bytes,
        cached,
        key_frames,
        key_frames_requested,
        nacks_requested,
        nacks_recovered,
        nacks_abandoned,
        consumers
    ))
}

fn consumer<'py>(py: Python<'py>, consumer: &ConsumerStats) -> Dict<'py> {
    let found = dictionary!(
        py,
        consumer,
        kind,
        phase,
        packets,
        octets,
        dropped,
        overflows,
        fraction_lost,
        key_frame_requests,
        repaired,
        repaired_octets,
        repairs_missed,
        repairs_refused
    );
    found.set_item("transport", consumer.transport.0)?;
    found.set_item("rid", consumer.rid.as_deref())?;
    Ok(found)
}

fn stream<'py>(py: Python<'py>, stream: &StreamStats) -> Dict<'py> {
    let found = dictionary!(py, stream, origin, newest, silent);
    let counters = PyDict::new(py);
    for (reason, count) in &stream.counters {
        counters.set_item(reason, count)?;
    }
    found.set_item("counters", counters)?;
    let upper = |upper: &Option<UpperStats>| upper.as_ref().map(|leg| self::upper(py, leg));
    found.set_item("active", upper(&stream.active).transpose()?)?;
    found.set_item("second", upper(&stream.second).transpose()?)?;
    let legs = PyList::empty(py);
    for leg in &stream.legs {
        legs.append(self::leg(py, leg)?)?;
    }
    found.set_item("legs", legs)?;
    Ok(found)
}

fn upper<'py>(py: Python<'py>, upper: &UpperStats) -> Dict<'py> {
    let found = dictionary!(py, upper, packets, told);
    found.set_item("transport", upper.transport.map(|id| id.0))?;
    found.set_item("use", upper.purpose)?;
    Ok(found)
}

fn leg<'py>(py: Python<'py>, leg: &LegStats) -> Dict<'py> {
    let found = dictionary!(
        py,
        leg,
        standby,
        paused,
        packets,
        octets,
        waiting,
        loss,
        queue_s,
        overflows,
        repaired,
        repairs_missed,
        repairs_refused
    );
    found.set_item("transport", leg.transport.map(|id| id.0))?;
    Ok(found)
}
