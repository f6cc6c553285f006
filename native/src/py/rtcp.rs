//! `_native.wire`, RTCP: values as tuples whose first member names the Python class.

use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::types::PyTuple;

use super::wire::refused;
use crate::errors::StateError;
use crate::wire::rtcp::{self, ReportBlock, RtcpPacket};
use crate::wire::{rtcp_common, twcc};

type Block = (u32, u8, i32, u32, u32, u32, u32);

pub(super) fn misused(error: StateError) -> PyErr {
    PyRuntimeError::new_err(error.0)
}

fn blocks(reports: &[ReportBlock]) -> Vec<Block> {
    let each = |block: &ReportBlock| {
        let loss = (block.fraction_lost, block.packets_lost);
        let rest = (block.jitter, block.last_report, block.delay);
        let (ssrc, highest) = (block.ssrc, block.highest_sequence);
        (ssrc, loss.0, loss.1, highest, rest.0, rest.1, rest.2)
    };
    reports.iter().map(each).collect()
}

/// The class name and the fields in their order.
fn described<'py>(py: Python<'py>, packet: &RtcpPacket) -> PyResult<Bound<'py, PyTuple>> {
    use RtcpPacket as P;
    match packet {
        P::SenderReport(p) => {
            let counters = (p.rtp_time, p.packet_count, p.octet_count);
            let (rtp, packets, octets) = counters;
            let reports = blocks(&p.reports);
            (
                "SenderReport",
                p.ssrc,
                p.ntp_time,
                rtp,
                packets,
                octets,
                reports,
            )
                .into_pyobject(py)
        }
        P::ReceiverReport(p) => ("ReceiverReport", p.ssrc, blocks(&p.reports)).into_pyobject(py),
        P::SourceDescription(p) => ("SourceDescription", p.chunks.clone()).into_pyobject(py),
        P::Bye(p) => ("Bye", p.sources.clone(), p.reason.clone()).into_pyobject(py),
        P::Nack(p) => ("Nack", p.sender_ssrc, p.media_ssrc, p.pairs.clone()).into_pyobject(py),
        P::PictureLossIndication(p) => {
            ("PictureLossIndication", p.sender_ssrc, p.media_ssrc).into_pyobject(py)
        }
        P::FullIntraRequest(p) => {
            let entries = p.entries.clone();
            ("FullIntraRequest", p.sender_ssrc, p.media_ssrc, entries).into_pyobject(py)
        }
        P::BitrateEstimate(p) => {
            let ssrcs = p.ssrcs.clone();
            ("BitrateEstimate", p.sender_ssrc, p.bitrate_bps, ssrcs).into_pyobject(py)
        }
        P::TransportFeedback(p) => {
            let (base, reference, count) = (p.base_sequence, p.reference, p.feedback_count);
            let (sender, media, arrivals) = (p.sender_ssrc, p.media_ssrc, p.arrivals.clone());
            (
                "TransportFeedback",
                sender,
                media,
                base,
                reference,
                count,
                arrivals,
            )
                .into_pyobject(py)
        }
    }
}

#[pyfunction]
fn parse_rtcp<'py>(py: Python<'py>, compound: &[u8]) -> PyResult<Vec<Bound<'py, PyTuple>>> {
    let packets = rtcp::parse(compound).map_err(refused)?;
    packets.iter().map(|packet| described(py, packet)).collect()
}

/// What `parse` read, written again.
#[pyfunction]
fn rebuild_rtcp(compound: &[u8]) -> PyResult<Vec<u8>> {
    let packets = rtcp::parse(compound).map_err(refused)?;
    rtcp::build(&packets).map_err(misused)
}

#[pyfunction]
fn frame_rtcp(packet_type: u8, count: u8, body: &[u8], padding: u8) -> PyResult<Vec<u8>> {
    rtcp_common::frame(packet_type, count, body, padding).map_err(misused)
}

#[pyfunction]
fn nack_pairs(lost: Vec<u16>) -> Vec<(u16, u16)> {
    rtcp::nack_pairs(lost)
}

/// The sequence numbers that pairs name.
#[pyfunction]
fn nack_lost(pairs: Vec<(u16, u16)>) -> Vec<u16> {
    let nack = rtcp::Nack {
        pairs,
        ..rtcp::Nack::default()
    };
    nack.lost().collect()
}

/// The estimate of one source, written.
#[pyfunction]
fn encode_remb(bitrate_bps: u64, ssrcs: Vec<u32>) -> PyResult<Vec<u8>> {
    let estimate = rtcp::BitrateEstimate {
        sender_ssrc: 1,
        bitrate_bps,
        ssrcs,
    };
    estimate.encode().map_err(misused)
}

/// A receiver report whose one block holds `packets_lost`.
#[pyfunction]
fn encode_loss(packets_lost: i32) -> PyResult<Vec<u8>> {
    let block = ReportBlock {
        packets_lost,
        ..ReportBlock::default()
    };
    let (ssrc, reports) = (1, vec![block]);
    let report = rtcp::ReceiverReport { ssrc, reports };
    report.encode().map_err(misused)
}

/// NTP time, and its middle.
#[pyfunction]
fn ntp_time(unix_s: f64) -> (u64, u32) {
    let ntp = rtcp::ntp_time(unix_s);
    (ntp, rtcp::compact_ntp(ntp))
}

#[pyfunction]
fn build_twcc(
    count: u8,
    arrivals: Vec<twcc::Arrival>,
    max_octets: usize,
) -> PyResult<(Vec<u8>, usize)> {
    twcc::build(1, 2, count, &arrivals, max_octets).map_err(misused)
}

pub(super) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(parse_rtcp, module)?)?;
    module.add_function(wrap_pyfunction!(rebuild_rtcp, module)?)?;
    module.add_function(wrap_pyfunction!(frame_rtcp, module)?)?;
    module.add_function(wrap_pyfunction!(nack_pairs, module)?)?;
    module.add_function(wrap_pyfunction!(nack_lost, module)?)?;
    module.add_function(wrap_pyfunction!(encode_remb, module)?)?;
    module.add_function(wrap_pyfunction!(encode_loss, module)?)?;
    module.add_function(wrap_pyfunction!(ntp_time, module)?)?;
    module.add_function(wrap_pyfunction!(build_twcc, module)?)
}
