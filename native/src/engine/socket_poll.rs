//! Waiting for sockets, for a bell, and for a time: ppoll and eventfd.
//!
//! A worker watches a handful of descriptors, so ppoll serves, and it waits to the
//! nanosecond where epoll rounds to milliseconds: pacing needs less.

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::ptr;

use super::socket::checked;

/// An eventfd: rung by one thread, waited for by another.
#[derive(Debug)]
pub struct Bell(OwnedFd);

impl Bell {
    pub fn new() -> io::Result<Self> {
        let flags = libc::EFD_NONBLOCK | libc::EFD_CLOEXEC;
        // SAFETY: no pointers; the result is checked before it becomes an owned descriptor.
        unsafe {
            let raw = checked(libc::eventfd(0, flags))?;
            Ok(Self(OwnedFd::from_raw_fd(raw)))
        }
    }

    /// Wake whoever waits.  A bell that rings already cannot ring louder.
    pub fn ring(&self) {
        let one: u64 = 1;
        // SAFETY: eight octets that live through the call, as eventfd wants.
        unsafe {
            libc::write(self.raw(), (&raw const one).cast(), 8);
        }
    }

    /// Stop ringing.
    pub fn hush(&self) {
        let mut rung: u64 = 0;
        // SAFETY: eight octets that live through the call, as eventfd wants.
        unsafe {
            libc::read(self.raw(), (&raw mut rung).cast(), 8);
        }
    }

    pub fn raw(&self) -> RawFd {
        self.0.as_raw_fd()
    }
}

/// What to wait for, and what came.
#[derive(Clone, Copy, Debug)]
pub struct Watch {
    pub fd: RawFd,
    pub writing: bool,
    pub readable: bool,
    pub writable: bool,
}

impl Watch {
    /// Wait until `fd` is readable, with `writing` also until it is writable.
    pub fn new(fd: RawFd, writing: bool) -> Self {
        Self {
            fd,
            writing,
            readable: false,
            writable: false,
        }
    }
}

/// As many as one worker has: its sockets and its bell.
pub const WATCHES_MAX: usize = 16;

/// Wait until something of `watches` comes true, or `timeout_s` passed (None: for ever).
pub fn wait(watches: &mut [Watch], timeout_s: Option<f64>) -> io::Result<()> {
    let mut polled: [libc::pollfd; WATCHES_MAX] = [libc::pollfd {
        fd: -1,
        events: 0,
        revents: 0,
    }; WATCHES_MAX];
    assert!(watches.len() <= WATCHES_MAX);
    for (slot, watch) in polled.iter_mut().zip(watches.iter()) {
        slot.fd = watch.fd;
        slot.events = libc::POLLIN | if watch.writing { libc::POLLOUT } else { 0 };
    }
    let time = timeout_s.map(timespec);
    let time = time.as_ref().map_or(ptr::null(), |time| &raw const *time);
    let count = watches.len() as libc::nfds_t;
    // SAFETY: the array is longer than `count`, and the time lives through the call.
    let result = unsafe { libc::ppoll(polled.as_mut_ptr(), count, time, ptr::null()) };
    match checked(result) {
        Err(error) if error.kind() == io::ErrorKind::Interrupted => return Ok(()),
        other => other?,
    };
    for (slot, watch) in polled.iter().zip(watches.iter_mut()) {
        // errors show when the socket is read
        watch.readable = slot.revents & !libc::POLLOUT != 0;
        watch.writable = slot.revents & libc::POLLOUT != 0;
    }
    Ok(())
}

fn timespec(timeout_s: f64) -> libc::timespec {
    let timeout_s = timeout_s.clamp(0.0, 1e6);
    libc::timespec {
        tv_sec: timeout_s.trunc() as _,
        tv_nsec: (timeout_s.fract() * 1e9) as _,
    }
}
