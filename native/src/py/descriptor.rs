//! `_native.descriptor`: the readers of video descriptors, for the tests that compare
//! them with `meshproto.wire.descriptor`.
//!
//! Values cross as plain tuples, in the order of the reference's fields.

use std::sync::Arc;

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use crate::errors::DecodeError;
use crate::wire::descriptor::{av1, dependency, h264, layers, vp8, vp9, FrameFacts};

/// The fields of `FrameFacts`, `end` last.
type Facts = (bool, bool, u8, u8, bool, bool, bool, Option<bool>);

fn refused(error: DecodeError) -> PyErr {
    PyValueError::new_err(error.reason)
}

fn plain(facts: FrameFacts) -> Facts {
    (
        facts.start,
        facts.keyframe,
        facts.spatial,
        facts.temporal,
        facts.switch_up,
        facts.spatial_switch,
        facts.discardable,
        facts.end,
    )
}

/// The facts of a payload; `ValueError` holds the reason.
#[pyfunction]
fn describe(codec: &str, payload: &[u8]) -> PyResult<Facts> {
    let found = crate::wire::descriptor::describe(codec, payload);
    found.map(plain).map_err(refused)
}

/// Whether each of the six flags holds, the partition, and the numbers.
type Vp8 = ((bool, bool, u8, bool, bool, bool), Numbers, bool);
type Numbers = (u8, u8, u16, u8, u8, u8, u8, u8, bool, u8);

#[pyfunction]
fn parse_vp8(payload: &[u8]) -> PyResult<Vp8> {
    let found = vp8::parse(payload).map_err(refused)?;
    let numbers = found.numbers;
    Ok((
        (
            found.non_reference,
            found.start,
            found.partition,
            found.has_temporal,
            found.has_keyidx,
            found.extended,
        ),
        (
            numbers.picture_at,
            numbers.picture_bits,
            numbers.picture_id,
            numbers.tl0_at,
            numbers.tl0picidx,
            numbers.layer_at,
            numbers.keyidx,
            numbers.temporal,
            numbers.sync,
            numbers.size,
        ),
        found.keyframe,
    ))
}

/// The payload with new numbers.
#[pyfunction]
#[pyo3(signature = (payload, picture_id, tl0picidx, keyidx=None))]
fn rewrite_vp8(
    mut payload: Vec<u8>,
    picture_id: u16,
    tl0picidx: u8,
    keyidx: Option<u8>,
) -> PyResult<Vec<u8>> {
    vp8::rewrite(&mut payload, picture_id, tl0picidx, keyidx).map_err(refused)?;
    Ok(payload)
}

/// The seven flags; the numbers up to TL0PICIDX; references, structure and size.
type Vp9 = (
    (bool, bool, bool, bool, bool, bool, bool),
    (u16, u8, bool, u8, bool, u8),
    (Vec<u16>, Option<Vp9Structure>, usize),
);
type Vp9Structure = (u8, Vec<(u16, u16)>, bool, Vec<(u8, bool, Vec<u16>)>);

/// As numbers: Python would take octets for `bytes`.
fn numbers(octets: &[u8]) -> Vec<u16> {
    octets.iter().map(|&octet| u16::from(octet)).collect()
}

#[pyfunction]
fn parse_vp9(payload: &[u8]) -> PyResult<Vp9> {
    let found = vp9::parse(payload).map_err(refused)?;
    Ok((
        (
            found.has_picture_id,
            found.inter_picture,
            found.has_layer,
            found.flexible,
            found.begins,
            found.ends,
            found.not_reference,
        ),
        (
            found.picture_id,
            found.temporal,
            found.switch_up,
            found.spatial,
            found.inter_layer,
            found.tl0picidx,
        ),
        (
            numbers(&found.references),
            found.structure.map(vp9_structure),
            found.size,
        ),
    ))
}

fn vp9_structure(found: vp9::Structure) -> Vp9Structure {
    let group = found.group.iter();
    let group = group.map(|one| (one.temporal, one.switch_up, numbers(&one.references)));
    (
        found.spatial_layers,
        found.sizes,
        found.has_group,
        group.collect(),
    )
}

#[pyfunction]
fn unit_types_h264(payload: &[u8]) -> PyResult<Vec<u16>> {
    let found = h264::unit_types(payload).map_err(refused)?;
    Ok(numbers(&found))
}

