//! Many messages in one system call: sendmmsg, each cut by UDP_SEGMENT where it says so.

use std::io;
use std::mem;
use std::ptr;

use super::socket::Socket;
use super::socket_address::{Local, RawAddress, Way};

/// Messages of one call.
pub const MESSAGES: usize = 64;
/// Room for one segment size and one local address.
const CONTROL_BYTES: usize = 64;

/// `length` octets of an arena from `start` on, to go one way.
///
/// They are one datagram where `segment` is 0, else as many of that size as they hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Message {
    pub way: Way,
    pub start: usize,
    pub length: usize,
    pub segment: usize,
    /// Whose path it is, where refusals teach something about the path.
    pub owner: Option<u64>,
}

#[repr(C, align(8))]
#[derive(Clone, Copy)]
struct Control([u8; CONTROL_BYTES]);

/// Send the first `MESSAGES` of `messages`: how many the kernel took, at least one, or why
/// it refused the first.
pub fn send_many(socket: &Socket, arena: &[u8], messages: &[Message]) -> io::Result<usize> {
    let count = messages.len().min(MESSAGES);
    let mut names = [RawAddress::empty(); MESSAGES];
    let mut controls = [Control([0; CONTROL_BYTES]); MESSAGES];
    // SAFETY: integers and pointers, for which all zero bits are a value.
    let mut pieces: [libc::iovec; MESSAGES] = unsafe { mem::zeroed() };
    // SAFETY: as above.
    let mut headers: [libc::mmsghdr; MESSAGES] = unsafe { mem::zeroed() };
    for (at, message) in messages[..count].iter().enumerate() {
        let octets = &arena[message.start..message.start + message.length];
        // the kernel only reads what it is to send
        pieces[at].iov_base = octets.as_ptr().cast_mut().cast();
        pieces[at].iov_len = octets.len();
        let (name, length) = RawAddress::new(message.way.remote);
        names[at] = name;
        let header = &mut headers[at].msg_hdr;
        header.msg_name = (&raw mut names[at]).cast();
        header.msg_namelen = length;
        header.msg_iov = &raw mut pieces[at];
        header.msg_iovlen = 1;
        header.msg_control = (&raw mut controls[at]).cast();
        header.msg_controllen = CONTROL_BYTES as _;
        write_control(header, message);
    }
    // SAFETY: every pointer set above leads to memory of this frame or of `arena`, and every
    // length is that of what it describes.
    let sent = unsafe {
        libc::sendmmsg(
            socket.raw(),
            headers.as_mut_ptr(),
            count as libc::c_uint,
            libc::MSG_DONTWAIT as _,
        )
    };
    Ok(super::socket::checked(sent)? as usize)
}

/// Fill the control buffer and set its length to what is in it.
fn write_control(header: &mut libc::msghdr, message: &Message) {
    let mut used = 0;
    // SAFETY: `CONTROL_BYTES` is room for both items, the buffer is aligned for headers,
    // and CMSG_NXTHDR sees its whole length, which is set at the end.
    unsafe {
        let mut at = libc::CMSG_FIRSTHDR(header);
        if message.segment > 0 {
            let size = message.segment as u16;
            used += put(at, libc::SOL_UDP, libc::UDP_SEGMENT, size);
            at = libc::CMSG_NXTHDR(header, at);
        }
        match message.way.local {
            Local::Any => {}
            Local::V4(ip) => {
                let mut info: libc::in_pktinfo = mem::zeroed();
                info.ipi_spec_dst.s_addr = u32::from(ip).to_be();
                used += put(at, libc::IPPROTO_IP, libc::IP_PKTINFO, info);
            }
            Local::V6(ip, interface) => {
                let mut info: libc::in6_pktinfo = mem::zeroed();
                info.ipi6_addr.s6_addr = ip.octets();
                info.ipi6_ifindex = interface as _;
                used += put(at, libc::IPPROTO_IPV6, libc::IPV6_PKTINFO, info);
            }
        }
    }
    header.msg_controllen = used as _;
    if used == 0 {
        header.msg_control = ptr::null_mut();
    }
}

/// Write one item at `at`; the room it takes.
///
/// # Safety
///
/// `at` is a header inside a buffer with room for `value` behind it.
unsafe fn put<T>(
    at: *mut libc::cmsghdr,
    level: libc::c_int,
    kind: libc::c_int,
    value: T,
) -> libc::c_uint {
    let size = mem::size_of::<T>() as libc::c_uint;
    (*at).cmsg_level = level;
    (*at).cmsg_type = kind;
    (*at).cmsg_len = libc::CMSG_LEN(size) as _;
    ptr::write_unaligned(libc::CMSG_DATA(at).cast(), value);
    libc::CMSG_SPACE(size)
}
