//! Which password belongs to the USERNAME of a check (RFC 8445 section 7.3).
//!
//! USERNAME is "our ufrag:their ufrag", and ours is the key of the table.  An ICE restart
//! adds a second generation to a transport; the first stays valid until a check used the
//! second, because checks and the answer that carries new credentials overtake each other.

use std::collections::HashMap;
use std::sync::Arc;

use super::events::Misuse;

const UFRAG_LENGTH: usize = 4;
const PWD_LENGTH: usize = 22;

/// Which transport of the agent: the place in its table.
pub type Slot = u32;

/// One generation: `pwd` is the key of its checks, an empty `remote_ufrag` fits every client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credentials {
    pub ufrag: Vec<u8>,
    pub pwd: Arc<[u8]>,
    pub remote_ufrag: Vec<u8>,
}

impl Credentials {
    pub fn new(ufrag: &str, pwd: &str, remote_ufrag: &str) -> Self {
        Self {
            ufrag: ufrag.into(),
            pwd: pwd.as_bytes().into(),
            remote_ufrag: remote_ufrag.into(),
        }
    }
}

/// The one or two generations of a transport, the older first.
pub type Generations = Vec<Credentials>;

/// Finds transports by our ufrag.
#[derive(Debug, Default)]
pub struct CredentialTable {
    by_ufrag: HashMap<Vec<u8>, Slot>,
}

impl CredentialTable {
    /// A new generation for `slot`, replacing one that no check has used.
    pub fn add(
        &mut self,
        slot: Slot,
        generations: &mut Generations,
        fresh: Credentials,
    ) -> Result<(), Misuse> {
        let short = fresh.ufrag.len() < UFRAG_LENGTH || fresh.pwd.len() < PWD_LENGTH;
        if short || fresh.ufrag.contains(&b':') {
            return Err(Misuse::Credentials);
        }
        if self.by_ufrag.contains_key(&fresh.ufrag) {
            return Err(Misuse::Taken);
        }
        self.drop_all(generations.drain(generations.len().min(1)..));
        self.by_ufrag.insert(fresh.ufrag.clone(), slot);
        generations.push(fresh);
        Ok(())
    }

    /// Find a transport by its credentials again.
    pub fn restore(&mut self, slot: Slot, generations: &Generations) {
        let names = generations.iter().map(|one| (one.ufrag.clone(), slot));
        self.by_ufrag.extend(names);
    }

    /// Forget a transport's credentials.
    pub fn remove(&mut self, generations: &mut Generations) {
        self.drop_all(generations.drain(..));
    }

    /// The slot that a check's USERNAME names, and our ufrag in it; not proven by that.
    pub fn find<'a>(&self, username: &'a [u8]) -> Option<(Slot, Named<'a>)> {
        let mut parts = username.splitn(2, |octet| *octet == b':');
        let ours = parts.next().unwrap_or_default();
        let theirs = parts.next().unwrap_or_default();
        let slot = *self.by_ufrag.get(ours)?;
        Some((slot, Named { ours, theirs }))
    }

    /// An authenticated check had generation `used`: older ones end with it.
    pub fn used(&mut self, generations: &mut Generations, used: usize) {
        if used + 1 == generations.len() {
            self.drop_all(generations.drain(..used));
        }
    }

    fn drop_all(&mut self, credentials: impl Iterator<Item = Credentials>) {
        for one in credentials {
            self.by_ufrag.remove(&one.ufrag);
        }
    }
}

/// The two halves of a USERNAME.
#[derive(Clone, Copy)]
pub struct Named<'a> {
    ours: &'a [u8],
    theirs: &'a [u8],
}

impl Named<'_> {
    /// Which generation has this name, if the other half fits as well.
    pub fn among(&self, generations: &Generations) -> Option<usize> {
        let at = generations.iter().position(|one| one.ufrag == self.ours)?;
        let wanted = &generations[at].remote_ufrag;
        (wanted.is_empty() || wanted == self.theirs).then_some(at)
    }
}
