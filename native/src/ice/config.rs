//! Limits and times of the ICE-lite agent (RFC 0002 section 3).

use crate::errors::StateError;

/// `silence_s` is when the alarm goes off, `consent_s` when sending must end (RFC 7675
/// section 5.1).  `amplification` is the factor of the budget after a move.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct IceConfig {
    pub transports: usize,
    pub addresses_per_transport: usize,
    pub remembered_checks: usize,
    pub silence_s: f64,
    pub consent_s: f64,
    pub move_silence_s: f64,
    pub amplification: u64,
}

impl Default for IceConfig {
    fn default() -> Self {
        Self {
            transports: 2048,
            addresses_per_transport: 16,
            remembered_checks: 64,
            silence_s: 5.0,
            consent_s: 30.0,
            move_silence_s: 3.0,
            amplification: 3,
        }
    }
}

impl IceConfig {
    pub fn checked(self) -> Result<Self, StateError> {
        if self.addresses_per_transport < 2 || self.remembered_checks < 1 {
            let reason = "a move needs two addresses and the memory of a check";
            return Err(StateError(reason));
        }
        Ok(self)
    }
}
