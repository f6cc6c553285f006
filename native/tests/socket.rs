//! The socket layer on loopback: bursts out, joined datagrams in, refusals answered.
#![cfg(target_os = "linux")]

use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use meshnode_native::engine::sender::{Sender, SEGMENT_LIMIT};
use meshnode_native::engine::socket::{bind_all, Socket};
use meshnode_native::engine::socket_address::{Local, Way};
use meshnode_native::engine::socket_poll::{wait, Bell, Watch};
use meshnode_native::engine::socket_receive::Arrivals;
use meshnode_native::engine::uplink::{Uplink, HEADERS_V4};

const V4: &str = "127.0.0.1";
const V6: &str = "::1";

fn bound(host: &str) -> Socket {
    Socket::bind(host.parse().unwrap(), 0).unwrap()
}

fn peer(host: &str) -> UdpSocket {
    let socket = UdpSocket::bind((host.parse::<IpAddr>().unwrap(), 0)).unwrap();
    socket
        .set_read_timeout(Some(Duration::from_secs(5)))
        .unwrap();
    socket
}

fn way(remote: SocketAddr) -> Way {
    Way {
        local: Local::Any,
        remote,
    }
}

/// One burst of packets of these sizes, each filled with its number.
fn burst(sender: &mut Sender, socket: &Socket, uplink: &mut Uplink, way: Way, sizes: &[usize]) {
    let (arena, list) = sender.begin();
    for (number, size) in sizes.iter().enumerate() {
        arena.resize(arena.len() + size, number as u8);
        list.push(*size);
    }
    sender.commit(socket, uplink, way, (1, SEGMENT_LIMIT), 0.0);
}

fn read(socket: &UdpSocket) -> Vec<u8> {
    let mut buffer = [0; 65536];
    let length = socket.recv(&mut buffer).unwrap();
    buffer[..length].to_vec()
}

/// Everything that arrives within the deadline, until `count` datagrams are there.
fn receive(socket: &Socket, count: usize) -> Vec<(Vec<u8>, SocketAddr, Local)> {
    let mut arrivals = Arrivals::new();
    let mut got = Vec::new();
    let deadline = Instant::now() + Duration::from_secs(5);
    while got.len() < count && Instant::now() < deadline {
        wait(&mut [Watch::new(socket.raw(), false)], Some(0.1)).unwrap();
        if arrivals.receive(socket).is_err() {
            continue;
        }
        for arrival in arrivals.take() {
            let (source, local) = (arrival.source, arrival.local);
            let each = arrival.datagrams();
            got.extend(each.map(|datagram| (datagram.to_vec(), source, local)));
        }
    }
    got
}

#[test]
fn a_burst_of_any_sizes_arrives_whole_and_in_order() {
    for host in [V4, V6] {
        let (socket, other) = (bound(host), peer(host));
        let (mut sender, mut uplink) = (Sender::default(), Uplink::new(0.0, 0.0));
        let sizes = [1200, 1200, 1200, 900, 1300, 50, 50, 0, 1];
        let to = way(other.local_addr().unwrap());
        burst(&mut sender, &socket, &mut uplink, to, &sizes);
        sender.submit(&socket);
        for (number, size) in sizes.iter().enumerate() {
            assert_eq!(read(&other), vec![number as u8; *size]);
        }
        assert_eq!(uplink.packets, sizes.len() as u64);
        assert_eq!(sender.counters.iter().count(), 0);
    }
}

#[test]
fn many_viewers_are_served_by_one_turn() {
    let socket = bound(V4);
    let viewers: Vec<UdpSocket> = (0..100).map(|_| peer(V4)).collect();
    let (mut sender, mut uplink) = (Sender::default(), Uplink::new(0.0, 0.0));
    for viewer in &viewers {
        let to = way(viewer.local_addr().unwrap());
        burst(&mut sender, &socket, &mut uplink, to, &[1000, 1000, 7]);
        sender.datagram(&socket, &mut uplink, b"report", to, 0.0);
    }
    sender.submit(&socket);
    for viewer in &viewers {
        assert_eq!(read(viewer), vec![0; 1000]);
        assert_eq!(read(viewer), vec![1; 1000]);
        assert_eq!(read(viewer), vec![2; 7]);
        assert_eq!(read(viewer), b"report");
    }
}

#[test]
fn what_gro_joined_is_taken_apart() {
    let (socket, from) = (bound(V4), bound(V4));
    let (mut sender, mut uplink) = (Sender::default(), Uplink::new(0.0, 0.0));
    let sizes = [1200; 20];
    burst(&mut sender, &from, &mut uplink, way(socket.address), &sizes);
    sender.submit(&from);
    let got = receive(&socket, 20);
    assert_eq!(got.len(), 20);
    for (number, (datagram, source, local)) in got.iter().enumerate() {
        assert_eq!(datagram, &vec![number as u8; 1200]);
        assert_eq!((*source, *local), (from.address, Local::Any));
    }
}

#[test]
fn an_empty_datagram_is_one() {
    let (socket, other) = (bound(V4), peer(V4));
    other.send_to(&[], socket.address).unwrap();
    other.send_to(b"x", socket.address).unwrap();
    let got = receive(&socket, 2);
    assert_eq!(got[0].0, b"");
    assert_eq!(got[1].0, b"x");
}