/// What each payload completes, or the reason why it was refused; None stands for a loss.
#[pyfunction]
fn depacketize_h264(
    payloads: Vec<Option<Vec<u8>>>,
    unit_bytes_max: usize,
) -> Vec<(Vec<u8>, Option<&'static str>)> {
    let mut depacketizer = h264::Depacketizer::new(unit_bytes_max);
    let mut push = |payload: Option<Vec<u8>>| {
        let Some(payload) = payload else {
            depacketizer.lost();
            return (Vec::new(), None);
        };
        match depacketizer.push(&payload) {
            Ok(done) => (done, None),
            Err(error) => (Vec::new(), Some(error.reason)),
        }
    };
    payloads.into_iter().map(&mut push).collect()
}

type Av1 = (bool, bool, u8, bool, Vec<Vec<u8>>);

#[pyfunction]
fn parse_av1(payload: &[u8]) -> PyResult<Av1> {
    let found = av1::parse(payload).map_err(refused)?;
    let elements = found.elements.iter().map(|element| element.to_vec());
    Ok((
        found.continues,
        found.continued,
        found.element_count,
        found.new_sequence,
        elements.collect(),
    ))
}

type Layer = (u8, Vec<u64>, u32, u32, u8);

#[pyfunction]
fn parse_layers(data: &[u8]) -> PyResult<(u8, Vec<Vec<Layer>>)> {
    let found = layers::parse(data).map_err(refused)?;
    let plain = |layer: layers::SpatialLayer| {
        (
            layer.spatial,
            layer.bitrates_bps,
            layer.width,
            layer.height,
            layer.frames_per_s,
        )
    };
    let streams = found.spatial_layers.into_iter();
    let streams = streams.map(|stream| stream.into_iter().map(plain).collect());
    Ok((found.stream, streams.collect()))
}

type Template = (u8, u8, Vec<u16>, Vec<u16>, Vec<u16>);
type Structure = (
    u8,
    Vec<Template>,
    u8,
    u8,
    Vec<u16>,
    Vec<(u8, u8)>,
    Vec<(u32, u32)>,
);
type Dependency = (
    (bool, bool, u8, u16),
    Option<Structure>,
    Option<Template>,
    Option<u32>,
    Facts,
);

/// The descriptors of a stream's packets, each read with the latest structure before it,
/// or none and the reason why it was refused.
#[pyfunction]
fn parse_dependency(values: Vec<Vec<u8>>) -> Vec<(Option<Dependency>, Option<&'static str>)> {
    let mut known: Option<Arc<dependency::Structure>> = None;
    let read = |value: Vec<u8>| match dependency::parse(&value, known.as_deref()) {
        Ok(found) => {
            known = found.structure.clone().or(known.take());
            (Some(dependency_fields(&found)), None)
        }
        Err(error) => (None, Some(error.reason)),
    };
    values.into_iter().map(read).collect()
}

fn dependency_fields(found: &dependency::Descriptor) -> Dependency {
    (
        (
            found.start,
            found.end,
            found.template_id,
            found.frame_number,
        ),
        found.structure.as_deref().map(structure),
        found.frame.as_deref().map(template),
        found.active_targets,
        plain(found.facts()),
    )
}

fn structure(found: &dependency::Structure) -> Structure {
    let templates = found.templates.iter();
    (
        found.id_offset,
        templates.map(|one| template(one)).collect(),
        found.decode_targets,
        found.chains,
        numbers(&found.protected_by),
        found.target_layers.clone(),
        found.resolutions.clone(),
    )
}

fn template(found: &dependency::Template) -> Template {
    let told = found.indications.iter().map(|&told| told as u16);
    (
        found.spatial,
        found.temporal,
        told.collect(),
        found.frame_differences.clone(),
        numbers(&found.chain_differences),
    )
}

pub fn register(parent: &Bound<'_, PyModule>) -> PyResult<()> {
    let module = PyModule::new(parent.py(), "descriptor")?;
    module.add_function(wrap_pyfunction!(describe, &module)?)?;
    module.add_function(wrap_pyfunction!(parse_vp8, &module)?)?;
    module.add_function(wrap_pyfunction!(rewrite_vp8, &module)?)?;
    module.add_function(wrap_pyfunction!(parse_vp9, &module)?)?;
    module.add_function(wrap_pyfunction!(unit_types_h264, &module)?)?;
    module.add_function(wrap_pyfunction!(depacketize_h264, &module)?)?;
    module.add_function(wrap_pyfunction!(parse_av1, &module)?)?;
    module.add_function(wrap_pyfunction!(parse_layers, &module)?)?;
    module.add_function(wrap_pyfunction!(parse_dependency, &module)?)?;
    parent.add_submodule(&module)
}
