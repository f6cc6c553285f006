//! RTP and its neighbours: what is built is read back, and no bytes make a parser panic.

mod corpora;

use meshnode_native::wire::extensions::spans;
use meshnode_native::wire::rtp::{build, csrcs, parse, payload, Outgoing};
use meshnode_native::wire::{demux, red, rtcp_common, rtx};
use proptest::collection::vec;
use proptest::prelude::*;

proptest! {
    #[test]
    fn what_is_built_is_read_back(
        marker: bool, payload_type in 0u8..128, sequence: u16, timestamp: u32, ssrc: u32,
        sources in vec(any::<u32>(), 0..16), words in vec(any::<[u8; 4]>(), 0..20),
        extended: bool, body in vec(any::<u8>(), 0..1400), padding: u8,
    ) {
        let elements = words.concat();
        let extension = extended.then_some((0xBEDE, elements.as_slice()));
        let packet = build(&Outgoing {
            marker, payload_type, sequence, timestamp, ssrc, csrcs: &sources,
            extension, payload: &body, padding,
        }).unwrap();
        let view = parse(&packet).unwrap();
        prop_assert_eq!(
            (view.marker, view.payload_type, view.sequence, view.timestamp, view.ssrc),
            (marker, payload_type, sequence, timestamp, ssrc)
        );
        prop_assert_eq!(csrcs(&packet).collect::<Vec<_>>(), sources);
        prop_assert_eq!(payload(&packet, &view), body.as_slice());
        prop_assert_eq!(view.padding_length, usize::from(padding));
        let start = view.extension_offset;
        let found = &packet[start..start + view.extension_length];
        prop_assert_eq!(found, if extended { elements.as_slice() } else { &[] });
    }

    #[test]
    fn what_is_wrapped_is_unwrapped(
        payload_type in 0u8..128, sequence: u16, ssrc: u32, body in vec(any::<u8>(), 0..1400),
        repair: u32, repair_type in 0u8..128, repair_sequence: u16,
    ) {
        let packet = build(&Outgoing {
            payload_type, sequence, ssrc, payload: &body, ..Outgoing::default()
        }).unwrap();
        let sent = rtx::wrap(&packet, repair, repair_type, repair_sequence).unwrap();
        let head = parse(&sent).unwrap();
        prop_assert_eq!((head.ssrc, head.payload_type), (repair, repair_type));
        prop_assert_eq!(head.sequence, repair_sequence);
        prop_assert_eq!(rtx::unwrap(&sent, ssrc, payload_type).unwrap(), packet);
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in vec(any::<u8>(), 0..200)) {
        read_or_refuse(&bytes);
    }
}

#[test]
fn each_defect_has_its_reason() {
    let reason = |bytes: &[u8]| parse(bytes).unwrap_err().reason;
    let with_first = |first: u8| [&[first][..], &[0; 11]].concat();
    assert_eq!(reason(&[0x80; 11]), "rtp-short");
    assert_eq!(reason(&with_first(0x40)), "rtp-version");
    assert_eq!(reason(&with_first(0x90)), "rtp-extension");
    assert_eq!(reason(&with_first(0x81)), "rtp-header");
    assert_eq!(reason(&with_first(0xA0)), "rtp-padding");
}

/// Every file of the corpora, as datagrams at many offsets; needs `MESHNODE_SHARED`.
#[test]
fn the_corpora_are_read_or_refused() {
    corpora::each(61, 2000, read_or_refuse);
}

/// As they are, and with every first octet of version 2, so that all branches are met.
fn read_or_refuse(bytes: &[u8]) {
    let mut packet = bytes.to_vec();
    check(&packet);
    for first in 0x80..=0xBF {
        if let Some(octet) = packet.first_mut() {
            *octet = first;
        }
        check(&packet);
    }
}

fn check(packet: &[u8]) {
    demux::classify(packet);
    let _ = red::decode(packet);
    let _ = rtx::unwrap(packet, 1, 96);
    assert!(rtcp_common::split(packet).count() <= rtcp_common::MAX_PACKETS + 1);
    for profile in [0xBEDE, 0x1000, 0x1234] {
        for span in spans(packet, profile, 0, packet.len()) {
            assert!(span.start + span.length <= packet.len());
        }
    }
    if let Ok(view) = parse(packet) {
        let whole = view.header_length + view.payload_length + view.padding_length;
        assert_eq!(whole, packet.len());
        assert_eq!(payload(packet, &view).len(), view.payload_length);
        assert_eq!(csrcs(packet).count(), usize::from(packet[0] & 15));
    }
}
