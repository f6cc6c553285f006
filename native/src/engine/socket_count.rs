//! Counting what comes to many sockets, as cheaply as it can be counted: for the benchmark.
//!
//! A benchmark of a sender must not be one of its receivers.  So two octets are copied out
//! of the kernel, by which RTP of one payload type is told from reports and repetitions,
//! and nobody is woken: every socket is swept now and then, and its receive buffer holds
//! what comes between two sweeps.

use std::io;
use std::mem;
use std::os::fd::RawFd;
use std::ptr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::socket_poll::{wait, Bell, Watch};

/// Datagrams of one call.
const MESSAGES: usize = 64;
/// What is read of a datagram: version, and payload type below the marker.
const HEAD: usize = 2;
const MARKER: u8 = 0x80;
/// Between two sweeps; 4 MiB hold 25 ms of a gigabit.
const SWEEP: Duration = Duration::from_millis(5);

/// Sweep `sockets` until `stop` rings, and add what came of `payload_type` to `counts`, one
/// for each.
///
/// The descriptors are the caller's and stay open meanwhile; sockets must not block.
pub fn count(
    sockets: &[RawFd],
    counts: &[AtomicU64],
    payload_type: u8,
    stop: &Bell,
) -> io::Result<()> {
    loop {
        for (fd, count) in sockets.iter().zip(counts) {
            let came = drained(*fd, payload_type)?;
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

/// Take everything that waits in one socket; how much of it was of `payload_type`.
fn drained(fd: RawFd, payload_type: u8) -> io::Result<u64> {
    let mut total = 0;
    let mut heads = [[0_u8; HEAD]; MESSAGES];
    loop {
        let mut places = heads.each_mut().map(|head| libc::iovec {
            iov_base: head.as_mut_ptr().cast(),
            iov_len: HEAD,
        });
        // SAFETY: integers and pointers, for which all zero bits are a value.
        let mut headers: [libc::mmsghdr; MESSAGES] = unsafe { mem::zeroed() };
        for (header, place) in headers.iter_mut().zip(&mut places) {
            header.msg_hdr.msg_iov = place;
            header.msg_hdr.msg_iovlen = 1;
        }
        // SAFETY: headers, places and heads live through the call, there are as many as it
        // is told, and each place says how long its head is.
        let came = unsafe {
            libc::recvmmsg(
                fd,
                headers.as_mut_ptr(),
                MESSAGES as libc::c_uint,
                libc::MSG_DONTWAIT as _,
                ptr::null_mut(),
            )
        };
        let came = match super::socket::checked(came) {
            Ok(came) => came as usize,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(total),
            Err(error) if error.raw_os_error() == Some(libc::ECONNREFUSED) => continue,
            Err(error) => return Err(error),
        };
        let wanted = heads.iter().take(came);
        let wanted = wanted.filter(|head| head[0] >> 6 == 2 && head[1] & !MARKER == payload_type);
        total += wanted.count() as u64;
        if came < MESSAGES {
            return Ok(total);
        }
    }
}
