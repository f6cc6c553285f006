//! Addresses as the kernel writes them, and which of ours a datagram came to.

use std::mem;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// The end of ours that a datagram was sent to, and that its answer leaves from.
///
/// `Any` where the socket is bound to one address.  A link-local address means nothing
/// without its interface, so that goes along.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Local {
    Any,
    V4(Ipv4Addr),
    V6(Ipv6Addr, u32),
}

/// Where to send: from which end of ours, and to whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Way {
    pub local: Local,
    pub remote: SocketAddr,
}

/// A `sockaddr` of either family.
#[repr(C)]
#[derive(Clone, Copy)]
pub union RawAddress {
    family: libc::sa_family_t,
    v4: libc::sockaddr_in,
    v6: libc::sockaddr_in6,
}

impl RawAddress {
    /// The largest size it may have.
    pub const LENGTH: libc::socklen_t = mem::size_of::<RawAddress>() as libc::socklen_t;

    pub fn empty() -> Self {
        // SAFETY: integers only, for which all zero bits are a value.
        unsafe { mem::zeroed() }
    }

    /// The address and how many of its octets count.
    pub fn new(address: SocketAddr) -> (Self, libc::socklen_t) {
        let mut raw = Self::empty();
        match address.ip() {
            IpAddr::V4(ip) => {
                // SAFETY: all fields of the union are plain integers.
                let v4 = unsafe { &mut raw.v4 };
                v4.sin_family = libc::AF_INET as libc::sa_family_t;
                v4.sin_port = address.port().to_be();
                v4.sin_addr.s_addr = u32::from(ip).to_be();
                (raw, mem::size_of::<libc::sockaddr_in>() as libc::socklen_t)
            }
            IpAddr::V6(ip) => {
                // SAFETY: all fields of the union are plain integers.
                let v6 = unsafe { &mut raw.v6 };
                v6.sin6_family = libc::AF_INET6 as libc::sa_family_t;
                v6.sin6_port = address.port().to_be();
                v6.sin6_addr.s6_addr = ip.octets();
                (raw, mem::size_of::<libc::sockaddr_in6>() as libc::socklen_t)
            }
        }
    }

    /// What the kernel wrote, without zone: a remote is the same by whatever interface.
    pub fn read(&self) -> Option<SocketAddr> {
        // SAFETY: every bit pattern is a value of these integers; the family, which lies at
        // the same place in all of them, says which ones the kernel wrote.
        unsafe {
            match i32::from(self.family) {
                libc::AF_INET => {
                    let ip = Ipv4Addr::from(u32::from_be(self.v4.sin_addr.s_addr));
                    Some((ip, u16::from_be(self.v4.sin_port)).into())
                }
                libc::AF_INET6 => {
                    let ip = Ipv6Addr::from(self.v6.sin6_addr.s6_addr);
                    Some((ip, u16::from_be(self.v6.sin6_port)).into())
                }
                _ => None,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_survives_both_ways() {
        for text in ["192.0.2.7:5000", "[2001:db8::7]:65535"] {
            let address: SocketAddr = text.parse().unwrap();
            let (raw, length) = RawAddress::new(address);
            assert_eq!(raw.read(), Some(address));
            assert!(length <= RawAddress::LENGTH);
        }
        assert_eq!(RawAddress::empty().read(), None);
    }
}
