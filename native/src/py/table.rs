//! What programs a plane, read from the dataclasses of `meshproto.forwarding`.

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use super::parameters;
use crate::core::config::ForwardingConfig;
use crate::core::ids::{ConsumerId, NodeId, ProducerId, StreamId, TransportId};
use crate::core::relay_table::{BindStream, RelayDelta, Second, Slot};
use crate::core::table::{
    AddConsumer, AddProducer, ForwardingDelta, PlaneDelta, Rid, Selection, TransportKind,
};

type Any<'a, 'py> = &'a Bound<'py, PyAny>;

/// A field of a dataclass.
fn field<'py, T: FromPyObjectOwned<'py>>(value: Any<'_, 'py>, name: &str) -> PyResult<T> {
    value.getattr(name)?.extract().map_err(Into::into)
}

/// A field that is a sequence, each element read by `read`.
fn each<'py, T>(
    value: Any<'_, 'py>,
    name: &str,
    read: impl Fn(Any<'_, 'py>) -> PyResult<T>,
) -> PyResult<Vec<T>> {
    let items = value.getattr(name)?.try_iter()?;
    items.map(|item| read(&item?)).collect()
}

fn rid(value: Any<'_, '_>) -> PyResult<Rid> {
    Ok(value.extract::<String>()?.into())
}

fn transport_id(value: Any<'_, '_>) -> PyResult<TransportId> {
    field(value, "transport").map(TransportId)
}

fn producer_id(value: Any<'_, '_>) -> PyResult<ProducerId> {
    field(value, "producer").map(ProducerId)
}

fn consumer_id(value: Any<'_, '_>) -> PyResult<ConsumerId> {
    field(value, "consumer").map(ConsumerId)
}

fn octets(value: Any<'_, '_>) -> PyResult<std::sync::Arc<[u8]>> {
    let bytes = value.cast::<PyBytes>()?;
    Ok(bytes.as_bytes().into())
}

pub fn stream_id(value: Any<'_, '_>) -> PyResult<StreamId> {
    octets(value).map(StreamId)
}

pub fn node_id(value: Any<'_, '_>) -> PyResult<NodeId> {
    octets(value).map(NodeId)
}

fn stream(value: Any<'_, '_>) -> PyResult<StreamId> {
    stream_id(&value.getattr("stream")?)
}

fn child(value: Any<'_, '_>) -> PyResult<NodeId> {
    node_id(&value.getattr("child")?)
}

fn parent(value: Any<'_, '_>) -> PyResult<Option<NodeId>> {
    let parent = value.getattr("parent")?;
    (!parent.is_none()).then(|| node_id(&parent)).transpose()
}

/// The value of a `TransportKind`.
pub fn transport_kind(value: Any<'_, '_>) -> PyResult<TransportKind> {
    let name: String = field(value, "value")?;
    match &*name {
        "client" => Ok(TransportKind::Client),
        "local" => Ok(TransportKind::Local),
        "relay" => Ok(TransportKind::Relay),
        "mesh" => Ok(TransportKind::Mesh),
        _ => Err(PyTypeError::new_err("no such kind of transport")),
    }
}

fn selection(value: Any<'_, '_>) -> PyResult<Selection> {
    let rid: Option<String> = field(value, "rid")?;
    Ok(Selection {
        rid: rid.map(Into::into),
        max_spatial: field(value, "max_spatial")?,
        max_temporal: field(value, "max_temporal")?,
        paused: field(value, "paused")?,
    })
}

fn add_producer(value: Any<'_, '_>) -> PyResult<AddProducer> {
    Ok(AddProducer {
        producer: producer_id(value)?,
        transport: transport_id(value)?,
        kind: parameters::kind(&value.getattr("kind")?)?,
        mid: field(value, "mid")?,
        codecs: each(value, "codecs", parameters::codec)?,
        extensions: each(value, "extensions", parameters::extension)?,
        rids: each(value, "rids", rid)?,
        ssrcs: each(value, "ssrcs", parameters::binding)?,
    })
}

fn add_consumer(value: Any<'_, '_>) -> PyResult<AddConsumer> {
    Ok(AddConsumer {
        consumer: consumer_id(value)?,
        producer: producer_id(value)?,
        transport: transport_id(value)?,
        kind: parameters::kind(&value.getattr("kind")?)?,
        mid: field(value, "mid")?,
        ssrc: field(value, "ssrc")?,
        rtx_ssrc: field(value, "rtx_ssrc")?,
        codecs: each(value, "codecs", parameters::codec)?,
        extensions: each(value, "extensions", parameters::extension)?,
        selection: selection(&value.getattr("selection")?)?,
        first_sequence: field(value, "first_sequence")?,
        first_timestamp: field(value, "first_timestamp")?,
    })
}

