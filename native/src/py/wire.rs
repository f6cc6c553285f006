//! `_native.wire`: the parsers, for the tests that compare them with `meshproto.wire`.

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use crate::wire::rtp;

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

pub fn register(parent: &Bound<'_, PyModule>) -> PyResult<()> {
    let module = PyModule::new(parent.py(), "wire")?;
    module.add_function(wrap_pyfunction!(parse_rtp, &module)?)?;
    parent.add_submodule(&module)
}
