//! RTCP: what is written is read back, and no bytes make a parser panic.

use meshnode_native::wire::rtcp::{
    build, cname, nack_pairs, parse, BitrateEstimate, Bye, FullIntraRequest, Nack,
    PictureLossIndication, ReceiverReport, ReportBlock, RtcpPacket, SenderReport,
    SourceDescription,
};
use meshnode_native::wire::twcc::{self, TransportFeedback};
use meshnode_native::wire::{rtcp_common, rtcp_reports};
use proptest::collection::vec;
use proptest::prelude::*;

fn blocks() -> impl Strategy<Value = Vec<ReportBlock>> {
    let lost = -0x80_0000..0x80_0000;
    let block = (any::<[u32; 5]>(), any::<u8>(), lost).prop_map(|(words, fraction, lost)| {
        let [ssrc, highest_sequence, jitter, last_report, delay] = words;
        ReportBlock {
            ssrc,
            fraction_lost: fraction,
            packets_lost: lost,
            highest_sequence,
            jitter,
            last_report,
            delay,
        }
    });
    vec(block, 0..=31)
}

fn report() -> impl Strategy<Value = RtcpPacket> {
    let sender = (any::<[u32; 4]>(), any::<u64>(), blocks());
    let receiver = (any::<u32>(), blocks());
    prop_oneof![
        sender.prop_map(
            |([ssrc, rtp_time, packet_count, octet_count], ntp_time, reports)| {
                RtcpPacket::SenderReport(SenderReport {
                    ssrc,
                    ntp_time,
                    rtp_time,
                    packet_count,
                    octet_count,
                    reports,
                })
            }
        ),
        receiver.prop_map(|(ssrc, reports)| {
            RtcpPacket::ReceiverReport(ReceiverReport { ssrc, reports })
        }),
    ]
}

fn description() -> impl Strategy<Value = RtcpPacket> {
    let items = vec((1u8.., vec(any::<u8>(), 0..40)), 0..4);
    let chunks = vec((any::<u32>(), items), 0..=31);
    let farewell = (vec(any::<u32>(), 0..=31), vec(any::<u8>(), 0..256));
    prop_oneof![
        chunks.prop_map(|chunks| RtcpPacket::SourceDescription(SourceDescription { chunks })),
        farewell.prop_map(|(sources, reason)| RtcpPacket::Bye(Bye { sources, reason })),
    ]
}

fn feedback() -> impl Strategy<Value = RtcpPacket> {
    let both = any::<(u32, u32)>();
    let pairs = vec(any::<(u16, u16)>(), 1..50);
    let entries = vec(any::<(u32, u8)>(), 1..20);
    let rate = (0u64..1 << 18, 0u32..31).prop_map(|(rate, places)| rate << places);
    let estimate = (any::<u32>(), rate, vec(any::<u32>(), 0..20));
    prop_oneof![
        (both, pairs).prop_map(|((sender_ssrc, media_ssrc), pairs)| {
            RtcpPacket::Nack(Nack {
                sender_ssrc,
                media_ssrc,
                pairs,
            })
        }),
        both.prop_map(|(sender_ssrc, media_ssrc)| {
            RtcpPacket::PictureLossIndication(PictureLossIndication {
                sender_ssrc,
                media_ssrc,
            })
        }),
        (both, entries).prop_map(|((sender_ssrc, media_ssrc), entries)| {
            RtcpPacket::FullIntraRequest(FullIntraRequest {
                sender_ssrc,
                media_ssrc,
                entries,
            })
        }),
        estimate.prop_map(|(sender_ssrc, bitrate_bps, ssrcs)| {
            RtcpPacket::BitrateEstimate(BitrateEstimate {
                sender_ssrc,
                bitrate_bps,
                ssrcs,
            })
        }),
    ]
}

/// Arrivals one after the other, on ticks; the first one came.
fn transport() -> impl Strategy<Value = TransportFeedback> {
    let deltas = vec(proptest::option::of(-0x8000i64..0x8000), 0..300);
    let head = (any::<(u32, u32, u16, u8)>(), 0i64..1 << 23);
    (head, deltas).prop_map(|((ids, reference), deltas)| {
        let (sender_ssrc, media_ssrc, base_sequence, feedback_count) = ids;
        let mut time_us = reference * twcc::REFERENCE_US;
        let mut arrivals = vec![(base_sequence, Some(time_us))];
        for (delta, place) in deltas.into_iter().zip(1u16..) {
            time_us += delta.unwrap_or(0) * twcc::TICK_US;
            arrivals.push((base_sequence.wrapping_add(place), delta.map(|_| time_us)));
        }
        TransportFeedback {
            sender_ssrc,
            media_ssrc,
            base_sequence,
            reference: reference as u32,
            feedback_count,
            arrivals,
        }
    })
}

