//! `meshproto.wire.parameters` to the crate's values and back.

use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;

use crate::wire::parameters::{Codec, Extension, MediaKind, SsrcBinding};

/// The value of a `MediaKind`.
pub(super) fn kind(value: &Bound<'_, PyAny>) -> PyResult<MediaKind> {
    let name: String = value.getattr("value")?.extract()?;
    MediaKind::of(&name).map_err(|error| PyRuntimeError::new_err(error.0))
}

pub(super) fn codec(value: &Bound<'_, PyAny>) -> PyResult<Codec> {
    // a description may name any number of channels, and nobody here counts with it
    let channels = value.getattr("channels")?.extract();
    Ok(Codec {
        payload_type: value.getattr("payload_type")?.extract()?,
        name: value.getattr("name")?.extract()?,
        clock_rate_hz: value.getattr("clock_rate_hz")?.extract()?,
        channels: channels.unwrap_or(u32::MAX),
        parameters: value.getattr("parameters")?.extract()?,
        rtx_payload_type: value.getattr("rtx_payload_type")?.extract()?,
        feedback: value.getattr("feedback")?.extract()?,
    })
}

pub(super) fn extension(value: &Bound<'_, PyAny>) -> PyResult<Extension> {
    Ok(Extension {
        id: value.getattr("id")?.extract()?,
        uri: value.getattr("uri")?.extract()?,
    })
}

pub(super) fn binding(value: &Bound<'_, PyAny>) -> PyResult<SsrcBinding> {
    Ok(SsrcBinding {
        ssrc: value.getattr("ssrc")?.extract()?,
        rid: value.getattr("rid")?.extract()?,
        repairs: value.getattr("repairs")?.extract()?,
    })
}

/// The name of the kind that arrived.
#[pyfunction]
fn read_kind(value: &Bound<'_, PyAny>) -> PyResult<&'static str> {
    kind(value).map(MediaKind::name)
}

type CodecFields = (u8, String, u32, u32, String, Option<u8>, Vec<String>);

/// The fields that arrived, in their order.
#[pyfunction]
fn read_codec(value: &Bound<'_, PyAny>) -> PyResult<CodecFields> {
    let found = codec(value)?;
    Ok((
        found.payload_type,
        found.name,
        found.clock_rate_hz,
        found.channels,
        found.parameters,
        found.rtx_payload_type,
        found.feedback,
    ))
}

#[pyfunction]
fn read_extension(value: &Bound<'_, PyAny>) -> PyResult<(u16, String)> {
    let found = extension(value)?;
    Ok((found.id, found.uri))
}

#[pyfunction]
fn read_binding(value: &Bound<'_, PyAny>) -> PyResult<(u32, String, Option<u32>)> {
    let found = binding(value)?;
    Ok((found.ssrc, found.rid, found.repairs))
}

pub(super) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(read_kind, module)?)?;
    module.add_function(wrap_pyfunction!(read_codec, module)?)?;
    module.add_function(wrap_pyfunction!(read_extension, module)?)?;
    module.add_function(wrap_pyfunction!(read_binding, module)?)
}
