//! How the checks of clients are judged and answered (RFC 8445 section 7.3).
//!
//! What is refused changes nothing but a counter in `refused`, whose keys are a small fixed
//! set.  An unauthenticated check is answered by an error from the plain server's buckets
//! (RFC 8489 section 9.1.3); a plain request goes to that server altogether, so that one
//! call serves everything STUN.

use std::net::SocketAddr;
use std::sync::Arc;

use super::credentials::Slot;
use super::events::IceEvent;
use super::lite::IceLite;
use super::path::{Check, Local, RemoteId};
use crate::stun::attributes;
use crate::stun::{binding, decode, Message};

/// The datagram to send back, and what its owner should know.
pub type Answer = (Option<Vec<u8>>, Option<IceEvent>);

/// The generation of credentials that a check names, and its password.
struct Known {
    slot: Slot,
    generation: usize,
    pwd: Arc<[u8]>,
}

/// How a check came.
struct Arrival {
    address: SocketAddr,
    now: f64,
    local: Local,
}

impl IceLite {
    /// Handle a datagram that claims to be STUN.
    ///
    /// `local` is whatever tells apart the addresses of ours that a datagram can come to.
    pub fn receive(
        &mut self,
        datagram: &[u8],
        address: SocketAddr,
        now: f64,
        local: Local,
    ) -> Answer {
        match decode(datagram) {
            Ok(request) => self.handle(&request, address, now, local),
            Err(error) => self.refuse(error.reason),
        }
    }

    /// The same for a well-formed message.
    pub fn handle(
        &mut self,
        request: &Message<'_>,
        address: SocketAddr,
        now: f64,
        local: Local,
    ) -> Answer {
        if request.message_type != binding::REQUEST {
            return self.refuse("stun-not-a-request");
        }
        let username = request.attribute(attributes::USERNAME);
        if username.is_none() && request.integrity == 0 {
            return (self.server.answer(request, address, now), None);
        }
        let Some(username) = username.filter(|_| request.integrity > 0) else {
            return self.reject("ice-half", binding::BAD_REQUEST, request, address, now);
        };
        let Some(known) = self.find(username) else {
            return self.reject("ice-ufrag", binding::UNAUTHENTICATED, request, address, now);
        };
        if !request.verify(&known.pwd) {
            return self.reject(
                "ice-integrity",
                binding::UNAUTHENTICATED,
                request,
                address,
                now,
            );
        }
        self.authentic(
            &known,
            request,
            &Arrival {
                address,
                now,
                local,
            },
        )
    }

    /// A check whose sender knows the password.
    fn authentic(&mut self, known: &Known, request: &Message<'_>, came: &Arrival) -> Answer {
        if !request.unknown.is_empty() {
            return self.error("ice-unknown", binding::UNKNOWN_ATTRIBUTE, request, known);
        }
        if request.attribute(attributes::ICE_CONTROLLED).is_some() {
            return self.error("ice-role", binding::ROLE_CONFLICT, request, known);
        }
        let path = self.at(known.slot);
        let Some(path) = path.filter(|path| !path.expired) else {
            return self.refuse("ice-expired");
        };
        let mut event = None;
        match path.seen_from(&request.transaction) {
            None => {
                let Some(remote) = self.remote(known.slot, came.address, came.now) else {
                    return self.refuse("ice-address-taken");
                };
                event = self.checked(known, remote, request, came);
            }
            Some(address) if address != came.address => return self.refuse("ice-replayed"),
            Some(_) => {}
        }
        let reply = binding::success(request, came.address, Some(&known.pwd), true);
        (Some(reply), event)
    }

    fn checked(
        &mut self,
        known: &Known,
        remote: RemoteId,
        request: &Message<'_>,
        came: &Arrival,
    ) -> Option<IceEvent> {
        let path = self.paths.get_mut(known.slot as usize)?.as_mut()?;
        self.credentials
            .used(&mut path.generations, known.generation);
        let check = Check {
            remote,
            transaction: request.transaction,
            nominated: request.attribute(attributes::USE_CANDIDATE).is_some(),
            octets: request.datagram.len() as u64,
            now: came.now,
            local: came.local,
        };
        let event = path.checked(&check, &self.config);
        if path.wake.is_none() {
            self.wake(known.slot, came.now);
        }
        event
    }

    fn find(&self, username: &[u8]) -> Option<Known> {
        let (slot, named) = self.credentials.find(username)?;
        let generations = &self.at(slot)?.generations;
        let generation = named.among(generations)?;
        let pwd = generations[generation].pwd.clone();
        Some(Known {
            slot,
            generation,
            pwd,
        })
    }

    fn refuse(&mut self, reason: &'static str) -> Answer {
        self.refused.count(reason);
        (None, None)
    }

    fn reject(
        &mut self,
        reason: &'static str,
        code: u16,
        request: &Message<'_>,
        address: SocketAddr,
        now: f64,
    ) -> Answer {
        self.refused.count(reason);
        (self.server.refuse(request, code, address, now), None)
    }

    fn error(
        &mut self,
        reason: &'static str,
        code: u16,
        request: &Message<'_>,
        known: &Known,
    ) -> Answer {
        self.refused.count(reason);
        let reply = binding::error(request, code, Some(&known.pwd), true);
        (Some(reply), None)
    }
}
