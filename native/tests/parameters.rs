//! Media parameters: kinds by their names, and a codec of which nothing more is known.

use meshnode_native::wire::parameters::{Codec, MediaKind};
use proptest::prelude::*;

proptest! {
    #[test]
    fn only_the_two_kinds_have_names(name in "(audio|video|[a-z]{0,6})") {
        match MediaKind::of(&name) {
            Ok(kind) => prop_assert_eq!(kind.name(), name),
            Err(_) => prop_assert!(name != "audio" && name != "video"),
        }
    }
}

#[test]
fn a_new_codec_negotiated_nothing() {
    let codec = Codec::new(96, "vp8", 90_000);
    let facts = (codec.payload_type, &codec.name[..], codec.clock_rate_hz);
    assert_eq!(facts, (96, "vp8", 90_000));
    assert_eq!((codec.channels, &codec.parameters[..]), (1, ""));
    assert!(codec.rtx_payload_type.is_none() && codec.feedback.is_empty());
}
