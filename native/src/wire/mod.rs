//! Wire formats of the media path: `meshproto.wire`, module by module.

pub mod rtp;
