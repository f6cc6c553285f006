//! Counting what comes to many sockets, as cheaply as it can be counted: for the benchmark.
//!
//! A benchmark of a sender must not be one of its receivers.  So nothing is copied out of
//! the kernel and nobody is woken: every socket is swept now and then, and its receive
//! buffer holds what comes between two sweeps.

use std::io;
use std::mem;
use std::os::fd::RawFd;
use std::ptr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::socket_poll::{wait, Bell, Watch};

/// Datagrams of one call.
const MESSAGES: usize = 64;
/// Between two sweeps; 4 MiB hold 25 ms of a gigabit.
const SWEEP: Duration = Duration::from_millis(5);

/// Sweep `sockets` until `stop` rings, and add what came to `counts`, one for each.
///
/// The descriptors are the caller's and stay open meanwhile; sockets must not block.
pub fn count(sockets: &[RawFd], counts: &[AtomicU64], stop: &Bell) -> io::Result<()> {
    loop {
        for (fd, count) in sockets.iter().zip(counts) {
            let came = drained(*fd)?;
            if came > 0 {
                count.fetch_add(came, Ordering::Relaxed);
            }
        }
        let mut watches = [Watch::new(stop.raw(), false)];
        wait(&mut watches, Some(SWEEP.as_secs_f64()))?;
        if watches[0].readable {
            return Ok(());
        }
    }
}

/// Take everything that waits in one socket, and look at none of it.
fn drained(fd: RawFd) -> io::Result<u64> {
    let mut total = 0;
    loop {
        // SAFETY: integers and pointers, for which all zero bits are a value; a message
        // without buffers is one of which the kernel writes nothing but its length.
        let mut headers: [libc::mmsghdr; MESSAGES] = unsafe { mem::zeroed() };
        // SAFETY: the headers live through the call, and there are as many as it is told.
        let came = unsafe {
            libc::recvmmsg(
                fd,
                headers.as_mut_ptr(),
                MESSAGES as libc::c_uint,
                libc::MSG_DONTWAIT as _,
                ptr::null_mut(),
            )
        };
        match super::socket::checked(came) {
            Ok(came) => total += came as u64,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(total),
            Err(error) if error.raw_os_error() == Some(libc::ECONNREFUSED) => continue,
            Err(error) => return Err(error),
        }
        if came < MESSAGES as libc::c_int {
            return Ok(total);
        }
    }
}