/// Any delta of `PlaneDelta`, by the name of its class.
pub fn delta(value: Any<'_, '_>) -> PyResult<PlaneDelta> {
    use ForwardingDelta as F;
    let name = value.get_type().name()?;
    Ok(PlaneDelta::Forwarding(match name.to_str()? {
        "AddProducer" => F::AddProducer(Box::new(add_producer(value)?)),
        "RemoveProducer" => F::RemoveProducer(producer_id(value)?),
        "AddConsumer" => F::AddConsumer(Box::new(add_consumer(value)?)),
        "MoveConsumer" => F::MoveConsumer(consumer_id(value)?, producer_id(value)?),
        "SetSelection" => {
            let selection = selection(&value.getattr("selection")?)?;
            F::SetSelection(consumer_id(value)?, selection)
        }
        "RemoveConsumer" => F::RemoveConsumer(consumer_id(value)?),
        "RequestKeyFrame" => F::RequestKeyFrame(producer_id(value)?),
        "BindStream" => return bind(value).map(PlaneDelta::Bind),
        other => return relay(other, value).map(PlaneDelta::Relay),
    }))
}

fn bind(value: Any<'_, '_>) -> PyResult<BindStream> {
    Ok(BindStream {
        stream: stream(value)?,
        slots: each(value, "slots", |slot| {
            Ok(Slot {
                producer: producer_id(slot)?,
                rid: rid(&slot.getattr("rid")?)?,
                bit: field(slot, "bit")?,
            })
        })?,
    })
}

fn relay(name: &str, value: Any<'_, '_>) -> PyResult<RelayDelta> {
    let stream = stream(value)?;
    Ok(match name {
        "OpenStream" => RelayDelta::OpenStream {
            stream,
            origin: field(value, "origin")?,
        },
        "CloseStream" => RelayDelta::CloseStream { stream },
        "SetActive" => RelayDelta::SetActive {
            stream,
            parent: parent(value)?,
            alias: field(value, "alias")?,
            base: field(value, "base")?,
        },
        "SetSecond" => RelayDelta::SetSecond {
            stream,
            parent: parent(value)?,
            purpose: second(&value.getattr("use")?)?,
            alias: field(value, "alias")?,
            base: field(value, "base")?,
        },
        "OpenLeg" => RelayDelta::OpenLeg {
            stream,
            child: child(value)?,
            alias: field(value, "alias")?,
            layers: field(value, "layers")?,
            start: field(value, "start")?,
            standby: field(value, "standby")?,
        },
        "SetLeg" => RelayDelta::SetLeg {
            stream,
            child: child(value)?,
            layers: field(value, "layers")?,
            pause_after: field(value, "pause_after")?,
        },
        "CloseLeg" => RelayDelta::CloseLeg {
            stream,
            child: child(value)?,
        },
        _ => return Err(PyTypeError::new_err(format!("{name} programs no plane"))),
    })
}

fn second(value: Any<'_, '_>) -> PyResult<Second> {
    let name: String = field(value, "value")?;
    match &*name {
        "standby" => Ok(Second::Standby),
        "joining" => Ok(Second::Joining),
        "dual" => Ok(Second::Dual),
        _ => Err(PyTypeError::new_err("no such use of a second leg")),
    }
}

macro_rules! read_fields {
    ($value:ident, $($name:ident),* $(,)?) => {
        ForwardingConfig { $($name: field($value, stringify!($name))?),* }
    };
}

/// A `ForwardingConfig` of the reference.
pub fn config(value: Any<'_, '_>) -> PyResult<ForwardingConfig> {
    Ok(read_fields!(
        value,
        transports,
        producers,
        consumers,
        ssrcs_per_transport,
        layers_per_producer,
        history_packets,
        history_s,
        history_bytes,
        nack_outstanding,
        nack_retries,
        nack_give_up_s,
        cache_bytes,
        cache_packets,
        cache_age_s,
        cache_fresh_s,
        replay_beyond_s,
        replay_speed,
        replay_first_frame_s,
        replay_step_s,
        key_frame_interval_s,
        key_frame_refresh_s,
        slow_consumer_s,
        rtx_share,
        rtx_burst_bytes,
        nacked_packets,
        transport_feedback_s,
        report_s,
        publisher_bitrate_bps,
        allocation_s,
        silence_s,
        equalise_bytes,
        streams,
        legs_per_stream,
        leg_burst_packets,
        leg_step_s,
        leg_backlog_packets,
        leg_feedback_s,
        keep_alive_s,
        heartbeat_gap_s,
        heartbeat_s,
        silence_of_legs_s,
        joining_s,
        joining_packets,
        activate_packets,
        ntp_offset_s,
        cname,
    ))
}
