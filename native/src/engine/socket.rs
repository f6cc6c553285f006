//! One bound UDP socket of the media port, of one family.
//!
//! A socket bound to a wildcard address must answer from the address that was asked, or a
//! client on a host with several addresses would refuse the answer; so there the kernel is
//! asked for the local address of every datagram (IP_PKTINFO, RFC 3542 section 6.2).

use std::io;
use std::mem;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};

use super::socket_address::RawAddress;
use super::uplink::{HEADERS_V4, HEADERS_V6};

const BUFFER_BYTES: libc::c_int = 8 << 20;
/// Below this a receive buffer overflows while a large audience is served.
pub const BUFFER_MIN_BYTES: usize = 1 << 20;
const PORT_ATTEMPTS: usize = 16;

/// A non-blocking UDP socket; closed when dropped.
#[derive(Debug)]
pub struct Socket {
    fd: OwnedFd,
    pub address: SocketAddr,
    pub is_v6: bool,
    pub receive_buffer_bytes: usize,
    /// Options that this kernel, or our rights, do not offer.
    pub options_refused: u64,
}

impl Socket {
    /// Bind `host` on `port`, 0 for any free one.
    pub fn bind(host: IpAddr, port: u16) -> io::Result<Self> {
        let family = if host.is_ipv6() {
            libc::AF_INET6
        } else {
            libc::AF_INET
        };
        let kind = libc::SOCK_DGRAM | libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC;
        // SAFETY: no pointers; the result is checked before it becomes an owned descriptor.
        let fd = unsafe {
            let raw = checked(libc::socket(family, kind, 0))?;
            OwnedFd::from_raw_fd(raw)
        };
        let mut made = Self {
            fd,
            address: SocketAddr::new(host, port),
            is_v6: host.is_ipv6(),
            receive_buffer_bytes: 0,
            options_refused: 0,
        };
        made.configure(host.is_unspecified())?;
        made.take_name(SocketAddr::new(host, port))?;
        made.receive_buffer_bytes = made.option(libc::SOL_SOCKET, libc::SO_RCVBUF)? as usize;
        Ok(made)
    }

    fn configure(&mut self, wildcard: bool) -> io::Result<()> {
        self.set(libc::SOL_SOCKET, libc::SO_RCVBUF, BUFFER_BYTES)?;
        self.set(libc::SOL_SOCKET, libc::SO_SNDBUF, BUFFER_BYTES)?;
        // Beyond the system's limit only with the right to; without it is fine too.
        for option in [libc::SO_RCVBUFFORCE, libc::SO_SNDBUFFORCE] {
            self.attempt(libc::SOL_SOCKET, option, BUFFER_BYTES);
        }
        self.attempt(libc::SOL_UDP, libc::UDP_GRO, 1);
        self.attempt(libc::SOL_SOCKET, libc::SO_TIMESTAMPNS, 1);
        let ask = libc::c_int::from(wildcard);
        if self.is_v6 {
            // Without it IPv4 sources would appear as ::ffff:a.b.c.d here.
            self.set(libc::IPPROTO_IPV6, libc::IPV6_V6ONLY, 1)?;
            self.set(libc::IPPROTO_IPV6, libc::IPV6_RECVPKTINFO, ask)?;
        } else {
            self.set(libc::IPPROTO_IP, libc::IP_PKTINFO, ask)?;
        }
        self.fragment(false)
    }

    fn take_name(&mut self, wanted: SocketAddr) -> io::Result<()> {
        let (raw, length) = RawAddress::new(wanted);
        let mut name = RawAddress::empty();
        let mut room = RawAddress::LENGTH;
        // SAFETY: both addresses live through the calls, and each length is that of what it
        // describes.
        unsafe {
            checked(libc::bind(self.raw(), (&raw const raw).cast(), length))?;
            let name = (&raw mut name).cast();
            checked(libc::getsockname(self.raw(), name, &raw mut room))?;
        }
        self.address = name.read().unwrap_or(wanted);
        Ok(())
    }

