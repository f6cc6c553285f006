//! AES in counter mode (RFC 3711 section 4.1.1), and what the derivation of keys needs.

use aes::{Aes128Enc, Aes256Enc};
use ctr::cipher::{InnerIvInit, KeyInit, StreamCipher, StreamCipherCoreWrapper};
use ctr::{Ctr128BE, CtrCore};

/// One key; encrypting and decrypting are the same.
// the boxes hold round keys, several hundred octets
pub enum CounterMode {
    Short(Box<Aes128Enc>),
    Long(Box<Aes256Enc>),
}

impl CounterMode {
    /// Of 16 or 32 octets.
    pub fn new(key: &[u8]) -> Self {
        let wrong = "a key of 16 or 32 octets";
        if key.len() == 16 {
            Self::Short(Box::new(Aes128Enc::new_from_slice(key).expect(wrong)))
        } else {
            Self::Long(Box::new(Aes256Enc::new_from_slice(key).expect(wrong)))
        }
    }

    /// En- or decrypt from counter block `block`.
    pub fn apply(&self, block: u128, data: &mut [u8]) {
        let start = block.to_be_bytes().into();
        match self {
            Self::Short(key) => {
                let core = CtrCore::inner_iv_init(&**key, &start);
                let mut cipher: Ctr128BE<&Aes128Enc> = StreamCipherCoreWrapper::from_core(core);
                cipher.apply_keystream(data);
            }
            Self::Long(key) => {
                let core = CtrCore::inner_iv_init(&**key, &start);
                let mut cipher: Ctr128BE<&Aes256Enc> = StreamCipherCoreWrapper::from_core(core);
                cipher.apply_keystream(data);
            }
        }
    }
}
