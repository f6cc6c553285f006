//! What the ICE agent refuses, in the words that all of the plane has for it.

use crate::errors::Refused;
use crate::ice::events::Misuse;

/// The refusal of a verb of the agent.
pub fn misused(misuse: Misuse) -> Refused {
    let said = match misuse {
        Misuse::Full(maximum) => return Refused::Limit("transports", maximum),
        Misuse::Transport => "the transport is not there, or there already",
        Misuse::Credentials => "the ICE credentials are too short, or the ufrag has a colon",
        Misuse::Taken => "the ICE ufrag is taken",
    };
    Refused::State(said.to_owned())
}
