//! After a fault of ours: the tables that lead to a path are made anew from the paths.
//!
//! Which transport has which slot, whose an address is, which ufrag names whom, and when
//! to look at a path: all of it stands in the paths themselves, each of which changes by
//! itself.  What a panic left between two tables is decided by them, so that no client
//! has to check again before it is heard and sent to (RFC 0002 section 6.1).

use std::mem;

use super::credentials::{CredentialTable, Slot};
use super::lite::{IceLite, Owner};
use super::wakes::Wakes;

impl IceLite {
    /// Make the tables anew.
    pub fn recover(&mut self, now: f64) {
        self.by_transport.clear();
        self.by_address.clear();
        self.free.clear();
        self.wakes = Wakes::default();
        self.credentials = CredentialTable::default();
        let paths = mem::take(&mut self.paths);
        for (slot, path) in paths.iter().enumerate() {
            let slot = slot as Slot;
            let Some(path) = path else {
                self.free.push(slot);
                continue;
            };
            self.by_transport.insert(path.transport, slot);
            self.credentials.restore(slot, &path.generations);
            for one in path.remotes() {
                let remote = one.id;
                self.by_address.insert(one.address, Owner { slot, remote });
            }
        }
        self.paths = paths;
        for slot in 0..self.paths.len() {
            let path = self.paths[slot].as_ref();
            if path.is_some_and(|path| path.wake.is_some() || !path.remotes.is_empty()) {
                self.wake(slot as Slot, now);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ice::config::IceConfig;
    use crate::ice::credentials::Credentials;
    use crate::ice::events::IceEvent;
    use crate::stun::bucket::{PrefixBucket, SLOTS};
    use crate::stun::StunServer;

    const HERE: ([u8; 4], u16) = ([192, 0, 2, 7], 4000);
    const PWD: &str = "passwordpasswordpassword";

    fn agent() -> IceLite {
        let bucket = PrefixBucket::new(&[7; 16], 32.0, 64, SLOTS).unwrap();
        IceLite::new(StunServer::new(bucket), IceConfig::default())
    }

    /// One client that was heard of at second 1, and one that never checked.
    fn two() -> IceLite {
        let mut agent = agent();
        for (transport, ufrag) in [(5, "first"), (6, "other")] {
            let fresh = Credentials::new(ufrag, PWD, "");
            agent.add(transport, fresh).unwrap();
        }
        let slot = agent.slot(5).unwrap();
        let owner = agent.remote(slot, HERE.into(), 1.0).unwrap();
        agent.authenticated(
            Owner {
                slot,
                remote: owner,
            },
            1.0,
        );
        agent.wake(slot, 1.0);
        agent
    }

    #[test]
    fn what_stands_in_the_paths_is_found_again() {
        let mut agent = two();
        let known = agent.owner(HERE.into());
        agent.by_address.clear();
        agent.by_transport.clear();
        agent.credentials = CredentialTable::default();
        agent.recover(2.0);
        assert_eq!(agent.owner(HERE.into()), known);
        assert_eq!((agent.slot(5), agent.slot(6)), (Some(0), Some(1)));
        assert_eq!(agent.credentials.find(b"other:me").unwrap().0, 1);
        assert!(agent.add(7, Credentials::new("other", PWD, "")).is_err());
    }

    #[test]
    fn what_stands_in_no_path_is_forgotten() {
        let mut agent = two();
        let elsewhere = ([192, 0, 2, 8], 1).into();
        agent.by_address.insert(
            elsewhere,
            Owner {
                slot: 0,
                remote: 99,
            },
        );
        agent.paths[1] = None;
        agent.recover(2.0);
        assert_eq!(agent.owner(elsewhere), None);
        assert_eq!(agent.slot(6), None);
        let again = agent.add(8, Credentials::new("other", PWD, ""));
        assert_eq!(again, Ok(1));
    }

    #[test]
    fn silence_is_noticed_although_the_timer_was_lost() {
        let mut agent = two();
        agent.wakes = Wakes::default();
        agent.recover(2.0);
        let silent_at = agent.next_timeout().unwrap();
        let told = agent.handle_timeout(silent_at);
        assert!(matches!(told[..], [IceEvent::Silent { transport: 5, .. }]));
    }
}
