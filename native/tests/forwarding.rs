//! The forwarder by itself: a picture reaches a viewer, is repeated for it, and nothing
//! that anybody sends breaks it.  What it does in detail is compared with the reference by
//! `tests/native` of the repository.

use meshnode_native::core::config::{ForwardingConfig, RandomSource};
use meshnode_native::core::events::{Event, ForwardingEvent};
use meshnode_native::core::forwarder::Forwarder;
use meshnode_native::core::ids::{ConsumerId, ProducerId, TransportId};
use meshnode_native::core::outputs::Departures;
use meshnode_native::core::table::{
    AddConsumer, AddProducer, ForwardingDelta, PlaneDelta, Selection, TransportKind,
};
use meshnode_native::errors::Refused;
use meshnode_native::wire::extensions;
use meshnode_native::wire::parameters::{Codec, Extension, MediaKind};
use meshnode_native::wire::rtcp::{
    nack_pairs, Nack, PictureLossIndication, ReceiverReport, ReportBlock, RtcpPacket,
};
use meshnode_native::wire::rtp::{self, Outgoing};
use proptest::prelude::*;

const PUBLISHER: TransportId = TransportId(1);
const VIEWER: TransportId = TransportId(2);
const SSRC: u32 = 0x5000_0001;
const RTX: u32 = 0x5100_0001;

struct Counting(u64);

impl RandomSource for Counting {
    fn getrandbits(&mut self, bits: u32) -> u64 {
        self.0 += 1;
        self.0 & ((1 << bits) - 1)
    }
}

fn vp8(payload_type: u8) -> Codec {
    let mut codec = Codec::new(payload_type, "vp8", 90_000);
    codec.rtx_payload_type = Some(payload_type + 1);
    codec.feedback = ["nack", "nack pli"].map(str::to_owned).to_vec();
    codec
}

fn extension(id: u16, uri: &str) -> Extension {
    let uri = uri.to_owned();
    Extension { id, uri }
}

fn producer(id: u64) -> PlaneDelta {
    PlaneDelta::Forwarding(ForwardingDelta::AddProducer(Box::new(AddProducer {
        producer: ProducerId(id),
        transport: PUBLISHER,
        kind: MediaKind::Video,
        mid: "0".to_owned(),
        codecs: vec![vp8(96)],
        extensions: vec![
            extension(3, extensions::TRANSPORT_SEQUENCE),
            extension(9, extensions::MID),
        ],
        rids: Vec::new(),
        ssrcs: Vec::new(),
    })))
}

fn consumer(id: u64, transport: TransportId, ssrc: u32) -> PlaneDelta {
    PlaneDelta::Forwarding(ForwardingDelta::AddConsumer(Box::new(AddConsumer {
        consumer: ConsumerId(id),
        producer: ProducerId(1),
        transport,
        kind: MediaKind::Video,
        mid: "v".to_owned(),
        ssrc,
        rtx_ssrc: Some(ssrc + RTX - SSRC),
        codecs: vec![vp8(120)],
        extensions: vec![
            extension(1, extensions::MID),
            extension(5, extensions::TRANSPORT_SEQUENCE),
        ],
        selection: Selection::default(),
        first_sequence: 100,
        first_timestamp: 7,
    })))
}

fn watched() -> Forwarder {
    let random = Box::new(Counting(0));
    let mut forwarder = Forwarder::new(ForwardingConfig::default(), random);
    for transport in [PUBLISHER, VIEWER] {
        let added = forwarder.add_transport(transport, TransportKind::Client, 0, None);
        assert_eq!(added, Ok(()));
        assert_eq!(forwarder.set_sending(transport, true, 0.0), Ok(()));
    }
    assert_eq!(forwarder.program(producer(1), 0.0), Ok(()));
    assert_eq!(forwarder.program(consumer(1, VIEWER, SSRC), 0.0), Ok(()));
    forwarder
}

/// One packet of a VP8 picture; the first of a key frame where `key`.
fn picture(sequence: u16, timestamp: u32, key: bool) -> Vec<u8> {
    let payload = [0x10, u8::from(!key), 1, 2, 3];
    let packet = Outgoing {
        marker: true,
        payload_type: 96,
        sequence,
        timestamp,
        ssrc: 0x1111,
        payload: &payload,
        ..Outgoing::default()
    };
    rtp::build(&packet).expect("fits")
}

fn sent(forwarder: &mut Forwarder, now: f64) -> Vec<(TransportId, u32, u64, Vec<u8>)> {
    let mut out = Departures::new();
    forwarder.flush(now, &mut out);
    let bursts = out.bursts().flat_map(|burst| {
        let packets = burst.packets();
        packets.map(move |packet| {
            let whole = [packet.header, packet.payload].concat();
            (burst.transport, packet.ssrc, packet.index, whole)
        })
    });
    bursts.collect()
}

#[test]
fn a_picture_reaches_the_viewer_under_its_own_numbers() {
    let mut forwarder = watched();
    for (step, key) in [true, false, false].into_iter().enumerate() {
        let (number, at) = (step as u16, step as u32);
        forwarder.receive_rtp(
            PUBLISHER,
            &picture(900 + number, 5_000 + at * 3000, key),
            0.0,
        );
    }
    let found = sent(&mut forwarder, 0.0);
    let indices: Vec<u64> = found.iter().map(|packet| packet.2).collect();
    assert_eq!(indices, [100, 101, 102]);
    for (number, (transport, ssrc, index, packet)) in found.iter().enumerate() {
        let view = rtp::parse(packet).expect("well formed");
        assert_eq!((*transport, *ssrc, view.ssrc), (VIEWER, SSRC, SSRC));
        assert_eq!(u64::from(view.sequence), *index);
        assert_eq!((view.payload_type, view.marker), (120, true));
        let at = view.extension_offset;
        let elements = extensions::spans(packet, view.extension_profile, at, 64);
        let told: Vec<&[u8]> = elements
            .take(2)
            .map(|e| &packet[e.start..][..e.length])
            .collect();
        assert_eq!(told, [&[0, number as u8][..], b"v"]);
    }
    let found = forwarder.poll_event();
    let layer = Some(Event::Forwarding(ForwardingEvent::LayerFound {
        producer: ProducerId(1),
        rid: "".into(),
        ssrc: 0x1111,
        codec: "vp8".to_owned(),
    }));
    assert_eq!(found, layer);
}

