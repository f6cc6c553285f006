//! Header extensions: what is written is read back, and wrong lengths are refused.

use meshnode_native::wire::extension_values::*;
use meshnode_native::wire::extensions::{encode, profile_for, spans, TWO_BYTE_PROFILE};
use proptest::collection::vec;
use proptest::prelude::*;

proptest! {
    #[test]
    fn elements_are_read_back(
        elements in vec((1u8.., vec(any::<u8>(), 0..40)), 0..8), short: bool,
    ) {
        // short ones fit the one-byte form
        let cut = |(id, value): &(u8, Vec<u8>)| (id % 14 + 1, [&[1], &value[..value.len().min(15)]].concat());
        let elements: Vec<_> = if short { elements.iter().map(cut).collect() } else { elements };
        let borrowed: Vec<_> = elements.iter().map(|(id, value)| (*id, &value[..])).collect();
        for profile in [profile_for(&borrowed), TWO_BYTE_PROFILE | 7] {
            let body = encode(profile, &borrowed).unwrap();
            prop_assert_eq!(body.len() % 4, 0);
            let found = spans(&body, profile, 0, body.len());
            let found: Vec<_> = found
                .map(|span| (span.id, &body[span.start..span.start + span.length]))
                .collect();
            prop_assert_eq!(&found, &borrowed);
        }
    }

    #[test]
    fn values_are_read_back(
        sequence: u16, ticks in -0x80_0000i32..0x80_0000, voice: bool, level in 0u8..128,
        camera in 0u8..2, flip in 0u8..2, quarter in 0u16..4, bounds in any::<[u16; 2]>(),
        text in "[!-~]{1,20}", time_s in 0f64..1e6,
    ) {
        let written = encode_transport_sequence(sequence);
        prop_assert_eq!(decode_transport_sequence(&written), Ok(sequence));
        prop_assert_eq!(decode_time_offset(&encode_time_offset(ticks).unwrap()), Ok(ticks));
        let audio = AudioLevel { voice, level };
        prop_assert_eq!(decode_audio_level(&encode_audio_level(audio)), Ok(audio));
        let turned = VideoOrientation { camera, flip, rotation: quarter * 90 };
        prop_assert_eq!(decode_video_orientation(&encode_video_orientation(turned)), Ok(turned));
        let [minimum, maximum] = bounds.map(|bound| bound & 0xFFF);
        let delay = PlayoutDelay { minimum, maximum: maximum.max(minimum) };
        prop_assert_eq!(decode_playout_delay(&encode_playout_delay(delay).unwrap()), Ok(delay));
        prop_assert_eq!(decode_text(encode_text(&text).unwrap()), Ok(&text[..]));
        let sent = decode_abs_send_time(&encode_abs_send_time(time_s)).unwrap();
        prop_assert!((f64::from(sent) / 262_144.0 - time_s % 64.0).abs() <= 1.0 / 262_144.0);
    }
}

#[test]
fn each_wrong_length_has_its_reason() {
    let long = &[0; 4];
    assert_eq!(
        decode_abs_send_time(long).unwrap_err().reason,
        "ext-abs-send-time"
    );
    let sequence = decode_transport_sequence(long).unwrap_err();
    assert_eq!(sequence.reason, "ext-transport-sequence");
    assert_eq!(
        decode_time_offset(long).unwrap_err().reason,
        "ext-time-offset"
    );
    assert_eq!(
        decode_audio_level(long).unwrap_err().reason,
        "ext-audio-level"
    );
    let turned = decode_video_orientation(long).unwrap_err();
    assert_eq!(turned.reason, "ext-video-orientation");
    assert_eq!(
        decode_playout_delay(long).unwrap_err().reason,
        "ext-playout-delay"
    );
    assert_eq!(decode_text(long).unwrap_err().reason, "ext-text");
}

#[test]
fn misuse_is_refused() {
    assert!(encode(0xBEDE, &[(15, &[1])]).is_err());
    assert!(encode(0xBEDE, &[(1, &[])]).is_err());
    assert!(encode(TWO_BYTE_PROFILE, &[(0, &[1])]).is_err());
    assert!(encode(TWO_BYTE_PROFILE, &[(1, &[0; 256])]).is_err());
    assert!(encode_time_offset(1 << 23).is_err());
    assert!(encode_text("\u{e4}").is_err());
    let (minimum, maximum) = (2, 1);
    assert!(encode_playout_delay(PlayoutDelay { minimum, maximum }).is_err());
}
