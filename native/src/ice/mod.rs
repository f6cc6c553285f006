//! ICE for clients: the lite agent of the media port (RFC 8445, RFC 0002 section 3); and what
//! the agent of links, which is in Python, must be asked about (`neighbours`).

pub mod checks;
pub mod config;
pub mod credentials;
pub mod events;
pub mod lite;
pub mod neighbours;
pub mod path;
mod recovery;
mod seen;
mod wakes;

pub use checks::Answer;
pub use config::IceConfig;
pub use credentials::{Credentials, Slot};
pub use events::{IceEvent, Misuse, TransportId};
pub use lite::{IceLite, Owner};
pub use path::ClientPath;
