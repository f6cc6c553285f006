//! The ring of events: in order, bounded by class, and heard by its bell.
#![cfg(target_os = "linux")]

use meshnode_native::core::ids::TransportId;
use meshnode_native::counters::Counters;
use meshnode_native::engine::events::{Event, Ring};
use meshnode_native::engine::socket_poll::{wait, Watch};

fn dtls(number: u64) -> Event {
    Event::Dtls {
        transport: TransportId(number),
        datagram: Vec::new(),
    }
}

fn rings(ring: &Ring) -> bool {
    let mut watches = [Watch::new(ring.raw(), false)];
    wait(&mut watches, Some(0.0)).unwrap();
    watches[0].readable
}

#[test]
fn events_come_in_order_and_ring_until_they_are_taken() {
    let ring = Ring::new().unwrap();
    assert!(!rings(&ring));
    let mut told = vec![dtls(1), Event::Fault("no room"), dtls(2)];
    ring.tell(&mut told, |_| unreachable!());
    assert!(told.is_empty());
    assert!(rings(&ring));
    let taken: Vec<Event> = ring.take().into();
    assert_eq!(taken, [dtls(1), Event::Fault("no room"), dtls(2)]);
    assert!(!rings(&ring));
    assert!(ring.take().is_empty());
}

#[test]
fn many_of_one_class_keep_no_other_from_being_told() {
    let ring = Ring::new().unwrap();
    let mut told: Vec<Event> = (0..1030).map(dtls).collect();
    told.push(Event::Fault("still told"));
    let mut counters = Counters::default();
    ring.tell(&mut told, |name| counters.count(name));
    assert_eq!(counters.get("dtls-waiting-full"), 6);
    let taken = ring.take();
    assert_eq!(taken.len(), 1025);
    assert_eq!(taken[1024], Event::Fault("still told"));
    // what was taken is room again
    ring.tell(&mut vec![dtls(7)], |_| unreachable!());
    assert_eq!(ring.take().len(), 1);
}
