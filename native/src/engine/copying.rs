//! The limit beside which the packet path is measured: copies to everybody, nothing else.
//!
//! What came together goes to every viewer as it is, in the runs that the kernel segments:
//! no encryption, no rewriting, no copy per viewer.  Whatever a relay does besides costs
//! more than this.

use std::io;
use std::net::SocketAddr;

use super::gso::run_end;
use super::sender::SEGMENT_LIMIT;
use super::socket::Socket;
use super::socket_address::{Local, Way};
use super::socket_poll::{wait, Bell, Watch};
use super::socket_receive::Arrivals;
use super::socket_send::{send_many, Message};

/// Copy until `stop` rings; how many datagrams left.
pub fn copy_to_all(socket: &Socket, viewers: &[SocketAddr], stop: &Bell) -> io::Result<u64> {
    let mut arrivals = Arrivals::new();
    let (mut arena, mut sizes, mut messages) = (Vec::new(), Vec::new(), Vec::new());
    let mut copied = 0;
    loop {
        let mut watches = [stop.raw(), socket.raw()].map(|fd| Watch::new(fd, false));
        wait(&mut watches, None)?;
        if watches[0].readable {
            return Ok(copied);
        }
        gather(&mut arrivals, socket, &mut arena, &mut sizes)?;
        messages.clear();
        for remote in viewers {
            line_up(&mut messages, &sizes, *remote);
        }
        send(socket, &arena, &messages)?;
        copied += (sizes.len() * viewers.len()) as u64;
    }
}

/// Everything that waits, one datagram behind the other.
fn gather(
    arrivals: &mut Arrivals,
    socket: &Socket,
    arena: &mut Vec<u8>,
    sizes: &mut Vec<usize>,
) -> io::Result<()> {
    arena.clear();
    sizes.clear();
    match arrivals.receive(socket) {
        Err(error) if error.kind() != io::ErrorKind::WouldBlock => return Err(error),
        _ => {}
    }
    for arrival in arrivals.take() {
        for datagram in arrival.datagrams() {
            arena.extend_from_slice(datagram);
            sizes.push(datagram.len());
        }
    }
    Ok(())
}

fn line_up(messages: &mut Vec<Message>, sizes: &[usize], remote: SocketAddr) {
    let (mut first, mut start) = (0, 0);
    while first < sizes.len() {
        let stop = run_end(sizes, first, SEGMENT_LIMIT);
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

fn send(socket: &Socket, arena: &[u8], messages: &[Message]) -> io::Result<()> {
    let mut at = 0;
    while at < messages.len() {
        match send_many(socket, arena, &messages[at..]) {
            Ok(sent) => at += sent,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                wait(&mut [Watch::new(socket.raw(), true)], Some(0.01))?;
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
