//! The limits beside which the packet path is measured: loops that do one thing only.
//!
//! What came together, whole frames as the engine waits for them, goes to every viewer as
//! it is: in the runs that the kernel segments (`How::Segments`, the physical limit), one
//! message per datagram and many a system call (`Messages`), one system call per datagram
//! (`Single`).  No encryption, no rewriting, no copy per viewer; whatever a relay does
//! besides costs more than this.  `Sealed` is the
//! other half: every viewer's copy is made and encrypted under a key of its own, and
//! nothing leaves.

use std::io;
use std::net::SocketAddr;

use super::arriving::frame_goes_on;
use super::gso::run_end;
use super::sender::SEGMENT_LIMIT;
use super::socket::Socket;
use super::socket_address::{Local, Way};
use super::socket_poll::{wait, Bell, Watch};
use super::socket_receive::Arrivals;
use super::socket_send::{send_many, Message, MESSAGES};
use super::turning::HOLD_S;
use crate::srtp::{Outbound, Profile, SessionKeys};

/// Octets of an RTP header without extensions.
const HEADER: usize = 12;

/// What a loop does with what came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    Segments,
    Messages,
    Single,
    Sealed,
}

impl How {
    /// By the word that the benchmark has for it.
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "gso" => Some(Self::Segments),
            "sendmmsg" => Some(Self::Messages),
            "sendto" => Some(Self::Single),
            "seal" => Some(Self::Sealed),
            _ => None,
        }
    }

    const fn segment_limit(self) -> usize {
        match self {
            Self::Segments => SEGMENT_LIMIT,
            _ => 0,
        }
    }

    const fn messages(self) -> usize {
        match self {
            Self::Single => 1,
            _ => MESSAGES,
        }
    }
}

/// Copy until `stop` rings; how many datagrams left, or were sealed.
pub fn copy_to_all(
    socket: &Socket,
    viewers: &[SocketAddr],
    how: How,
    stop: &Bell,
) -> io::Result<u64> {
    let mut arrivals = Arrivals::new();
    let mut sealing = (how == How::Sealed).then(|| Sealing::new(viewers.len()));
    let (mut arena, mut sizes, mut messages) = (Vec::new(), Vec::new(), Vec::new());
    let mut copied = 0;
    loop {
        let mut watches = [stop.raw(), socket.raw()].map(|fd| Watch::new(fd, false));
        wait(&mut watches, None)?;
        if watches[0].readable {
            return Ok(copied);
        }
        arena.clear();
        sizes.clear();
        while gather(&mut arrivals, socket, &mut arena, &mut sizes)? {
            let mut rest = [Watch::new(socket.raw(), false)];
            wait(&mut rest, Some(HOLD_S))?;
            if !rest[0].readable {
                break;
            }
        }
        if let Some(sealing) = &mut sealing {
            sealing.seal(&arena, &sizes);
        } else {
            messages.clear();
            for remote in viewers {
                line_up(&mut messages, &sizes, *remote, how.segment_limit());
            }
            send(socket, &arena, &messages, how.messages())?;
        }
        copied += (sizes.len() * viewers.len()) as u64;
    }
}

/// Everything that waits, one datagram behind the other; whether a frame goes on.
fn gather(
    arrivals: &mut Arrivals,
    socket: &Socket,
    arena: &mut Vec<u8>,
    sizes: &mut Vec<usize>,
) -> io::Result<bool> {
    let mut open = false;
    match arrivals.receive(socket) {
        Err(error) if error.kind() != io::ErrorKind::WouldBlock => return Err(error),
        _ => {}
    }
    for arrival in arrivals.take() {
        for datagram in arrival.datagrams() {
            arena.extend_from_slice(datagram);
            sizes.push(datagram.len());
            open = frame_goes_on(datagram);
        }
    }
    Ok(open)
}

fn line_up(messages: &mut Vec<Message>, sizes: &[usize], remote: SocketAddr, limit: usize) {
    let (mut first, mut start) = (0, 0);
    while first < sizes.len() {
        let stop = run_end(sizes, first, limit);
        let length = sizes[first..stop].iter().sum();
        messages.push(Message {
            way: Way {
                local: Local::Any,
                remote,
            },
            start,
            length,
            segment: if stop - first > 1 { sizes[first] } else { 0 },
            owner: None,
        });
        start += length;
        first = stop;
    }
}

fn send(socket: &Socket, arena: &[u8], messages: &[Message], most: usize) -> io::Result<()> {
    let mut at = 0;
    while at < messages.len() {
        let stop = messages.len().min(at + most);
        match send_many(socket, arena, &messages[at..stop]) {
            Ok(sent) => at += sent,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                wait(&mut [Watch::new(socket.raw(), true)], Some(0.01))?;
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Viewers that are encrypted for, and nothing else.
struct Sealing {
    viewers: Vec<Outbound>,
    arena: Vec<u8>,
    index: u64,
}

impl Sealing {
    fn new(viewers: usize) -> Self {
        let made = (0..viewers as u128).map(|viewer| {
            let key = viewer.to_be_bytes();
            let keys = SessionKeys::derive(Profile::AeadAes128Gcm, &key, &key[..12]);
            Outbound::new(&keys.expect("key and salt of the profile's size"), 1)
        });
        Self {
            viewers: made.collect(),
            arena: Vec::new(),
            index: 0,
        }
    }

    fn seal(&mut self, octets: &[u8], sizes: &[usize]) {
        for outbound in &mut self.viewers {
            self.arena.clear();
            let (mut from, room) = (0, outbound.room());
            for (index, size) in (self.index..).zip(sizes) {
                let start = self.arena.len();
                self.arena.extend_from_slice(&octets[from..from + size]);
                self.arena.resize(self.arena.len() + room, 0);
                // a datagram too short to be RTP stays as it is
                let _ = outbound.protect(&mut self.arena[start..], HEADER, 1, index);
                from += size;
            }
        }
        self.index += sizes.len() as u64;
    }
}
