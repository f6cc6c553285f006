//! How a packet changes on its way through a node (RFC 0003): a port of
//! `meshproto.forwarding`, datagram for datagram.
//!
//! `forwarder::Forwarder` is the door.  The objects of the reference point at each other;
//! here they lie in tables of `state::State` under keys, and its functions walk from key to
//! key, so that one worker owns everything and nothing is counted or locked.

pub mod agenda;
pub mod allotment;
pub mod arrivals;
pub mod audience;
pub mod chase;
pub mod clock;
pub mod config;
pub mod consumer;
pub mod delivery;
pub mod emission;
pub mod events;
pub mod format;
pub mod forwarder;
pub mod hearing;
pub mod history;
pub mod ids;
pub mod ingress;
pub mod keyframes;
pub mod layer;
pub mod levels;
pub mod membership;
pub mod nacks;
pub mod ordered;
pub mod outputs;
pub mod packet;
pub mod producer;
pub mod profile;
pub mod pull;
pub mod pulling;
pub mod reception;
pub mod recovery;
pub mod relay;
pub mod relay_table;
pub mod rendering;
pub mod repair;
pub mod repairs;
pub mod replay;
pub mod reports;
pub mod requests;
pub mod retransmit;
pub mod rewrite;
pub mod routing;
pub mod scalable;
pub mod sentlog;
pub mod sequence;
pub mod state;
pub mod stats;
pub mod table;
pub mod transport;
