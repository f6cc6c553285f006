//! What makes a stranger a client, on any bytes: nothing panics, nothing opens, nothing is
//! accepted that was not made with the keys.

mod corpora;

use std::net::SocketAddr;

use meshnode_native::ice::{Credentials, IceConfig, IceLite};
use meshnode_native::srtp::{Inbound, Outbound, Profile, Refused, SessionKeys};
use meshnode_native::stun::{decode, PrefixBucket, StunServer};
use proptest::collection::vec;
use proptest::prelude::*;

const PROFILES: [Profile; 3] = [
    Profile::AeadAes128Gcm,
    Profile::AeadAes256Gcm,
    Profile::Aes128CmSha1,
];

fn keys(profile: Profile) -> SessionKeys {
    let (key, salt) = ([7; 32], [9; 14]);
    let key = &key[..profile.key_bytes()];
    SessionKeys::derive(profile, key, &salt[..profile.salt_bytes()]).unwrap()
}

fn agent() -> IceLite {
    let bucket = PrefixBucket::new(&[0; 16], 32.0, 64, 64).unwrap();
    let mut lite = IceLite::new(StunServer::new(bucket), IceConfig::default());
    let fresh = Credentials::new("ours", "passwordpasswordpassword", "");
    lite.add(1, fresh).unwrap();
    lite
}

fn somewhere() -> SocketAddr {
    "192.0.2.1:1000".parse().unwrap()
}

/// A packet with room for the tag, and how long its header is.
fn packet(sequence: u16, payload: &[u8], room: usize) -> (Vec<u8>, usize) {
    let mut packet = vec![0x80, 96];
    packet.extend_from_slice(&sequence.to_be_bytes());
    packet.extend_from_slice(&[0, 0, 0, 1, 0, 0, 0, 7]);
    packet.extend_from_slice(payload);
    packet.resize(packet.len() + room, 0);
    (packet, 12)
}

proptest! {
    #[test]
    fn what_is_protected_is_read_back(
        first: u16, payloads in vec(vec(any::<u8>(), 0..1400), 1..5),
    ) {
        for profile in PROFILES {
            let (mut out, mut back) = (
                Outbound::new(&keys(profile), 4),
                Inbound::new(&keys(profile), 4),
            );
            for (step, payload) in payloads.iter().enumerate() {
                let sequence = first.wrapping_add(step as u16);
                let (mut sent, header) = packet(sequence, payload, out.room());
                let plain = sent[..sent.len() - out.room()].to_vec();
                out.protect_next(&mut sent, header).unwrap();
                let length = back.unprotect(&mut sent).unwrap();
                prop_assert_eq!(&sent[..length], plain.as_slice());
            }
        }
    }

    #[test]
    fn compounds_are_read_back(body in vec(any::<u8>(), 8..200)) {
        for profile in PROFILES {
            let (mut out, mut back) = (
                Outbound::new(&keys(profile), 4),
                Inbound::new(&keys(profile), 4),
            );
            let mut plain = body.clone();
            plain[0] = 0x80;
            let mut sent = plain.clone();
            sent.resize(plain.len() + out.rtcp_room(), 0);
            out.protect_rtcp(&mut sent).unwrap();
            let length = back.unprotect_rtcp(&mut sent).unwrap();
            prop_assert_eq!(&sent[..length], plain.as_slice());
        }
    }

    #[test]
    fn any_bytes_are_refused(bytes in vec(any::<u8>(), 0..200)) {
        refuse(&bytes);
    }
}

#[test]
fn no_index_is_used_twice_and_no_buffer_is_too_short() {
    for profile in PROFILES {
        let mut out = Outbound::new(&keys(profile), 1);
        let (mut first, header) = packet(5, b"media", out.room());
        assert_eq!(out.protect(&mut first, header, 7, 5), Ok(()));
        let (mut again, _) = packet(5, b"other", out.room());
        assert_eq!(out.protect(&mut again, header, 7, 5), Err(Refused::Used));
        assert_eq!(
            out.protect(&mut again, header, 7, 1 << 48),
            Err(Refused::Used)
        );
        assert_eq!(out.protect(&mut again, header, 8, 5), Err(Refused::Sources));
        assert_eq!(out.refused, 2);
        let (mut repeated, _) = packet(5, b"media", out.room());
        assert_eq!(out.repeat(&mut repeated, header, 7, 5), Ok(()));
        assert_eq!(repeated, first);
        let mut short = [0x80; 13];
        assert_eq!(out.protect(&mut short, header, 7, 6), Err(Refused::Short));
        assert_eq!(out.protect_rtcp(&mut short), Err(Refused::Short));
    }
}

/// Every file of the corpora, as datagrams at many offsets; needs `MESHNODE_SHARED`.
#[test]
fn the_corpora_are_refused() {
    corpora::each(997, 50, refuse);
}

/// As they are, as packets of version 2, and as STUN of the right length.
fn refuse(bytes: &[u8]) {
    let mut lite = agent();
    let whole = bytes.len().min(1480) / 4 * 4;
    let mut framed = vec![0, 1];
    framed.extend_from_slice(&(whole as u16).to_be_bytes());
    framed.extend_from_slice(&0x2112_A442u32.to_be_bytes());
    framed.extend_from_slice(&[5; 12]);
    framed.extend_from_slice(&bytes[..whole]);
    for datagram in [bytes, framed.as_slice()] {
        if let Ok(message) = decode(datagram) {
            assert!(!message.verify(b"passwordpasswordpassword"));
        }
        let (_, event) = lite.receive(datagram, somewhere(), 0.0, 0);
        assert_eq!(event, None);
    }
    assert_eq!(lite.addresses(), 0);
    for profile in PROFILES {
        let mut back = Inbound::new(&keys(profile), 4);
        for first in [None, Some(0x80), Some(0x90), Some(0xBF)] {
            let mut packet = bytes.to_vec();
            if let (Some(first), Some(octet)) = (first, packet.first_mut()) {
                *octet = first;
            }
            assert!(back.unprotect_rtcp(&mut packet.clone()).is_err());
            assert!(back.unprotect(&mut packet).is_err());
        }
        assert_eq!(back.ssrcs(), 0);
    }
}
