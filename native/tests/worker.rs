//! A worker's commands: in order, answered, and survived.
#![cfg(target_os = "linux")]

use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use meshnode_native::engine::guard::guarded;
use meshnode_native::engine::socket_poll::Watch;
use meshnode_native::engine::worker::{Failed, Machine, Worker};

/// Notes what was done to it.
#[derive(Debug, Default)]
struct Notes {
    orders: Vec<u32>,
    turns: u32,
    failures: Vec<(&'static str, String)>,
    fails_in: Option<u32>,
    timeout_s: Option<f64>,
}

impl Machine for Notes {
    fn watch(&mut self, _: &mut Vec<Watch>) -> Option<f64> {
        self.timeout_s
    }

    fn turn(&mut self, _: &[Watch]) {
        self.turns += 1;
        if self.fails_in == Some(self.turns) {
            panic!("turn {} went wrong", self.turns);
        }
    }

    fn failed(&mut self, what: &'static str, why: String) {
        self.failures.push((what, why));
    }
}

#[test]
fn orders_are_done_one_after_another_and_answered() {
    let worker = Worker::start(Notes::default()).unwrap();
    for number in 0..100 {
        worker.post(move |notes| notes.orders.push(number));
    }
    let count = worker.call(|notes| notes.orders.len()).unwrap();
    assert_eq!(count, 100);
    let notes = worker.stop().unwrap();
    assert_eq!(notes.orders, (0..100).collect::<Vec<_>>());
}

#[test]
fn orders_do_not_keep_the_machine_from_its_turns() {
    let worker = Worker::start(Notes::default()).unwrap();
    // an order may be answered before the first turn, or be done with its predecessor
    let deadline = Instant::now() + Duration::from_secs(10);
    while worker.call(|notes| notes.turns) == Ok(0) {
        assert!(Instant::now() < deadline, "no turn beside the orders");
    }
}

#[test]
fn orders_that_were_given_before_the_end_are_done() {
    let worker = Worker::start(Notes::default()).unwrap();
    for number in 0..500 {
        worker.post(move |notes| notes.orders.push(number));
    }
    assert_eq!(worker.stop().unwrap().orders.len(), 500);
}

#[test]
fn an_order_that_panics_is_told_and_the_machine_runs_on() {
    let worker = Worker::start(Notes::default()).unwrap();
    let outcome = worker.call(|_| -> u32 { panic!("no such thing") });
    assert_eq!(outcome, Err(Failed));
    assert_eq!(worker.call(|_| 7), Ok(7));
    let notes = worker.stop().unwrap();
    let (what, why) = &notes.failures[0];
    assert_eq!(*what, "a command");
    assert!(
        why.starts_with("no such thing at tests/worker.rs:"),
        "{why}"
    );
}

#[test]
fn a_turn_that_panics_does_not_end_the_worker() {
    let machine = Notes {
        fails_in: Some(1),
        timeout_s: Some(0.001),
        ..Notes::default()
    };
    let worker = Worker::start(machine).unwrap();
    let (told, heard) = mpsc::channel();
    let wait = move |worker: Worker<Notes>| {
        while worker.call(|notes| notes.turns).unwrap() < 3 {}
        told.send(worker.stop()).unwrap();
    };
    thread::spawn(move || wait(worker));
    let stopped = heard.recv_timeout(Duration::from_secs(10)).unwrap();
    let notes = stopped.unwrap();
    assert_eq!(notes.failures.len(), 1);
    assert!(notes.failures[0].1.contains("turn 1 went wrong"));
}

#[test]
fn what_does_not_panic_passes_through_the_guard() {
    assert_eq!(guarded(|| 3), Ok(3));
}
