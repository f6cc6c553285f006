//! RTCP: a compound datagram to values and back (RFC 3550 section 6).
//!
//! Types that this project does not act on (APP, XR, feedback formats unknown here) are
//! checked for their length and skipped.  One malformed packet refuses its whole
//! compound: the packets share one authentication tag and one sender, so what stands
//! beside nonsense is no better than it.

use super::rtcp_common as common;
use super::rtcp_common::Part;
use super::rtcp_feedback as feedback;
use crate::errors::{DecodeError, StateError};

pub use super::rtcp_feedback::{
    nack_pairs, BitrateEstimate, FullIntraRequest, Nack, PictureLossIndication,
};
pub use super::rtcp_reports::{
    cname, compact_ntp, ntp_time, Bye, ReceiverReport, ReportBlock, SenderReport, SourceDescription,
};
pub use super::twcc::TransportFeedback;

/// Everything that `parse` returns and `build` takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RtcpPacket {
    SenderReport(SenderReport),
    ReceiverReport(ReceiverReport),
    SourceDescription(SourceDescription),
    Bye(Bye),
    Nack(Nack),
    PictureLossIndication(PictureLossIndication),
    FullIntraRequest(FullIntraRequest),
    BitrateEstimate(BitrateEstimate),
    TransportFeedback(TransportFeedback),
}

impl RtcpPacket {
    /// The whole packet.
    pub fn encode(&self) -> Result<Vec<u8>, StateError> {
        match self {
            Self::SenderReport(packet) => packet.encode(),
            Self::ReceiverReport(packet) => packet.encode(),
            Self::SourceDescription(packet) => packet.encode(),
            Self::Bye(packet) => packet.encode(),
            Self::Nack(packet) => packet.encode(),
            Self::PictureLossIndication(packet) => packet.encode(),
            Self::FullIntraRequest(packet) => packet.encode(),
            Self::BitrateEstimate(packet) => packet.encode(),
            Self::TransportFeedback(packet) => packet.encode(),
        }
    }
}

/// The packets of a datagram in order, without the skipped types.
///
/// Refused when any of them is malformed or the datagram is empty.
pub fn parse(compound: &[u8]) -> Result<Vec<RtcpPacket>, DecodeError> {
    if compound.is_empty() {
        return Err(DecodeError::new("rtcp-short"));
    }
    let mut packets = Vec::new();
    for part in common::split(compound) {
        packets.extend(read(part?)?);
    }
    Ok(packets)
}

/// One compound of `packets`.
///
/// RFC 3550 wants a report and a CNAME in front; with reduced size (RFC 5506), which
/// WebRTC negotiates, feedback may go alone.  That choice is the caller's.
pub fn build(packets: &[RtcpPacket]) -> Result<Vec<u8>, StateError> {
    let mut out = Vec::new();
    for packet in packets {
        out.extend_from_slice(&packet.encode()?);
    }
    Ok(out)
}

fn read(part: Part<'_>) -> Result<Option<RtcpPacket>, DecodeError> {
    let Part { count, body, .. } = part;
    Ok(Some(match part.packet_type {
        common::SENDER_REPORT => RtcpPacket::SenderReport(SenderReport::decode(count, body)?),
        common::RECEIVER_REPORT => RtcpPacket::ReceiverReport(ReceiverReport::decode(count, body)?),
        common::SOURCE_DESCRIPTION => {
            RtcpPacket::SourceDescription(SourceDescription::decode(count, body)?)
        }
        common::BYE => RtcpPacket::Bye(Bye::decode(count, body)?),
        common::TRANSPORT_FEEDBACK => return transport_feedback(count, body),
        common::PAYLOAD_FEEDBACK => return payload_feedback(count, body),
        _ => return Ok(None),
    }))
}

fn transport_feedback(format: u8, body: &[u8]) -> Result<Option<RtcpPacket>, DecodeError> {
    match format {
        feedback::NACK_FORMAT => Ok(Some(RtcpPacket::Nack(Nack::decode(body)?))),
        feedback::TWCC_FORMAT => {
            let read = TransportFeedback::decode(body)?;
            Ok(Some(RtcpPacket::TransportFeedback(read)))
        }
        _ => feedback::sources(body).map(|_| None),
    }
}

fn payload_feedback(format: u8, body: &[u8]) -> Result<Option<RtcpPacket>, DecodeError> {
    match format {
        feedback::PLI_FORMAT => {
            let read = PictureLossIndication::decode(body)?;
            Ok(Some(RtcpPacket::PictureLossIndication(read)))
        }
        feedback::FIR_FORMAT => {
            let read = FullIntraRequest::decode(body)?;
            Ok(Some(RtcpPacket::FullIntraRequest(read)))
        }
        feedback::APPLICATION_FORMAT => {
            Ok(BitrateEstimate::decode(body)?.map(RtcpPacket::BitrateEstimate))
        }
        _ => feedback::sources(body).map(|_| None),
    }
}
