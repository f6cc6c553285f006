//! The turn of a worker: take what came, do what is due, let everything leave, tell.

use super::arriving::copies_max;
use super::events::Event;
use super::faults::Place;
use super::guard::guarded;
use super::socket_poll::{wait, Watch};
use super::state::Engine;
use super::worker::Machine;
use crate::core::ids::TransportId;

/// System calls of one socket that one turn may drain.
const CALLS_MAX: usize = 16;
/// The same before a late deadline: a third of a second of thirty streams.
const CALLS_LATE_MAX: usize = 64;
/// How long the packets of a frame may wait for the rest of it (RFC 0003 section 7), and how
/// many consumers must have been fed last for that: what leaves in one run costs half.
pub(super) const HOLD_S: f64 = 0.000_3;
const HOLD_FED: usize = 32;
/// What control hears of a fault that the packet path was started again after.
const RESTARTED: &str = "the packet path was started again";
/// A deadline that fails must not spin.
const REST_S: f64 = 0.05;

impl Machine for Engine {
    fn watch(&mut self, watches: &mut Vec<Watch>) -> Option<f64> {
        let ports = self.ports.iter();
        watches.extend(ports.map(|port| Watch::new(port.socket.raw(), port.sender.is_waiting())));
        let due = self.next_timeout()?;
        Some((due - self.clock.now()).max(0.0))
    }

    fn turn(&mut self, watches: &[Watch]) {
        let due = self.next_timeout();
        let late = due.is_some_and(|due| due <= self.clock.now());
        for (place, watch) in watches.iter().enumerate().take(self.ports.len()) {
            if watch.writable {
                let port = &mut self.ports[place];
                port.sender.writable(&port.socket);
            }
            // why first: whoever is late must not take that for the silence of others
            if late {
                self.receive(place, CALLS_LATE_MAX);
            } else if watch.readable {
                self.receive(place, CALLS_MAX);
            }
        }
        if self.frame_open && self.fed >= HOLD_FED {
            self.hold();
        }
        let now = self.clock.now();
        if late && !self.handle_timeout(now) {
            self.rest_until = now + REST_S;
        }
        self.drain(now);
    }

    fn failed(&mut self, what: &'static str, why: String) {
        self.failed_at(what, why);
        // what was written and has not left, leaves
        let now = self.clock.now();
        if let Err(why) = guarded(|| self.drain(now)) {
            self.report_failure("the turn after it", why);
        }
        self.tell();
    }
}

impl Engine {
    fn next_timeout(&mut self) -> Option<f64> {
        let machines = [self.forwarder.next_timeout(), self.ice.next_timeout()];
        let senders = self.ports.iter().map(|port| port.sender.next_timeout());
        let due = machines.into_iter().chain(senders).flatten();
        let due = due.reduce(f64::min)?;
        Some(due.max(self.rest_until))
    }

    /// Wait a moment for the rest of a frame, whose packets come back to back.
    fn hold(&mut self) {
        let until = self.clock.now() + HOLD_S;
        while self.frame_open {
            let left_s = until - self.clock.now();
            let ports = self.ports.iter();
            let mut watches: Vec<Watch> = ports
                .map(|port| Watch::new(port.socket.raw(), false))
                .collect();
            let waited = left_s > 0.0 && wait(&mut watches, Some(left_s)).is_ok();
            if !waited || watches.iter().all(|watch| !watch.readable) {
                return;
            }
            for (place, watch) in watches.iter().enumerate() {
                if watch.readable {
                    self.receive(place, 1);
                }
            }
        }
    }

    /// Whether everything that was due could be done; what cannot stops nothing else.
    fn handle_timeout(&mut self, now: f64) -> bool {
        let clients = self.attempt("a timeout of clients", |engine| {
            for event in engine.ice.handle_timeout(now) {
                engine.noticed(event);
            }
        });
        let sending = self.attempt("a timeout of sending", |engine| {
            for port in &mut engine.ports {
                port.sender.handle_timeout(&port.socket, now);
            }
        });
        let forwarding = self.attempt("a timeout", |engine| {
            engine.faults.here(Place::Due);
            engine.forwarder.handle_timeout(now);
        });
        clients && sending && forwarding
    }

