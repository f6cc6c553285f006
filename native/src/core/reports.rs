//! Sender and receiver reports at the hop (RFC 3550 section 6.4).
//!
//! Reports end here: a publisher's loss is ours to tell, a viewer's ours to act on.  To
//! viewers go sender reports of our own, one per consumer, whose times are the publisher's
//! (`clock`).  The first one leaves with the first packets, so that players need not guess
//! how sound and picture belong together.
//!
//! Round trip times come from the viewers' receiver reports.  They quote the middle of the
//! NTP time of our report; what we remember is when we sent the report with that middle, so
//! the NTP times may be anybody's.

use super::clock::{ntp_bits, PublisherClock};
use super::config::ForwardingConfig;
use super::consumer::Consumer;
use super::layer::Layer;
use crate::wire::rtcp::{compact_ntp, ReportBlock, SenderReport};

const REMEMBERED: usize = 8;

/// When the last reports of a transport left, by the middle of their NTP time.
#[derive(Debug, Default)]
pub struct SentReports {
    sent: Vec<(u32, f64)>,
}

impl SentReports {
    /// A report with this 64 bit NTP time leaves now.
    pub fn note(&mut self, ntp: u64, now: f64) {
        let middle = compact_ntp(ntp);
        if let Some(known) = self.sent.iter_mut().find(|known| known.0 == middle) {
            known.1 = now;
            return;
        }
        if self.sent.len() >= REMEMBERED {
            self.sent.remove(0);
        }
        self.sent.push((middle, now));
    }

    /// What a report block says about the path (RFC 3550 section 6.4.1).
    pub fn round_trip_s(&self, block: &ReportBlock, now: f64) -> Option<f64> {
        let quoted = Some(block.last_report).filter(|&middle| middle != 0)?;
        let (_, sent) = self.sent.iter().find(|known| known.0 == quoted)?;
        let rtt_s = now - sent - f64::from(block.delay) / 65536.0;
        (rtt_s >= 0.0).then_some(rtt_s)
    }
}

/// The consumer's report at this instant; None while it sends nothing.
///
/// `layer` is the one that its last packet came from, `clock` that of the publisher.
pub fn sender_report(
    consumer: &Consumer,
    layer: &Layer,
    clock: &PublisherClock,
    config: &ForwardingConfig,
    now: f64,
) -> Option<SenderReport> {
    let last = consumer.last?;
    let (ntp_s, timestamp) = match (layer.clock.ntp_s, clock.shift_s) {
        (Some(ntp_s), Some(shift_s)) => {
            let ntp_s = ntp_s + (now - layer.clock.received);
            let timestamp = layer.clock.timestamp_at(ntp_s).unwrap_or(0);
            (ntp_s + shift_s, timestamp)
        }
        _ => {
            let newest = layer
                .newest
                .map(|newest| (newest.timestamp, newest.arrival));
            let (timestamp, arrival) = newest.unwrap_or((last.timestamp, last.arrival));
            let ticks = ((now - arrival) * layer.clock_rate_hz()).round_ties_even();
            let timestamp = timestamp.wrapping_add(ticks as i64 as u32);
            (now + config.ntp_offset_s, timestamp)
        }
    };
    Some(SenderReport {
        ssrc: consumer.ssrc,
        ntp_time: ntp_bits(ntp_s),
        rtp_time: timestamp.wrapping_add(last.segment.timestamp),
        packet_count: consumer.packets as u32,
        octet_count: consumer.octets as u32,
        reports: Vec::new(),
    })
}

/// What we tell the publisher about a layer; None before its first packet.
pub fn report_block(layer: &mut Layer, now: f64) -> Option<ReportBlock> {
    let ssrc = layer.ssrc.filter(|_| layer.reception.received > 0)?;
    let clock = &layer.clock;
    let delay_s = if clock.report != 0 {
        now - clock.received
    } else {
        0.0
    };
    Some(layer.reception.block(ssrc, clock.report, delay_s))
}