#[test]
fn a_lost_packet_is_repeated_in_the_repair_stream() {
    let mut forwarder = watched();
    forwarder.receive_rtp(PUBLISHER, &picture(900, 5_000, true), 0.0);
    forwarder.receive_rtp(PUBLISHER, &picture(901, 8_000, false), 0.0);
    assert_eq!(sent(&mut forwarder, 0.0).len(), 2);
    let nack = RtcpPacket::Nack(Nack {
        sender_ssrc: 9,
        media_ssrc: SSRC,
        pairs: nack_pairs([101]),
    });
    let nack = nack.encode().expect("fits");
    forwarder.receive_rtcp(VIEWER, &nack, 0.03);
    let again = sent(&mut forwarder, 0.03);
    assert_eq!((again.len(), again[0].1), (1, RTX));
    let view = rtp::parse(&again[0].3).expect("well formed");
    let payload = rtp::payload(&again[0].3, &view);
    assert_eq!(
        (view.payload_type, &payload[..3]),
        (121, &[0, 101, 0x10][..])
    );
}

#[test]
fn misuse_is_refused_with_a_reason() {
    let mut forwarder = watched();
    let again = forwarder.add_transport(VIEWER, TransportKind::Client, 0, None);
    let known = forwarder.program(consumer(1, VIEWER, SSRC), 0.0);
    let spent = forwarder.program(consumer(2, VIEWER, RTX), 0.0);
    let nobody = forwarder.set_sending(TransportId(7), true, 0.0);
    for (outcome, said) in [
        (again, "transport 2 exists"),
        (known, "consumer 1 or its SSRC exists"),
        (spent, "transport 2 used SSRC 1358954497 or 1375731713"),
        (nobody, "transport 7 is unknown"),
    ] {
        assert_eq!(outcome, Err(Refused::State(said.to_owned())));
    }
}

/// What a publisher may send: true pictures, bent ones, and noise.
fn arriving() -> impl Strategy<Value = Vec<u8>> {
    let pictures = (any::<u16>(), any::<u32>(), any::<bool>());
    let pictures = pictures.prop_map(|(number, at, key)| picture(number, at, key));
    let bent = (pictures.clone(), any::<prop::sample::Index>(), any::<u8>());
    let bent = bent.prop_map(|(mut packet, at, octet)| {
        let at = at.index(packet.len());
        packet[at] ^= octet;
        packet
    });
    let noise = proptest::collection::vec(any::<u8>(), 0..60);
    prop_oneof![4 => pictures, 2 => bent, 1 => noise]
}

/// What a viewer may say: true wishes about its own numbers, and noise.
fn hearing() -> impl Strategy<Value = Vec<u8>> {
    let lost = proptest::collection::vec(90u16..140, 1..40).prop_map(|lost| {
        RtcpPacket::Nack(Nack {
            sender_ssrc: 9,
            media_ssrc: SSRC,
            pairs: nack_pairs(lost),
        })
    });
    let wish = Just(RtcpPacket::PictureLossIndication(PictureLossIndication {
        sender_ssrc: 9,
        media_ssrc: SSRC,
    }));
    let report = any::<(u8, u32, u32)>().prop_map(|(fraction_lost, last_report, delay)| {
        RtcpPacket::ReceiverReport(ReceiverReport {
            ssrc: 9,
            reports: vec![ReportBlock {
                ssrc: SSRC,
                fraction_lost,
                last_report,
                delay,
                ..ReportBlock::default()
            }],
        })
    });
    let said = prop_oneof![lost, wish, report].prop_map(|packet| packet.encode().expect("fits"));
    let noise = proptest::collection::vec(any::<u8>(), 0..60);
    prop_oneof![4 => said, 1 => noise]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// No packet of anybody breaks it, and no index leaves twice (RFC 3711 section 9.1).
    #[test]
    fn whatever_comes_no_index_is_used_twice(
        steps in proptest::collection::vec((arriving(), hearing(), 0.0..0.3f64), 1..60)
    ) {
        let (mut forwarder, mut now) = (watched(), 0.0);
        let mut used = std::collections::HashSet::new();
        for (packet, said, wait_s) in steps {
            forwarder.receive_rtp(PUBLISHER, &packet, now);
            forwarder.receive_rtcp(VIEWER, &said, now);
            forwarder.receive_rtcp(PUBLISHER, &said, now);
            now += wait_s;
            let mut turns = 0;
            while forwarder.next_timeout().is_some_and(|due| due <= now) {
                forwarder.handle_timeout(now);
                turns += 1;
                prop_assert!(turns < 1_000, "timers never come to rest");
            }
            for (transport, ssrc, index, packet) in sent(&mut forwarder, now) {
                prop_assert!(rtp::parse(&packet).is_ok());
                prop_assert!(used.insert((transport, ssrc, index)), "{ssrc} {index} twice");
            }
        }
    }
}
