//! Nanoseconds to protect one packet of a row, by each library: median and best round.
//!
//!     cargo run --release --manifest-path native/examples/ciphers/Cargo.toml
//!
//! Rounds are shorter than a time slice and those of the candidates alternate, so that a
//! machine that others use as well treats them alike.  A packet has 12 octets of header; every one has another nonce, as in a
//! stream, and lies elsewhere in an arena of 64, as in a burst.

use std::hint::black_box;
use std::time::Instant;

const HEADER: usize = 12;
const BURST: usize = 64;
const ROUNDS: usize = 2001;
const PACKETS: usize = 256;
const SIZES: [usize; 3] = [120, 700, 1200];

type Seal = Box<dyn Fn(u64, &mut [u8])>;

fn main() {
    for size in SIZES {
        let candidates = candidates();
        let mut took: Vec<Vec<f64>> = vec![Vec::new(); candidates.len()];
        for _ in 0..ROUNDS {
            for (index, (_, tag, seal)) in candidates.iter().enumerate() {
                took[index].push(round(seal, HEADER + size + tag));
            }
        }
        for ((name, _, _), mut took) in candidates.iter().zip(took) {
            took.sort_by(f64::total_cmp);
            let (median, best) = (took[ROUNDS / 2], took[0]);
            println!("{size:5} octets  {name:24} {median:6.0} ns (best {best:.0})");
        }
    }
}

/// Nanoseconds per packet of one round.
fn round(seal: &Seal, stride: usize) -> f64 {
    let mut arena = vec![0u8; stride * BURST];
    // the first packets warm caches and clock
    let mut began = Instant::now();
    for number in 0..PACKETS + BURST {
        if number == BURST {
            began = Instant::now();
        }
        let start = number % BURST * stride;
        seal(number as u64, black_box(&mut arena[start..start + stride]));
    }
    began.elapsed().as_nanos() as f64 / PACKETS as f64
}

fn candidates() -> Vec<(&'static str, usize, Seal)> {
    vec![
        ("ring, AES-128-GCM", 16, ring_gcm(&ring::aead::AES_128_GCM)),
        ("aws-lc-rs, AES-128-GCM", 16, aws_gcm(&aws_lc_rs::aead::AES_128_GCM)),
        ("ring, AES-256-GCM", 16, ring_gcm(&ring::aead::AES_256_GCM)),
        ("aws-lc-rs, AES-256-GCM", 16, aws_gcm(&aws_lc_rs::aead::AES_256_GCM)),
        ("aes + sha1, CM_SHA1_80", 10, pure_cm()),
        ("aws-lc-rs, CM_SHA1_80", 10, aws_cm()),
    ]
}

fn nonce(number: u64) -> [u8; 12] {
    let mut nonce = [0; 12];
    nonce[4..].copy_from_slice(&number.to_be_bytes());
    nonce
}

fn ring_gcm(algorithm: &'static ring::aead::Algorithm) -> Seal {
    use ring::aead::{Aad, LessSafeKey, Nonce, UnboundKey};
    let key = UnboundKey::new(algorithm, &[7; 32][..algorithm.key_len()]).unwrap();
    let key = LessSafeKey::new(key);
    Box::new(move |number, packet| {
        let (header, rest) = packet.split_at_mut(HEADER);
        let (plain, room) = rest.split_at_mut(rest.len() - 16);
        let nonce = Nonce::assume_unique_for_key(nonce(number));
        let tag = key.seal_in_place_separate_tag(nonce, Aad::from(&*header), plain);
        room.copy_from_slice(tag.unwrap().as_ref());
    })
}

fn aws_gcm(algorithm: &'static aws_lc_rs::aead::Algorithm) -> Seal {
    use aws_lc_rs::aead::{Aad, LessSafeKey, Nonce, UnboundKey};
    let key = UnboundKey::new(algorithm, &[7; 32][..algorithm.key_len()]).unwrap();
    let key = LessSafeKey::new(key);
    Box::new(move |number, packet| {
        let (header, rest) = packet.split_at_mut(HEADER);
        let (plain, room) = rest.split_at_mut(rest.len() - 16);
        let nonce = Nonce::assume_unique_for_key(nonce(number));
        let tag = key.seal_in_place_separate_tag(nonce, Aad::from(&*header), plain);
        room.copy_from_slice(tag.unwrap().as_ref());
    })
}

fn aws_cm() -> Seal {
    use aws_lc_rs::cipher::{EncryptingKey, EncryptionContext, UnboundCipherKey, AES_128};
    use aws_lc_rs::hmac::{sign, Key, HMAC_SHA1_FOR_LEGACY_USE_ONLY};
    let key = UnboundCipherKey::new(&AES_128, &[7; 16]).unwrap();
    let (key, auth) = (
        EncryptingKey::ctr(key).unwrap(),
        Key::new(HMAC_SHA1_FOR_LEGACY_USE_ONLY, &[9; 20]),
    );
    Box::new(move |number, packet| {
        let end = packet.len() - 10;
        let block = (u128::from(number) << 16).to_be_bytes();
        let start = EncryptionContext::Iv128(block.into());
        key.less_safe_encrypt(&mut packet[HEADER..end], start).unwrap();
        let tag = sign(&auth, &packet[..end + 4]);
        packet[end..].copy_from_slice(&tag.as_ref()[..10]);
    })
}

fn pure_cm() -> Seal {
    use ctr::cipher::{InnerIvInit, KeyInit, StreamCipher};
    use hmac::Mac;
    let auth = <hmac::Hmac<sha1::Sha1> as Mac>::new_from_slice(&[9; 20]).unwrap();
    let key = aes::Aes128Enc::new(&[7; 16].into());
    Box::new(move |number, packet| {
        let end = packet.len() - 10;
        let block = (u128::from(number) << 16).to_be_bytes();
        let core = ctr::CtrCore::inner_iv_init(&key, &block.into());
        let mut cipher: ctr::Ctr128BE<&aes::Aes128Enc> =
            ctr::cipher::StreamCipherCoreWrapper::from_core(core);
        cipher.apply_keystream(&mut packet[HEADER..end]);
        let mut mac = auth.clone();
        mac.update(&packet[..end + 4]);
        let tag = mac.finalize().into_bytes();
        packet[end..].copy_from_slice(&tag[..10]);
    })
}
