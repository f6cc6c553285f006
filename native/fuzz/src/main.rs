//! Coverage-guided input for every parser that reads what a remote sent.
//!
//! The first octet chooses the parser, the rest is what it gets.  Nothing may panic; what
//! parsers answer is the business of the tests.
//!
//!     make fuzz-native

#![no_main]

use libfuzzer_sys::fuzz_target;
use meshnode_native::stun::message;
use meshnode_native::wire::descriptor::{av1, dependency, h264, h265, layers, vp8, vp9};
use meshnode_native::wire::{
    demux, extension_values, extensions, red, rtcp, rtcp_common, rtp, rtx,
};

const PARSERS: [fn(&[u8]); 15] = [
    |data| {
        demux::classify(data);
    },
    |data| {
        if let Ok(view) = rtp::parse(data) {
            rtp::payload(data, &view);
            rtp::csrcs(data).count();
        }
    },
    |data| {
        let _ = rtx::unwrap(data, 1, 96);
    },
    |data| {
        let _ = red::decode(data);
    },
    |data| {
        let _ = rtcp::parse(data);
    },
    |data| {
        rtcp_common::split(data).count();
    },
    |data| {
        if let Ok(found) = message::decode(data) {
            found.verify(b"passwordpasswordpassword");
        }
    },
    |data| {
        for profile in [0xBEDE, 0x1000] {
            extensions::spans(data, profile, 0, data.len()).count();
        }
    },
    |data| {
        let _ = extension_values::decode_abs_send_time(data);
        let _ = extension_values::decode_transport_sequence(data);
        let _ = extension_values::decode_audio_level(data);
        let _ = extension_values::decode_video_orientation(data);
        let _ = extension_values::decode_playout_delay(data);
        let _ = extension_values::decode_text(data);
    },
    |data| {
        let _ = vp8::describe(data);
        let _ = vp8::parse(data);
    },
    |data| {
        let _ = vp9::parse(data);
    },
    |data| {
        let _ = av1::parse(data);
    },
    |data| {
        let _ = h264::describe(data);
        let _ = h265::describe(data);
    },
    |data| {
        let _ = dependency::parse(data, None);
    },
    |data| {
        let _ = layers::parse(data);
    },
];

fuzz_target!(|data: &[u8]| {
    if let Some((choice, rest)) = data.split_first() {
        PARSERS[usize::from(*choice) % PARSERS.len()](rest);
    }
});
