//! The sending half of a media socket: bursts, full buffers, unwilling paths.
//!
//! Everything of a turn is written into one arena and leaves at its end, 64 messages a
//! system call, each a run of equal packets that the kernel cuts (`gso`).  A full socket
//! buffer queues a bounded number of bytes and drops the rest; media that waits longer is
//! worth nothing.
//!
//! What the kernel refuses is answered where it belongs (RFC 0002 section 4).  EMSGSIZE and
//! EINVAL mean that this path does not take segments of that size: the run goes singly and
//! the path's limit shrinks.  EIO means that the egress cannot checksum segments: no more
//! GSO from that local address.  A single packet that does not fit is fragmented.  Every
//! other error belongs to a destination and is counted.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::net::IpAddr;

use super::gso::run_end;
use super::socket::Socket;
use super::socket_address::{Local, Way};
use super::socket_send::{send_many, Message, MESSAGES};
use super::uplink::Uplink;
use crate::counters::Counters;

const QUEUE_MAX_BYTES: usize = 4 << 20;
/// What a path takes until a refusal teaches otherwise.
pub const SEGMENT_LIMIT: usize = 65_535;
/// The arena is sent and begun anew above this, so that it stays in a core's own cache: a
/// tenth cheaper per packet than with a megabyte (Zen 3, 200 viewers).
const ARENA_BYTES: usize = 1 << 18;

/// Datagrams that wait for room, or for their time.
#[derive(Debug)]
struct Waiting {
    due: f64,
    octets: Vec<u8>,
    message: Message,
}

/// Sends on one `Socket`, which every verb is given.
///
/// `faults` are what was given up for good, `shrunk` what paths were found to take: (owner,
/// segment limit).  Whoever drives the sender takes both.
#[derive(Debug, Default)]
pub struct Sender {
    pub counters: Counters,
    pub faults: Vec<&'static str>,
    pub shrunk: Vec<(u64, usize)>,
    /// Seconds by which datagrams to an address are held back, for demonstrations.
    pub delays_s: HashMap<IpAddr, f64>,
    arena: Vec<u8>,
    sizes: Vec<usize>,
    pending: Vec<Message>,
    queue: VecDeque<Waiting>,
    queue_bytes: usize,
    delayed: VecDeque<Waiting>,
    unsegmented: Vec<Local>,
}

impl Sender {
    /// Send what must not wait for room in the uplink: checks, DTLS, RTCP.
    pub fn datagram(
        &mut self,
        socket: &Socket,
        uplink: &mut Uplink,
        octets: &[u8],
        way: Way,
        now: f64,
    ) {
        uplink.pay(octets.len() + socket.headers(), now);
        let start = self.arena.len();
        self.arena.extend_from_slice(octets);
        self.push(
            Message {
                way,
                start,
                length: octets.len(),
                segment: 0,
                owner: None,
            },
            now,
        );
        self.make_room(socket);
    }

    /// Begin a burst: protected packets are appended to the arena, their sizes to the list.
    ///
    /// End it with `commit` or `discard`.
    pub fn begin(&mut self) -> (&mut Vec<u8>, &mut Vec<usize>) {
        self.sizes.clear();
        (&mut self.arena, &mut self.sizes)
    }

    /// The sizes of the burst that was begun.
    pub fn begun(&self) -> &[usize] {
        &self.sizes
    }

    /// Forget the burst that was begun.
    pub fn discard(&mut self) {
        let octets: usize = self.sizes.iter().sum();
        self.arena.truncate(self.arena.len() - octets);
        self.sizes.clear();
    }

    /// Send the burst that was begun, as far as the uplink has room.
    pub fn commit(
        &mut self,
        socket: &Socket,
        uplink: &mut Uplink,
        way: Way,
        owner: (u64, usize),
        now: f64,
    ) {
        let mut sizes = std::mem::take(&mut self.sizes);
        let mut start = self.arena.len() - sizes.iter().sum::<usize>();
        let admitted = uplink.admit(&sizes, socket.headers(), now);
        if admitted < sizes.len() {
            let held = sizes.len() - admitted;
            self.counters.add("uplink-full", held as u64);
            sizes.truncate(admitted);
            self.arena.truncate(start + sizes.iter().sum::<usize>());
        }
        let limit = self.segment_limit(way, owner.1);
        let mut first = 0;
        while first < sizes.len() {
            let stop = run_end(&sizes, first, limit);
            let length = sizes[first..stop].iter().sum();
            let segment = if stop - first > 1 { sizes[first] } else { 0 };
            let message = Message {
                way,
                start,
                length,
                segment,
                owner: Some(owner.0),
            };
            self.push(message, now);
            start += length;
            first = stop;
        }
        self.sizes = sizes;
        self.make_room(socket);
    }

    fn segment_limit(&self, way: Way, limit: usize) -> usize {
        if self.unsegmented.contains(&way.local) {
            0
        } else {
            limit
        }
    }

    fn push(&mut self, message: Message, now: f64) {
        if !self.delays_s.is_empty() {
            if let Some(delay_s) = self.delays_s.get(&message.way.remote.ip()) {
                let octets = self.octets(&message).to_vec();
                let due = now + delay_s;
                let at = self.delayed.partition_point(|other| other.due <= due);
                let waiting = Waiting {
                    due,
                    octets,
                    message,
                };
                self.delayed.insert(at, waiting);
                return;
            }
        }
        self.pending.push(message);
    }

    fn octets(&self, message: &Message) -> &[u8] {
        &self.arena[message.start..message.start + message.length]
    }

    fn make_room(&mut self, socket: &Socket) {
        if self.pending.len() >= MESSAGES || self.arena.len() > ARENA_BYTES {
            self.submit(socket);
        }
    }

