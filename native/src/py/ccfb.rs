//! Congestion feedback, for the tests that compare it with `meshproto.wire.ccfb`.

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use super::wire::refused;
use crate::wire::ccfb::{find, CongestionFeedback, SourceReport};

/// (SSRC, first number, offsets)
type Source = (u32, u16, Vec<Option<u16>>);

/// (SSRC of the sender, sources, timestamp)
type Report = (u32, Vec<Source>, u32);

/// The reports in a datagram.
#[pyfunction]
fn find_ccfb(compound: &[u8]) -> PyResult<Vec<Report>> {
    let found = find(compound).map_err(refused)?.into_iter();
    Ok(found
        .map(|report| {
            let sources = report.sources.into_iter();
            let told = sources.map(|source| (source.ssrc, source.begin, source.offsets));
            (report.sender_ssrc, told.collect(), report.stamp)
        })
        .collect())
}

/// The whole packet.
#[pyfunction]
fn write_ccfb(sender_ssrc: u32, sources: Vec<Source>, stamp: u32) -> PyResult<Vec<u8>> {
    let sources = sources.into_iter();
    let report = CongestionFeedback {
        sender_ssrc,
        sources: sources
            .map(|(ssrc, begin, offsets)| SourceReport {
                ssrc,
                begin,
                offsets,
            })
            .collect(),
        stamp,
    };
    report
        .encode()
        .map_err(|error| PyValueError::new_err(error.0))
}

pub fn register(wire: &Bound<'_, PyModule>) -> PyResult<()> {
    wire.add_function(wrap_pyfunction!(find_ccfb, wire)?)?;
    wire.add_function(wrap_pyfunction!(write_ccfb, wire)?)
}
