//! Many datagrams in one system call: recvmmsg, each message joined by UDP_GRO.

use std::io;
use std::mem;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::ptr;

use super::socket::Socket;
use super::socket_address::{Local, RawAddress};

/// Messages of one call; each may hold up to 64 datagrams of one sender.
pub const MESSAGES: usize = 32;
const DATAGRAM_MAX: usize = 65_536;
const CONTROL_BYTES: usize = 128;

/// Ancillary data; the kernel reads and writes its headers as integers.
#[repr(C, align(8))]
#[derive(Clone, Copy)]
struct Control([u8; CONTROL_BYTES]);

/// What came with one message.
#[derive(Clone, Copy, Debug)]
struct Facts {
    length: usize,
    source: Option<SocketAddr>,
    local: Local,
    /// The size of the datagrams that GRO joined, 0 when there is only one.
    segment: usize,
    stamp: Option<u64>,
}

/// Room for one call of recvmmsg, and what the last call brought.
pub struct Arrivals {
    buffers: Vec<u8>,
    facts: Vec<Facts>,
}

/// Datagrams of one sender that arrived together, to be opened in place.
#[derive(Debug)]
pub struct Arrival<'a> {
    pub source: SocketAddr,
    pub local: Local,
    /// When the kernel got it, in nanoseconds since 1970.
    pub stamp: Option<u64>,
    bytes: &'a mut [u8],
    segment: usize,
}

impl<'a> Arrival<'a> {
    /// One by one, in order; an empty datagram is one too.
    pub fn datagrams(self) -> impl Iterator<Item = &'a mut [u8]> {
        let empty = self.bytes.is_empty();
        let size = if self.segment == 0 {
            self.bytes.len().max(1)
        } else {
            self.segment
        };
        let alone: Option<&'a mut [u8]> = empty.then_some(&mut []);
        self.bytes.chunks_mut(size).chain(alone)
    }
}

#[allow(clippy::new_without_default)] // two megabytes are not made by the way
impl Arrivals {
    pub fn new() -> Self {
        Self {
            // not zeros: pages that were never written to come one by one, each in the
            // packet path, and together they look like a leak
            buffers: vec![u8::MAX; MESSAGES * DATAGRAM_MAX],
            facts: Vec::with_capacity(MESSAGES),
        }
    }

    /// Take what waits; how many messages came.  `WouldBlock` when there are none.
    pub fn receive(&mut self, socket: &Socket) -> io::Result<usize> {
        self.facts.clear();
        let mut names = [RawAddress::empty(); MESSAGES];
        let mut controls = [Control([0; CONTROL_BYTES]); MESSAGES];
        // SAFETY: integers and pointers, for which all zero bits are a value.
        let mut pieces: [libc::iovec; MESSAGES] = unsafe { mem::zeroed() };
        // SAFETY: as above.
        let mut headers: [libc::mmsghdr; MESSAGES] = unsafe { mem::zeroed() };
        for (at, buffer) in self.buffers.chunks_mut(DATAGRAM_MAX).enumerate() {
            pieces[at].iov_base = buffer.as_mut_ptr().cast();
            pieces[at].iov_len = buffer.len();
            let header = &mut headers[at].msg_hdr;
            header.msg_name = (&raw mut names[at]).cast();
            header.msg_namelen = RawAddress::LENGTH;
            header.msg_iov = &raw mut pieces[at];
            header.msg_iovlen = 1;
            header.msg_control = (&raw mut controls[at]).cast();
            header.msg_controllen = CONTROL_BYTES as _;
        }
        let room = MESSAGES as libc::c_uint;
        // SAFETY: every pointer set above leads to memory of this frame or of `self`, which
        // is borrowed for as long, and every length is that of what it describes.
        let count = unsafe {
            libc::recvmmsg(
                socket.raw(),
                headers.as_mut_ptr(),
                room,
                libc::MSG_DONTWAIT as _,
                ptr::null_mut(),
            )
        };
        let count = super::socket::checked(count)? as usize;
        for (header, name) in headers.iter().zip(&names).take(count) {
            let (local, segment, stamp) = control_facts(&header.msg_hdr);
            let length = (header.msg_len as usize).min(DATAGRAM_MAX);
            self.facts.push(Facts {
                length,
                source: name.read(),
                local,
                segment: if segment < length { segment } else { 0 },
                stamp,
            });
        }
        Ok(count)
    }

    /// What the last call brought, in order.
    pub fn take(&mut self) -> impl Iterator<Item = Arrival<'_>> {
        let buffers = self.buffers.chunks_mut(DATAGRAM_MAX);
        self.facts
            .iter()
            .zip(buffers)
            .filter_map(|(facts, buffer)| {
                Some(Arrival {
                    source: facts.source?,
                    local: facts.local,
                    stamp: facts.stamp,
                    bytes: &mut buffer[..facts.length],
                    segment: facts.segment,
                })
            })
    }
}

/// The end of ours it came to, the size of the datagrams that GRO joined, and the time.
fn control_facts(header: &libc::msghdr) -> (Local, usize, Option<u64>) {
    let (mut local, mut segment, mut stamp) = (Local::Any, 0, None);
    // SAFETY: the kernel filled the control buffer and set its length; the macros stay
    // within it, and what lies behind a header has the type that level and kind promise.
    // It need not be aligned for that type, so it is read as if it were not.
    unsafe {
        let mut at = libc::CMSG_FIRSTHDR(header);
        while !at.is_null() {
            let data = libc::CMSG_DATA(at);
            match ((*at).cmsg_level, (*at).cmsg_type) {
                (libc::IPPROTO_IP, libc::IP_PKTINFO) => {
                    let info: libc::in_pktinfo = ptr::read_unaligned(data.cast());
                    local = Local::V4(Ipv4Addr::from(u32::from_be(info.ipi_spec_dst.s_addr)));
                }
                (libc::IPPROTO_IPV6, libc::IPV6_PKTINFO) => {
                    let info: libc::in6_pktinfo = ptr::read_unaligned(data.cast());
                    local = scoped(
                        Ipv6Addr::from(info.ipi6_addr.s6_addr),
                        info.ipi6_ifindex as u32,
                    );
                }
                (libc::SOL_UDP, libc::UDP_GRO) => {
                    let size: libc::c_int = ptr::read_unaligned(data.cast());
                    segment = usize::try_from(size).unwrap_or(0);
                }
                (libc::SOL_SOCKET, libc::SCM_TIMESTAMPNS) => {
                    let time: libc::timespec = ptr::read_unaligned(data.cast());
                    stamp = Some(time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64);
                }
                _ => {}
            }
            at = libc::CMSG_NXTHDR(header, at);
        }
    }
    (local, segment, stamp)
}

/// A link-local address means nothing without its interface; others need none.
fn scoped(ip: Ipv6Addr, interface: u32) -> Local {
    let link_local = ip.segments()[0] & 0xFFC0 == 0xFE80;
    Local::V6(ip, if link_local { interface } else { 0 })
}
