//! `_native.wire`, header extensions: elements, and values by the name of their codec.

use pyo3::exceptions::PyKeyError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyTuple};

use super::rtcp::misused;
use super::wire::refused;
use crate::wire::extension_values as values;
use crate::wire::extensions;

type Element = (u8, Vec<u8>);

fn borrowed(elements: &[Element]) -> Vec<(u8, &[u8])> {
    let each = elements.iter();
    each.map(|(id, value)| (*id, &value[..])).collect()
}

/// The constants of `meshproto.wire.extensions` that name an extension.
fn uris() -> [(&'static str, &'static str); 10] {
    [
        ("MID", extensions::MID),
        ("RID", extensions::RID),
        ("REPAIRED_RID", extensions::REPAIRED_RID),
        ("AUDIO_LEVEL", extensions::AUDIO_LEVEL),
        ("TIME_OFFSET", extensions::TIME_OFFSET),
        ("VIDEO_ORIENTATION", extensions::VIDEO_ORIENTATION),
        ("ABS_SEND_TIME", extensions::ABS_SEND_TIME),
        ("PLAYOUT_DELAY", extensions::PLAYOUT_DELAY),
        ("TRANSPORT_SEQUENCE", extensions::TRANSPORT_SEQUENCE),
        ("DEPENDENCY_DESCRIPTOR", extensions::DEPENDENCY_DESCRIPTOR),
    ]
}

#[pyfunction]
fn profile_for(elements: Vec<Element>) -> u16 {
    extensions::profile_for(&borrowed(&elements))
}

#[pyfunction]
fn encode_elements(profile: u16, elements: Vec<Element>) -> PyResult<Vec<u8>> {
    extensions::encode(profile, &borrowed(&elements)).map_err(misused)
}

/// The fields of a value.
#[pyfunction]
fn decode_value<'py>(py: Python<'py>, name: &str, value: &[u8]) -> PyResult<Bound<'py, PyTuple>> {
    match name {
        "abs_send_time" => {
            (values::decode_abs_send_time(value).map_err(refused)?,).into_pyobject(py)
        }
        "transport_sequence" => {
            (values::decode_transport_sequence(value).map_err(refused)?,).into_pyobject(py)
        }
        "time_offset" => (values::decode_time_offset(value).map_err(refused)?,).into_pyobject(py),
        "audio_level" => {
            let found = values::decode_audio_level(value).map_err(refused)?;
            (found.voice, found.level).into_pyobject(py)
        }
        "video_orientation" => {
            let found = values::decode_video_orientation(value).map_err(refused)?;
            (found.camera, found.flip, found.rotation).into_pyobject(py)
        }
        "playout_delay" => {
            let found = values::decode_playout_delay(value).map_err(refused)?;
            (found.minimum, found.maximum).into_pyobject(py)
        }
        "text" => (values::decode_text(value).map_err(refused)?,).into_pyobject(py),
        _ => Err(PyKeyError::new_err(name.to_owned())),
    }
}

/// A value of `fields`, written.
#[pyfunction]
fn encode_value<'py>(name: &str, fields: Bound<'py, PyTuple>) -> PyResult<Bound<'py, PyBytes>> {
    let bytes = |found: &[u8]| PyBytes::new(fields.py(), found);
    Ok(match name {
        "abs_send_time" => {
            let (time_s,) = fields.extract()?;
            bytes(&values::encode_abs_send_time(time_s))
        }
        "transport_sequence" => {
            let (sequence,) = fields.extract()?;
            bytes(&values::encode_transport_sequence(sequence))
        }
        "time_offset" => {
            let (ticks,) = fields.extract()?;
            bytes(&values::encode_time_offset(ticks).map_err(misused)?)
        }
        "audio_level" => {
            let (voice, level) = fields.extract()?;
            bytes(&values::encode_audio_level(values::AudioLevel {
                voice,
                level,
            }))
        }
        "video_orientation" => {
            let (camera, flip, rotation) = fields.extract()?;
            let value = values::VideoOrientation {
                camera,
                flip,
                rotation,
            };
            bytes(&values::encode_video_orientation(value))
        }
        "playout_delay" => {
            let (minimum, maximum) = fields.extract()?;
            let value = values::PlayoutDelay { minimum, maximum };
            bytes(&values::encode_playout_delay(value).map_err(misused)?)
        }
        "text" => {
            let (text,): (String,) = fields.extract()?;
            bytes(values::encode_text(&text).map_err(misused)?)
        }
        _ => return Err(PyKeyError::new_err(name.to_owned())),
    })
}

pub(super) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("URIS", uris().to_vec())?;
    module.add_function(wrap_pyfunction!(profile_for, module)?)?;
    module.add_function(wrap_pyfunction!(encode_elements, module)?)?;
    module.add_function(wrap_pyfunction!(decode_value, module)?)?;
    module.add_function(wrap_pyfunction!(encode_value, module)?)
}