    /// Let everything leave that was given: at the end of a turn.
    pub fn submit(&mut self, socket: &Socket) {
        let pending = std::mem::take(&mut self.pending);
        let arena = std::mem::take(&mut self.arena);
        self.transmit(socket, &arena, &pending);
        (self.pending, self.arena) = (pending, arena);
        self.pending.clear();
        self.arena.clear();
    }

    fn transmit(&mut self, socket: &Socket, arena: &[u8], messages: &[Message]) {
        let mut at = 0;
        while at < messages.len() {
            if !self.queue.is_empty() {
                return self.enqueue(arena, &messages[at..]);
            }
            match send_many(socket, arena, &messages[at..]) {
                Ok(sent) => at += sent,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    return self.enqueue(arena, &messages[at..]);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    let number = error.raw_os_error().unwrap_or(0);
                    self.refused(socket, arena, messages[at], number);
                    at += 1;
                }
            }
        }
    }

    /// The kernel will not send this message as it is.
    fn refused(&mut self, socket: &Socket, arena: &[u8], message: Message, number: i32) {
        let too_large = number == libc::EMSGSIZE;
        if message.segment == 0 {
            if too_large {
                self.fragmented(socket, arena, message);
            } else {
                self.counters.count(send_counter(number));
            }
        } else if too_large || number == libc::EINVAL {
            let learned = message.owner.map(|owner| (owner, message.segment - 1));
            self.shrunk.extend(learned);
            self.counters.count("gso-shrunk");
            self.singly(socket, arena, message);
        } else if number == libc::EIO {
            self.give_up_segments(message.way.local);
            self.singly(socket, arena, message);
        } else {
            self.counters.count(send_counter(number));
        }
    }

    fn give_up_segments(&mut self, local: Local) {
        self.counters.count("gso-off");
        // one per address of this host, so the host bounds the list
        if !self.unsegmented.contains(&local) {
            self.unsegmented.push(local);
            self.faults.push("an egress cannot segment");
        }
    }

    fn singly(&mut self, socket: &Socket, arena: &[u8], run: Message) {
        let end = run.start + run.length;
        let packets: Vec<Message> = (run.start..end)
            .step_by(run.segment)
            .map(|start| Message {
                start,
                length: run.segment.min(end - start),
                segment: 0,
                ..run
            })
            .collect();
        self.transmit(socket, arena, &packets);
    }

    /// Let IP fragment one packet that the path does not take whole.
    ///
    /// Publishers choose their packet size (GStreamer: 1400) and cannot be asked for less; a
    /// fragmented picture is better than none.
    fn fragmented(&mut self, socket: &Socket, arena: &[u8], packet: Message) {
        self.counters.count("fragmented");
        let allowed = socket.fragment(true);
        let sent = allowed.and_then(|()| send_many(socket, arena, &[packet]));
        let forbidden = socket.fragment(false);
        if let Err(error) = sent.and(forbidden.map(|()| 1)) {
            let number = error.raw_os_error().unwrap_or(0);
            self.counters.count(send_counter(number));
        }
    }

    fn enqueue(&mut self, arena: &[u8], messages: &[Message]) {
        for message in messages {
            if self.queue_bytes + message.length > QUEUE_MAX_BYTES {
                self.counters.count("send-queue-full");
                continue;
            }
            self.queue_bytes += message.length;
            let octets = &arena[message.start..message.start + message.length];
            self.queue.push_back(Waiting {
                due: 0.0,
                octets: octets.to_vec(),
                message: Message {
                    start: 0,
                    ..*message
                },
            });
        }
    }

    /// Whether something waits until the socket is writable.
    pub fn is_waiting(&self) -> bool {
        !self.queue.is_empty()
    }

    /// Send what waited for room.
    pub fn writable(&mut self, socket: &Socket) {
        while let Some(waiting) = self.queue.front() {
            match send_many(socket, &waiting.octets, &[waiting.message]) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(error) => {
                    let number = error.raw_os_error().unwrap_or(0);
                    self.counters.count(send_counter(number));
                }
                Ok(_) => {}
            }
            self.queue_bytes -= waiting.octets.len();
            self.queue.pop_front();
        }
    }

    /// When something that was held back is due.
    pub fn next_timeout(&self) -> Option<f64> {
        self.delayed.front().map(|waiting| waiting.due)
    }

    /// Send what was held back long enough.
    pub fn handle_timeout(&mut self, socket: &Socket, now: f64) {
        while self.next_timeout().is_some_and(|due| due <= now) {
            let Some(waiting) = self.delayed.pop_front() else {
                return;
            };
            let message = Message {
                start: 0,
                ..waiting.message
            };
            self.transmit(socket, &waiting.octets, &[message]);
        }
    }
}

/// The counter of what sending came to.
fn send_counter(number: i32) -> &'static str {
    match number {
        libc::EACCES => "send-eacces",
        libc::EPERM => "send-eperm",
        libc::EAFNOSUPPORT => "send-eafnosupport",
        libc::EADDRNOTAVAIL => "send-eaddrnotavail",
        libc::ECONNREFUSED => "send-econnrefused",
        libc::EHOSTUNREACH => "send-ehostunreach",
        libc::ENETUNREACH => "send-enetunreach",
        libc::ENETDOWN => "send-enetdown",
        libc::EINVAL => "send-einval",
        libc::EIO => "send-eio",
        libc::EMSGSIZE => "send-emsgsize",
        libc::ENOBUFS => "send-enobufs",
        libc::ENOMEM => "send-enomem",
        _ => "send-unknown",
    }
}
