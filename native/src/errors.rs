//! Errors split by who is to blame, as in `meshproto.errors`.
//!
//! Both hold a fixed text and nothing else, so refusing a packet allocates nothing.

/// Remote bytes are malformed; `reason` is the label that both planes count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DecodeError {
    pub reason: &'static str,
}

impl DecodeError {
    pub const fn new(reason: &'static str) -> Self {
        Self { reason }
    }
}

/// A verb was called with what it does not allow (local misuse).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StateError(pub &'static str);

/// A change of the forwarding table was refused; in Python `StateError` or `LimitError`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refused {
    /// It names what is not there, or is there already.
    State(String),
    /// A bounded table is full: the name of the limit, and its value.
    Limit(&'static str, usize),
}
