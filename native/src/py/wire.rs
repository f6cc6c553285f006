//! `_native.wire`: the parsers, for the tests that compare them with `meshproto.wire`.

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use crate::errors::DecodeError;
use crate::wire::{demux, extensions, red, rtcp_common, rtp, rtx};

/// The fields of `meshproto.wire.rtp.RtpView` in their order, and the CSRC list.
type View = (
    (bool, u8, u16, u32, u32),
    (usize, usize, usize),
    (u16, usize, usize),
    Vec<u32>,
);

/// Parse an RTP packet; `ValueError` holds the reason.
#[pyfunction]
fn parse_rtp(packet: &[u8]) -> PyResult<View> {
    let view = rtp::parse(packet).map_err(|error| PyValueError::new_err(error.reason))?;
    Ok((
        (
            view.marker,
            view.payload_type,
            view.sequence,
            view.timestamp,
            view.ssrc,
        ),
        (view.header_length, view.payload_length, view.padding_length),
        (
            view.extension_profile,
            view.extension_offset,
            view.extension_length,
        ),
        rtp::csrcs(packet).collect(),
    ))
}

pub(super) fn refused(error: DecodeError) -> PyErr {
    PyValueError::new_err(error.reason)
}

/// (id, start, length) of each element of an extension body.
#[pyfunction]
fn spans(packet: &[u8], profile: u16) -> Vec<(u8, usize, usize)> {
    extensions::spans(packet, profile, 0, packet.len())
        .map(|span| (span.id, span.start, span.length))
        .collect()
}

/// (payload type, timestamp offset, data) of each block.
#[pyfunction]
fn decode_red(payload: &[u8]) -> PyResult<Vec<(u8, u16, Vec<u8>)>> {
    let blocks = red::decode(payload).map_err(refused)?;
    let copied = blocks.iter();
    Ok(copied
        .map(|block| {
            (
                block.payload_type,
                block.timestamp_offset,
                block.data.to_vec(),
            )
        })
        .collect())
}

/// The packets of a compound, then the reason why the rest was refused, if it was.
#[pyfunction]
#[allow(clippy::type_complexity)]
fn split_rtcp(compound: &[u8]) -> (Vec<(u8, u8, Vec<u8>)>, Option<&'static str>) {
    let mut found = Vec::new();
    for part in rtcp_common::split(compound) {
        match part {
            Ok(part) => found.push((part.packet_type, part.count, part.body.to_vec())),
            Err(error) => return (found, Some(error.reason)),
        }
    }
    (found, None)
}

#[pyfunction]
fn wrap_rtx(packet: &[u8], ssrc: u32, payload_type: u8, sequence: u16) -> PyResult<Vec<u8>> {
    rtx::wrap(packet, ssrc, payload_type, sequence).map_err(refused)
}

#[pyfunction]
fn unwrap_rtx(packet: &[u8], ssrc: u32, payload_type: u8) -> PyResult<Vec<u8>> {
    rtx::unwrap(packet, ssrc, payload_type).map_err(refused)
}

/// The name of the kind, as in `meshproto.wire.demux`.
#[pyfunction]
fn classify(datagram: &[u8]) -> &'static str {
    use demux::DatagramKind as Kind;
    match demux::classify(datagram) {
        Kind::Stun => "stun",
        Kind::Dtls => "dtls",
        Kind::Rtp => "rtp",
        Kind::Rtcp => "rtcp",
        Kind::Zrtp => "zrtp",
        Kind::TurnChannel => "turn-channel",
        Kind::Unknown => "unknown",
    }
}

pub fn register(parent: &Bound<'_, PyModule>) -> PyResult<()> {
    let module = PyModule::new(parent.py(), "wire")?;
    module.add_function(wrap_pyfunction!(parse_rtp, &module)?)?;
    module.add_function(wrap_pyfunction!(spans, &module)?)?;
    module.add_function(wrap_pyfunction!(decode_red, &module)?)?;
    module.add_function(wrap_pyfunction!(split_rtcp, &module)?)?;
    module.add_function(wrap_pyfunction!(wrap_rtx, &module)?)?;
    module.add_function(wrap_pyfunction!(unwrap_rtx, &module)?)?;
    module.add_function(wrap_pyfunction!(classify, &module)?)?;
    super::ccfb::register(&module)?;
    super::extensions::register(&module)?;
    super::parameters::register(&module)?;
    super::rtcp::register(&module)?;
    parent.add_submodule(&module)
}
