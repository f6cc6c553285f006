//! Wire formats of the media path: `meshproto.wire`, module by module.

pub mod demux;
pub mod descriptor;
pub mod extensions;
pub mod red;
pub mod rtcp_common;
pub mod rtp;
pub mod rtx;
