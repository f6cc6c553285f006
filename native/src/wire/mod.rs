//! Wire formats of the media path: `meshproto.wire`, module by module.

pub mod ccfb;
pub mod demux;
pub mod descriptor;
pub mod extension_values;
pub mod extensions;
pub mod parameters;
pub mod red;
pub mod rtcp;
pub mod rtcp_common;
pub mod rtcp_feedback;
pub mod rtcp_reports;
pub mod rtp;
pub mod rtx;
pub mod twcc;