fn packet() -> impl Strategy<Value = RtcpPacket> {
    let transport = transport().prop_map(RtcpPacket::TransportFeedback);
    prop_oneof![report(), description(), feedback(), transport]
}

proptest! {
    #[test]
    fn what_is_written_is_read_back(packets in vec(packet(), 1..5)) {
        let compound = build(&packets).unwrap();
        prop_assert_eq!(compound.len() % 4, 0);
        prop_assert_eq!(parse(&compound).unwrap(), packets);
    }

    #[test]
    fn a_frame_is_split_again(
        kind: u8, count in 0u8..32, words in vec(any::<[u8; 4]>(), 0..20), padding in 0u8..64,
    ) {
        let body = &words.concat()[..];
        let packet = rtcp_common::frame(kind, count, body, 4 * padding).unwrap();
        let part = rtcp_common::split(&packet).next().unwrap().unwrap();
        prop_assert_eq!((part.packet_type, part.count, part.body), (kind, count, body));
    }

    #[test]
    fn losses_survive_their_pairs(steps in vec(1u16..40, 0..100), start: u16) {
        let mut lost = vec![start];
        for step in steps {
            lost.push(lost[lost.len() - 1].wrapping_add(step));
        }
        let pairs = nack_pairs(lost.iter().copied());
        let nack = Nack { pairs, ..Nack::default() };
        prop_assert_eq!(nack.lost().collect::<Vec<_>>(), lost);
    }

    #[test]
    fn any_bodies_are_read_or_refused(
        kind in 200u8..208, count in 0u8..32, words in vec(any::<[u8; 4]>(), 0..50),
        cut in 0u8..4,
    ) {
        let mut compound = rtcp_common::frame(kind, count, &words.concat(), 0).unwrap();
        if cut > 0 && !words.is_empty() {
            // padding by octets leaves bodies that are no whole words
            compound[0] |= 0x20;
            *compound.last_mut().unwrap() = cut;
        }
        let _ = parse(&compound);
    }

    #[test]
    fn a_feedback_keeps_to_its_size(feedback in transport(), size in 30usize..400) {
        let (packet, taken) = twcc::build(1, 2, 3, &feedback.arrivals, size).unwrap();
        prop_assert!(packet.len() <= size);
        let read = parse(&packet).unwrap();
        let [RtcpPacket::TransportFeedback(read)] = &read[..] else {
            panic!("not one feedback");
        };
        prop_assert_eq!(&read.arrivals[..], &feedback.arrivals[..taken]);
    }
}

#[test]
fn each_defect_has_its_reason() {
    let reason = |kind, count, body: &[u8]| {
        let packet = rtcp_common::frame(kind, count, body, 0).unwrap();
        parse(&packet).unwrap_err().reason
    };
    assert_eq!(parse(&[]).unwrap_err().reason, "rtcp-short");
    assert_eq!(reason(200, 1, &[0; 44]), "rtcp-sender-report");
    assert_eq!(reason(201, 1, &[0; 24]), "rtcp-receiver-report");
    assert_eq!(reason(202, 1, &[1; 12]), "rtcp-sdes");
    assert_eq!(reason(203, 2, &[0; 4]), "rtcp-bye");
    assert_eq!(reason(205, 9, &[0; 4]), "rtcp-feedback");
    assert_eq!(reason(205, 1, &[0; 8]), "rtcp-nack");
    assert_eq!(reason(206, 4, &[0; 12]), "rtcp-fir");
    assert_eq!(
        reason(206, 15, b"\0\0\0\0\0\0\0\0REMB\x01\0\0\0"),
        "rtcp-remb"
    );
    assert_eq!(reason(205, 15, &[0; 12]), "twcc-short");
    assert_eq!(reason(205, 15, &[0xFF; 16]), "twcc-statuses");
    let promised = [&[0; 11][..], &[1], &[0; 4]].concat();
    assert_eq!(reason(205, 15, &promised), "twcc-chunks");
    let symbols = [&promised[..], &[0x20, 1], &[0; 2]].concat();
    assert_eq!(
        parse(&rtcp_common::frame(205, 15, &symbols, 0).unwrap())
            .iter()
            .len(),
        1
    );
    let reserved = [&promised[..], &[0x60, 1, 0, 0]].concat();
    assert_eq!(reason(205, 15, &reserved), "twcc-deltas");
}

#[test]
fn misuse_is_refused() {
    let body = [0; 3];
    assert!(rtcp_common::frame(200, 1, &body, 0).is_err());
    assert!(rtcp_common::frame(200, 32, &[], 0).is_err());
    assert!(twcc::build(1, 2, 3, &[], twcc::MAX_OCTETS).is_err());
    assert!(cname(1, &[b'a'; 256]).encode().is_err());
    let reports = vec![ReportBlock::default(); rtcp_reports::MAX_COUNT + 1];
    assert!(ReceiverReport { ssrc: 1, reports }.encode().is_err());
}