    /// Send and report everything that is due.
    pub(super) fn drain(&mut self, now: f64) {
        let departed = self.depart(now);
        while let Some(order) = self.forwarder.poll_resend() {
            self.attempt("a repetition", |engine| engine.again(order, now));
        }
        while let Some(feedback) = self.forwarder.poll_rtcp() {
            self.attempt("feedback", |engine| {
                engine.rtcp(feedback.transport, feedback.packet, now);
            });
        }
        while let Some(event) = self.forwarder.poll_event() {
            self.events.push(Event::Core(event));
        }
        self.faults.here(Place::Leaving);
        for place in 0..self.ports.len() {
            let port = &mut self.ports[place];
            port.sender.submit(&port.socket);
            self.learn(place);
        }
        self.latency.left(departed);
        self.tell();
    }

    /// Whether anything did.
    fn depart(&mut self, now: f64) -> bool {
        self.forwarded = self.received.packets;
        let mut departures = std::mem::take(&mut self.departures);
        self.forwarder.flush(now, &mut departures);
        let mut fed = 0;
        for burst in departures.bursts() {
            // the numbers of the others are given, so that they must leave
            if let Err(why) = guarded(|| self.burst(&burst, now)) {
                self.forwarder.blame(burst.consumer);
                self.failed_at("a burst", why);
            }
            fed += 1;
        }
        if fed > 0 {
            self.fed = fed;
            self.frame_open = false;
        }
        departures.clear();
        self.departures = departures;
        self.make_room(fed);
        fed > 0
    }

    /// Take now what a stall may need with so many consumers: then it does not grow later.
    fn make_room(&mut self, fed: usize) {
        if fed > self.warm && fed >= HOLD_FED {
            // why more: viewers come one after the other
            self.warm = fed + fed / 4;
            let copies = copies_max(self.warm);
            self.departures.warm(copies);
            self.forwarder.warm(copies);
        }
    }

    /// What refusals taught about paths and egresses.
    fn learn(&mut self, place: usize) {
        let sender = &mut self.ports[place].sender;
        let faults = sender.faults.drain(..).map(Event::Fault);
        self.events.extend(faults);
        for (owner, limit) in sender.shrunk.drain(..) {
            let session = self.sessions.get_mut(&TransportId(owner));
            if let Some(path) = session.and_then(|session| session.path.as_mut()) {
                path.segment_limit = path.segment_limit.min(limit);
            }
        }
    }

    /// Fail as asked, there or at the next time that the packet path comes by.
    pub fn fail(&mut self, place: Place) {
        match place {
            Place::Order | Place::Flush => {
                if place == Place::Flush {
                    self.forwarder.lose_track(None);
                }
                self.faults.arm(place);
                self.faults.here(place);
            }
            _ => self.faults.arm(place),
        }
    }

    /// Do one of many things, of which none may stop those behind it; whether it was done.
    pub(super) fn attempt(&mut self, what: &'static str, step: impl FnOnce(&mut Self)) -> bool {
        let outcome = guarded(|| step(self));
        let done = outcome.is_ok();
        if let Err(why) = outcome {
            self.failed_at(what, why);
        }
        done
    }

    /// A fault of ours: what may be half changed is started again, media goes on, and
    /// control hears of it (RFC 0002 section 6.1).
    pub(super) fn failed_at(&mut self, what: &'static str, why: String) {
        self.report_failure(what, why);
        let now = self.clock.now();
        let restarted = guarded(|| {
            self.ice.recover(now);
            self.forwarder.recover(now);
        });
        match restarted {
            Ok(()) => self.events.push(Event::Fault(RESTARTED)),
            Err(why) => self.report_failure("the restart", why),
        }
    }

    fn report_failure(&mut self, what: &'static str, why: String) {
        self.drops.count("internal-error");
        self.events.push(Event::Failed { what, why });
    }

    pub(super) fn tell(&mut self) {
        let drops = &mut self.drops;
        self.ring.tell(&mut self.events, |full| drops.count(full));
    }
}
