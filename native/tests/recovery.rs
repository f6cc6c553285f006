//! After a fault nothing is sent twice, nothing is skipped, and who is the fault is left.

use meshnode_native::core::config::{ForwardingConfig, RandomSource};
use meshnode_native::core::forwarder::Forwarder;
use meshnode_native::core::ids::{ConsumerId, ProducerId, TransportId};
use meshnode_native::core::outputs::Departures;
use meshnode_native::core::table::{
    AddConsumer, AddProducer, ForwardingDelta, PlaneDelta, Selection, TransportKind,
};
use meshnode_native::wire::parameters::{Codec, MediaKind};
use meshnode_native::wire::rtp::{self, Outgoing};

const PUBLISHER: TransportId = TransportId(1);
const FIRST: u64 = 2;

struct Zeros;

impl RandomSource for Zeros {
    fn getrandbits(&mut self, _: u32) -> u64 {
        0
    }
}

/// Sound from one publisher to two viewers.
struct Stage {
    machine: Forwarder,
    now: f64,
    sent: u16,
    /// (consumer, index) of everything that left.
    got: Vec<(u64, u64)>,
}

impl Stage {
    fn new() -> Self {
        let mut machine = Forwarder::new(ForwardingConfig::default(), Box::new(Zeros));
        machine
            .add_transport(PUBLISHER, TransportKind::Local, 0, None)
            .unwrap();
        let opus = || vec![Codec::new(111, "opus", 48_000)];
        let producer = AddProducer {
            producer: ProducerId(1),
            transport: PUBLISHER,
            kind: MediaKind::Audio,
            mid: "0".to_owned(),
            codecs: opus(),
            extensions: Vec::new(),
            rids: Vec::new(),
            ssrcs: Vec::new(),
        };
        let mut deltas = vec![ForwardingDelta::AddProducer(Box::new(producer))];
        for viewer in [FIRST, FIRST + 1] {
            let transport = TransportId(viewer);
            machine
                .add_transport(transport, TransportKind::Client, 0, None)
                .unwrap();
            machine.set_sending(transport, true, 0.0).unwrap();
            deltas.push(ForwardingDelta::AddConsumer(Box::new(AddConsumer {
                consumer: ConsumerId(viewer),
                producer: ProducerId(1),
                transport,
                kind: MediaKind::Audio,
                mid: "a".to_owned(),
                ssrc: 0x100 + viewer as u32,
                rtx_ssrc: None,
                codecs: opus(),
                extensions: Vec::new(),
                selection: Selection::default(),
                first_sequence: 0,
                first_timestamp: 0,
            })));
        }
        for delta in deltas {
            machine.program(PlaneDelta::Forwarding(delta), 0.0).unwrap();
        }
        Self {
            machine,
            now: 1.0,
            sent: 0,
            got: Vec::new(),
        }
    }

    fn receive(&mut self) {
        let packet = Outgoing {
            payload_type: 111,
            sequence: self.sent,
            timestamp: u32::from(self.sent) * 960,
            ssrc: 7,
            payload: b"sound",
            ..Outgoing::default()
        };
        let packet = rtp::build(&packet).expect("fits");
        self.machine.receive_rtp(PUBLISHER, &packet, self.now);
        self.sent += 1;
    }

    fn flush(&mut self) {
        self.now += 0.02;
        self.machine.handle_timeout(self.now);
        let mut out = Departures::new();
        self.machine.flush(self.now, &mut out);
        for burst in out.bursts() {
            let consumer = burst.consumer.0;
            self.got
                .extend(burst.packets().map(|packet| (consumer, packet.index)));
        }
    }

    fn fault(&mut self, serving: Option<u64>) {
        self.machine.lose_track(serving.map(ConsumerId));
        self.machine.recover(self.now);
    }

    fn of(&self, consumer: u64) -> Vec<u64> {
        let got = self.got.iter().filter(|(whose, _)| *whose == consumer);
        got.map(|(_, index)| *index).collect()
    }
}

#[test]
fn whoever_was_sent_to_reads_on_where_it_was() {
    let mut stage = Stage::new();
    for _ in 0..5 {
        stage.receive();
        stage.flush();
    }
    stage.receive();
    stage.fault(None); // with a packet on its way
    stage.flush();
    for _ in 0..5 {
        stage.receive();
        stage.flush();
    }
    let all: Vec<u64> = (0..11).collect();
    assert_eq!((stage.of(FIRST), stage.of(FIRST + 1)), (all.clone(), all));
}

#[test]
fn one_fault_is_nobodys_and_the_second_in_a_row_is_left_alone() {
    let mut stage = Stage::new();
    for fault in [true, true, false, false] {
        stage.receive();
        stage.flush();
        if fault {
            stage.fault(Some(FIRST));
        }
    }
    assert_eq!(stage.of(FIRST), [0, 1]);
    assert_eq!(stage.of(FIRST + 1), [0, 1, 2, 3]);
    let drops = stage.machine.stats(stage.now).drops;
    assert!(drops.contains(&("consumer-given-up", 1)));
}
