//! The packet path without Python: sockets, sessions and one forwarder in one thread.
//!
//! A worker owns all of it, so nothing is locked: datagrams come in batches (`Arrivals`),
//! are authenticated and go into the forwarder (`arriving`); what it makes is protected
//! burst by burst into one arena and leaves in few system calls (`departing`, `Sender`).
//! Python hands closures over (`Worker`) and reads a ring of events (`Ring`); it decides,
//! and is not asked about packets.
//!
//! Linux only: recvmmsg, sendmmsg, UDP_GRO, UDP_SEGMENT, eventfd.  `unsafe` is in the
//! files called `socket*.rs` and nowhere else.

mod arriving;
pub mod clock;
pub mod copying;
mod departing;
pub mod events;
pub mod faults;
pub mod gso;
pub mod guard;
pub mod latency;
mod linking;
pub mod random;
pub mod refusal;
mod repeats;
pub mod report;
pub mod sender;
mod session;
pub mod socket;
pub mod socket_address;
pub mod socket_count;
pub mod socket_poll;
pub mod socket_receive;
pub mod socket_send;
pub mod state;
mod turning;
pub mod uplink;
pub mod worker;
