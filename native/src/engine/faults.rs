//! Faults on demand: the packet path panics where it is told to, for the tests that everybody
//! is served afterwards (RFC 0002 section 6.1).
//!
//! A place that nobody asked for costs one comparison, and lies where there is one for a
//! burst or a datagram, never for a packet.

/// In the midst of what the packet path can be made to fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// An order of control.
    Order,
    /// A flush of the forwarder, whose lists of listeners are lost.
    Flush,
    /// A packet that was authenticated and is not forwarded yet.
    Opened,
    /// A burst that is protected and has not left.
    Sealed,
    /// A packet that goes out again.
    Again,
    /// A check of a client that was judged and is not answered.
    Checked,
    /// A message for the agent of links, before it is handed up.
    HandedUp,
    /// A deadline, behind that of the clients' addresses.
    Due,
    /// The end of a turn, with everything written and nothing sent.
    Leaving,
}

impl Place {
    /// By the word that tests have for it.
    pub fn named(name: &str) -> Option<Self> {
        Some(match name {
            "order" => Self::Order,
            "flush" => Self::Flush,
            "opened" => Self::Opened,
            "sealed" => Self::Sealed,
            "again" => Self::Again,
            "checked" => Self::Checked,
            "handed-up" => Self::HandedUp,
            "due" => Self::Due,
            "leaving" => Self::Leaving,
            _ => return None,
        })
    }
}

/// The fault that was asked for and has not come yet.
#[derive(Debug, Default)]
pub struct Faults(Option<Place>);

impl Faults {
    /// Fail the next time at `place`, once.
    pub fn arm(&mut self, place: Place) {
        self.0 = Some(place);
    }

    /// The packet path is there.
    #[inline]
    pub fn here(&mut self, place: Place) {
        if self.0 == Some(place) {
            self.fail();
        }
    }

    #[cold]
    fn fail(&mut self) {
        self.0 = None;
        panic!("asked to");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::guard::guarded;

    #[test]
    fn fails_once_where_it_is_told_to() {
        let mut faults = Faults::default();
        faults.here(Place::Sealed);
        faults.arm(Place::Sealed);
        faults.here(Place::Due);
        assert!(guarded(|| faults.here(Place::Sealed)).is_err());
        faults.here(Place::Sealed);
        assert_eq!(Place::named("seal"), None);
    }
}
