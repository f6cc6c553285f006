//! Send-side congestion control of one client transport (RFC 0003), a port of
//! `meshproto.forwarding.congestion`: the same numbers in the same order, so that both
//! planes find the same estimate to the last bit.
//!
//! `sender::TransportSender` is the door, and the only thing the forwarder uses.

pub mod allocation;
pub mod cluster;
pub mod config;
pub mod delay;
pub mod estimator;
pub mod history;
pub mod ladder;
pub mod loss;
pub mod pacer;
pub mod prober;
pub mod reports;
pub mod sender;
pub mod throughput;
pub mod windowed;
