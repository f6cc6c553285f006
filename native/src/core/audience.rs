//! Who listens to a layer.
//!
//! Live consumers are grouped by profile, because a profile is rendered once for all of
//! them; in order of coming, because order of sending is tested.

use std::sync::Arc;

use super::ids::ConsumerKey;
use super::ordered::Ordered;
use super::profile::Profile;

/// Consumers in order of coming.
pub type Members = Ordered<ConsumerKey, ()>;

/// The live consumers of one profile.
#[derive(Debug)]
pub struct Group {
    pub profile: Arc<Profile>,
    pub members: Members,
}

/// The consumers of one layer, by phase; `epoch` is the layer's that they know.
#[derive(Debug, Default)]
pub struct Audience {
    pub epoch: u64,
    /// By the serial number of their profile.
    pub live: Ordered<u64, Group>,
    pub chasing: Members,
    pub waiting: Members,
}

impl Audience {
    pub fn len(&self) -> usize {
        let live = self.live.values().map(|group| group.members.len());
        live.sum::<usize>() + self.chasing.len() + self.waiting.len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The consumer gets what arrives from now on.
    pub fn join_live(&mut self, consumer: ConsumerKey, profile: &Arc<Profile>) {
        self.chasing.remove(consumer);
        if let Some(group) = self.live.get_mut(profile.serial) {
            group.members.insert(consumer, ());
            return;
        }
        let mut members = Members::default();
        members.insert(consumer, ());
        let profile = Arc::clone(profile);
        self.live.insert(profile.serial, Group { profile, members });
    }

    /// The consumer gets nothing of this layer any more.
    pub fn leave(&mut self, consumer: ConsumerKey, profile: &Profile) {
        self.chasing.remove(consumer);
        let Some(group) = self.live.get_mut(profile.serial) else {
            return;
        };
        if group.members.remove(consumer).is_some() && group.members.is_empty() {
            self.live.remove(profile.serial);
        }
    }

    /// Everybody who gets packets.
    pub fn followers(&self) -> Vec<ConsumerKey> {
        let live = self.live.values().flat_map(|group| group.members.keys());
        live.chain(self.chasing.keys()).collect()
    }
}