#[test]
fn a_wildcard_socket_answers_from_the_address_that_was_asked() {
    let socket = bound("0.0.0.0");
    let other = peer(V4);
    let asked = SocketAddr::new("127.5.6.7".parse().unwrap(), socket.address.port());
    other.send_to(b"hello", asked).unwrap();
    let (_, remote, local) = receive(&socket, 1).remove(0);
    assert_eq!(local, Local::V4("127.5.6.7".parse().unwrap()));
    let (mut sender, mut uplink) = (Sender::default(), Uplink::new(0.0, 0.0));
    burst(
        &mut sender,
        &socket,
        &mut uplink,
        Way { local, remote },
        &[9, 9, 9],
    );
    sender.submit(&socket);
    let mut buffer = [0; 16];
    for _ in 0..3 {
        let (_, source) = other.recv_from(&mut buffer).unwrap();
        assert_eq!(source, asked);
    }
}

#[test]
fn all_hosts_share_one_port_and_a_taken_one_is_told() {
    let hosts = [V4.parse().unwrap(), V6.parse().unwrap()];
    let sockets = bind_all(&hosts, 0).unwrap();
    let port = sockets[0].address.port();
    assert_eq!(sockets[1].address.port(), port);
    let error = bind_all(&hosts, port).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::AddrInUse);
}

#[test]
fn a_destination_that_cannot_be_reached_is_counted_and_stops_nobody() {
    let (socket, other) = (bound(V4), peer(V4));
    let (mut sender, mut uplink) = (Sender::default(), Uplink::new(0.0, 0.0));
    // a socket bound to loopback has no way to a public address
    let nowhere = way("203.0.113.1:9".parse().unwrap());
    sender.datagram(&socket, &mut uplink, b"lost", nowhere, 0.0);
    let to = way(other.local_addr().unwrap());
    sender.datagram(&socket, &mut uplink, b"found", to, 0.0);
    sender.submit(&socket);
    assert_eq!(read(&other), b"found");
    let counted: u64 = sender.counters.iter().map(|(_, times)| times).sum();
    assert_eq!(counted, 1);
}

#[test]
fn packets_above_what_the_path_segments_go_singly() {
    let (socket, other) = (bound(V4), peer(V4));
    let (mut sender, mut uplink) = (Sender::default(), Uplink::new(0.0, 0.0));
    let to = way(other.local_addr().unwrap());
    // what was learned of a path: it takes 999 octets in segments
    let (arena, sizes) = sender.begin();
    arena.extend([7; 3000]);
    sizes.extend([1000; 3]);
    sender.commit(&socket, &mut uplink, to, (1, 999), 0.0);
    sender.submit(&socket);
    for _ in 0..3 {
        assert_eq!(read(&other), vec![7; 1000]);
    }
    assert!(sender.shrunk.is_empty());
}

#[test]
fn a_discarded_burst_leaves_nothing_behind() {
    let (socket, other) = (bound(V4), peer(V4));
    let (mut sender, mut uplink) = (Sender::default(), Uplink::new(0.0, 0.0));
    let to = way(other.local_addr().unwrap());
    sender.datagram(&socket, &mut uplink, b"first", to, 0.0);
    let (arena, sizes) = sender.begin();
    arena.extend([7; 3000]);
    sizes.extend([1000; 3]);
    sender.discard();
    burst(&mut sender, &socket, &mut uplink, to, &[5]);
    sender.submit(&socket);
    assert_eq!(read(&other), b"first");
    assert_eq!(read(&other), vec![0; 5]);
    assert_eq!(uplink.packets, 2);
}

#[test]
fn a_full_uplink_holds_media_back_and_lets_control_pass() {
    let (socket, other) = (bound(V4), peer(V4));
    // 2,500 octets deep
    let (mut sender, mut uplink) = (Sender::default(), Uplink::new(80_000.0, 0.0));
    let to = way(other.local_addr().unwrap());
    burst(&mut sender, &socket, &mut uplink, to, &[1000; 4]);
    sender.datagram(&socket, &mut uplink, b"check", to, 0.0);
    sender.submit(&socket);
    assert_eq!(read(&other), vec![0; 1000]);
    assert_eq!(read(&other), vec![1; 1000]);
    assert_eq!(read(&other), b"check");
    assert_eq!(sender.counters.get("uplink-full"), 2);
    assert_eq!(uplink.octets as usize, 2005 + 3 * HEADERS_V4);
}

#[test]
fn what_is_far_away_for_a_demonstration_arrives_later_and_in_order() {
    let (socket, other) = (bound(V4), peer(V4));
    let (mut sender, mut uplink) = (Sender::default(), Uplink::new(0.0, 0.0));
    sender.delays_s.insert(V4.parse().unwrap(), 0.5);
    let to = way(other.local_addr().unwrap());
    burst(&mut sender, &socket, &mut uplink, to, &[100, 100]);
    sender.datagram(&socket, &mut uplink, b"report", to, 0.0);
    sender.submit(&socket);
    assert_eq!(sender.next_timeout(), Some(0.5));
    sender.handle_timeout(&socket, 0.4);
    assert_eq!(sender.next_timeout(), Some(0.5));
    sender.handle_timeout(&socket, 0.5);
    assert_eq!(sender.next_timeout(), None);
    assert_eq!(read(&other), vec![0; 100]);
    assert_eq!(read(&other), vec![1; 100]);
    assert_eq!(read(&other), b"report");
}

#[test]
fn a_bell_wakes_and_a_time_does_too() {
    let bell = Bell::new().unwrap();
    let mut watches = [Watch::new(bell.raw(), false)];
    wait(&mut watches, Some(0.001)).unwrap();
    assert!(!watches[0].readable);
    bell.ring();
    bell.ring();
    wait(&mut watches, None).unwrap();
    assert!(watches[0].readable);
    bell.hush();
    wait(&mut watches, Some(0.0)).unwrap();
    assert!(!watches[0].readable);
}