    /// Whether IP may fragment what the path does not take whole.
    pub fn fragment(&self, allowed: bool) -> io::Result<()> {
        let (level, option) = if self.is_v6 {
            (libc::IPPROTO_IPV6, libc::IPV6_MTU_DISCOVER)
        } else {
            (libc::IPPROTO_IP, libc::IP_MTU_DISCOVER)
        };
        let value = if allowed {
            libc::IP_PMTUDISC_DONT
        } else {
            libc::IP_PMTUDISC_DO
        };
        self.set(level, option, value)
    }

    /// Octets of IP and UDP headers around each datagram.
    pub fn headers(&self) -> usize {
        if self.is_v6 {
            HEADERS_V6
        } else {
            HEADERS_V4
        }
    }

    pub fn raw(&self) -> RawFd {
        self.fd.as_raw_fd()
    }

    fn attempt(&mut self, level: libc::c_int, option: libc::c_int, value: libc::c_int) {
        if self.set(level, option, value).is_err() {
            self.options_refused += 1;
        }
    }

    fn set(&self, level: libc::c_int, option: libc::c_int, value: libc::c_int) -> io::Result<()> {
        let size = mem::size_of::<libc::c_int>() as libc::socklen_t;
        // SAFETY: the value lives through the call and has the size that is given.
        unsafe {
            let value = (&raw const value).cast();
            checked(libc::setsockopt(self.raw(), level, option, value, size))?;
        }
        Ok(())
    }

    fn option(&self, level: libc::c_int, option: libc::c_int) -> io::Result<libc::c_int> {
        let mut value: libc::c_int = 0;
        let mut size = mem::size_of::<libc::c_int>() as libc::socklen_t;
        // SAFETY: the value lives through the call and has the size that is given.
        unsafe {
            let value = (&raw mut value).cast();
            let got = libc::getsockopt(self.raw(), level, option, value, &raw mut size);
            checked(got)?;
        }
        Ok(value)
    }
}

/// A socket for every host, all on one port number (0: one that is free on all).
///
/// A wildcard of a family this system lacks is left out.
pub fn bind_all(hosts: &[IpAddr], port: u16) -> io::Result<Vec<Socket>> {
    let mut attempt = 1;
    loop {
        match bind_each(hosts, port) {
            Err((error, bound)) => {
                let collided = port == 0 && bound > 0 && is_taken(&error);
                if !collided || attempt == PORT_ATTEMPTS {
                    return Err(error);
                }
                attempt += 1;
            }
            Ok(sockets) if sockets.is_empty() => {
                return Err(io::Error::from_raw_os_error(libc::EADDRNOTAVAIL));
            }
            Ok(sockets) => return Ok(sockets),
        }
    }
}

fn bind_each(hosts: &[IpAddr], port: u16) -> Result<Vec<Socket>, (io::Error, usize)> {
    let mut sockets: Vec<Socket> = Vec::new();
    for &host in hosts {
        let chosen = sockets.first().map_or(port, |first| first.address.port());
        match Socket::bind(host, chosen) {
            Ok(socket) => sockets.push(socket),
            Err(error) if host.is_unspecified() && is_missing(&error) => {}
            Err(error) => return Err((error, sockets.len())),
        }
    }
    Ok(sockets)
}

fn is_taken(error: &io::Error) -> bool {
    error.raw_os_error() == Some(libc::EADDRINUSE)
}

fn is_missing(error: &io::Error) -> bool {
    let number = error.raw_os_error();
    number == Some(libc::EAFNOSUPPORT) || number == Some(libc::EADDRNOTAVAIL)
}

/// The result of a system call, or why it failed.
pub(super) fn checked(result: libc::c_int) -> io::Result<libc::c_int> {
    if result < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(result)
    }
}
