//! How packets of one payload type are understood, and what is read before a number is.

use std::sync::Arc;

use crate::wire::descriptor::{self, Describer};
use crate::wire::parameters::Codec;

/// How packets of one payload type are understood.
///
/// `self_told`: the payload tells the layers; other codecs' stand in the extension.
#[derive(Clone, Debug)]
pub struct PayloadFormat {
    pub payload_type: u8,
    pub codec: Arc<str>,
    pub describe: Option<Describer>,
    pub self_told: bool,
}

impl PayloadFormat {
    pub fn new(codec: &Codec) -> Self {
        Self {
            payload_type: codec.payload_type,
            codec: codec.name.as_str().into(),
            describe: descriptor::describer(&codec.name),
            self_told: matches!(&*codec.name, "vp8" | "vp9"),
        }
    }
}

/// What is read of a packet before it has a number; `frame` is the value of a dependency
/// descriptor extension.
#[derive(Clone, Copy, Debug)]
pub struct Incoming<'a> {
    pub timestamp: u32,
    pub marker: bool,
    pub payload: &'a [u8],
    pub frame: Option<&'a [u8]>,
    pub now: f64,
}
