//! Descriptors: no bytes make a reader panic, and what is written is read back.

use meshnode_native::wire::descriptor::{
    av1, dependency, describe, describer, h264, h265, layers, vp8, vp9, MIDDLE, OPAQUE,
};
use proptest::collection::vec;
use proptest::prelude::*;

/// Any bytes, many of them so short that every field is cut once.
fn bytes() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![vec(any::<u8>(), 1..12), vec(any::<u8>(), 1..120)]
}

/// NAL unit lengths that fit now and then, behind a header.
fn aggregate(header: Vec<u8>) -> impl Strategy<Value = Vec<u8>> {
    let unit = vec(any::<u8>(), 0..6);
    vec((unit, 0u16..3), 0..4).prop_map(move |units| {
        let mut out = header.clone();
        for (unit, excess) in units {
            out.extend_from_slice(&(unit.len() as u16 + excess / 2).to_be_bytes());
            out.extend_from_slice(&unit);
        }
        out
    })
}

proptest! {
    #[test]
    fn vp8_is_read_or_refused(payload in bytes()) {
        let facts = vp8::describe(&payload);
        if let Ok(found) = vp8::parse(&payload) {
            prop_assert!(usize::from(found.numbers.size) <= payload.len());
            if let Ok(facts) = facts {
                prop_assert_eq!(facts.keyframe, found.keyframe);
                prop_assert_eq!(facts.temporal, found.numbers.temporal);
                prop_assert_eq!(facts.discardable, found.non_reference);
            }
        } else {
            prop_assert_eq!(vp8::locate(&payload).unwrap_err().reason, "vp8_cut");
        }
    }

    #[test]
    fn vp8_numbers_that_are_written_are_read(
        payload in bytes(), picture_id: u16, tl0picidx: u8, keyidx: u8,
    ) {
        let mut copy = payload.clone();
        let Ok(before) = vp8::locate(&payload) else { return Ok(()); };
        vp8::renumber(&mut copy, &before, picture_id, tl0picidx, keyidx);
        let expected = vp8::Numbers {
            picture_id: picture_id & ((1 << before.picture_bits) - 1),
            tl0picidx: if before.tl0_at > 0 { tl0picidx } else { 0 },
            keyidx: if before.layer_at > 0 { keyidx & 31 } else { 0 },
            ..before
        };
        prop_assert_eq!(vp8::locate(&copy).unwrap(), expected);
        let size = usize::from(before.size);
        prop_assert_eq!(&copy[size..], &payload[size..]);
    }

    #[test]
    fn vp9_is_read_or_refused(payload in bytes()) {
        if let Ok(found) = vp9::parse(&payload) {
            prop_assert!(found.size <= payload.len());
            let facts = vp9::describe(&payload).unwrap();
            prop_assert_eq!((facts.start, facts.end), (found.begins, Some(found.ends)));
            prop_assert_eq!(facts.spatial, found.spatial);
            prop_assert_eq!(facts.temporal, found.temporal);
        }
    }

    #[test]
    fn h264_is_read_or_refused(payload in prop_oneof![bytes(), aggregate(vec![24])]) {
        let types = h264::unit_types(&payload);
        let mut depacketizer = h264::Depacketizer::new(64);
        prop_assert_eq!(depacketizer.push(&payload).is_ok(), types.is_ok() && {
            payload[0] & 31 != 28 || payload[1] & 0x80 == 0 || payload.len() <= 61
        });
        if let Ok(facts) = h264::describe(&payload) {
            let opens = types.unwrap().iter().any(|kind| matches!(kind, 5 | 7));
            prop_assert!(opens || !facts.keyframe);
        }
    }

    #[test]
    fn h265_is_read_or_refused(payload in prop_oneof![bytes(), aggregate(vec![96, 1])]) {
        if let Ok(facts) = h265::describe(&payload) {
            prop_assert!(facts.temporal < 7 && facts.spatial < 64);
            prop_assert!(!facts.keyframe || facts.spatial == 0 && facts.switch_up);
        }
    }

    #[test]
    fn av1_is_read_or_refused(payload in bytes()) {
        let _ = av1::describe(&payload);
        if let Ok(found) = av1::parse(&payload) {
            let inside: usize = found.elements.iter().map(|element| element.len()).sum();
            prop_assert!(inside < payload.len());
            prop_assert!(found.elements.len() >= usize::from(found.element_count));
        }
    }

    #[test]
    fn allocations_are_read_or_refused(data in bytes()) {
        if let Ok(found) = layers::parse(&data) {
            prop_assert!(usize::from(found.stream) < found.spatial_layers.len());
            for layer in found.spatial_layers.iter().flatten() {
                prop_assert!((1..=4).contains(&layer.bitrates_bps.len()));
            }
        }
    }

    #[test]
    fn dependencies_are_read_or_refused(values in vec(bytes(), 1..4)) {
        let mut known = None;
        for value in values {
            if let Ok(found) = dependency::parse(&value, known.as_deref()) {
                prop_assert_eq!(found.facts().start, found.start);
                known = found.structure.or(known);
            }
        }
    }

    /// The structure bit set, and no own fields, so that structures are met at all.
    #[test]
    fn structures_are_bounded(head: [u8; 3], body in vec(any::<u8>(), 1..250)) {
        let mut value = [&head[..], &body].concat();
        value[3] |= 0x80;
        if let Ok(found) = dependency::parse(&value, None) {
            let told = found.structure.unwrap();
            prop_assert!(told.templates.len() <= dependency::TEMPLATES_MAX);
            prop_assert!((1..=32).contains(&told.decode_targets));
            prop_assert!(told.chains <= told.decode_targets);
            for template in &told.templates {
                prop_assert!(template.spatial <= 3 && template.temporal <= 7);
                prop_assert_eq!(template.indications.len(), usize::from(told.decode_targets));
            }
        }
    }
}

#[test]
fn a_codec_without_a_reader_is_opaque() {
    assert_eq!(describe("opus", &[1, 2, 3]), Ok(OPAQUE));
    assert!(describer("opus").is_none());
}

#[test]
fn nothing_lies_in_the_middle_and_alone_is_refused() {
    for codec in ["vp8", "vp9", "h264", "h265", "av1"] {
        assert_eq!(describe(codec, &[]), Ok(MIDDLE));
        let refused = describer(codec).unwrap()(&[]).unwrap_err().reason;
        assert_eq!(refused, format!("{codec}_cut"));
    }
}
