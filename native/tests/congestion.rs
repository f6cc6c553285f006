//! Congestion control under feedback that nobody promised to be sane: no panic, and an
//! estimate within its bounds.  That it equals the reference is for `tests/native`.

use meshnode_native::congestion::allocation::Demand;
use meshnode_native::congestion::config::CongestionConfig;
use meshnode_native::congestion::history::{Arrival, SentHistory};
use meshnode_native::congestion::ladder::LayerRate;
use meshnode_native::congestion::pacer::Priority;
use meshnode_native::congestion::sender::TransportSender;
use proptest::collection::vec;
use proptest::prelude::*;

#[derive(Clone, Debug)]
enum Act {
    Send(u16, u32, u64),
    Hear(u16, Vec<Option<i64>>),
    Remb(f64),
    Loss(f64, Option<f64>),
    Allocate(Vec<(u64, i64)>),
    Wait(f64),
}

fn act() -> impl Strategy<Value = Act> {
    let time = proptest::option::weighted(0.8, 0i64..(64_000 << 24));
    prop_oneof![
        4 => (any::<u16>(), 1u32..40, 1u64..40_000).prop_map(|(at, count, size)| Act::Send(at, count, size)),
        4 => (any::<u16>(), vec(time, 0..80)).prop_map(|(at, times)| Act::Hear(at, times)),
        1 => (0.0f64..1e12).prop_map(Act::Remb),
        1 => (0.0f64..=1.0, proptest::option::of(0.0f64..10.0)).prop_map(|(lost, rtt)| Act::Loss(lost, rtt)),
        2 => vec((0u64..6, 0i64..9_000_000), 0..6).prop_map(Act::Allocate),
        4 => (0.0f64..3.0).prop_map(Act::Wait),
    ]
}

fn perform(sender: &mut TransportSender<u64>, act: Act, now: f64) {
    match act {
        Act::Send(at, count, size) => sender.on_sent_burst(at, count, size, now),
        Act::Hear(at, times) => {
            let numbers = (0u16..).map(|offset| at.wrapping_add(offset));
            let arrivals: Vec<Arrival> = numbers.zip(times).collect();
            sender.on_feedback(&arrivals, now);
        }
        Act::Remb(bps) => sender.on_remb(bps, now),
        Act::Loss(fraction, rtt_s) => sender.on_loss(fraction, rtt_s, now),
        Act::Allocate(wishes) => allocate(sender, &wishes, now),
        Act::Wait(_) => sender.handle_timeout(now),
    }
}

fn allocate(sender: &mut TransportSender<u64>, wishes: &[(u64, i64)], now: f64) {
    let layers: Vec<Vec<LayerRate>> = wishes.iter().map(|wish| three(wish.1)).collect();
    let demands: Vec<Demand<'_, u64>> = wishes
        .iter()
        .zip(&layers)
        .map(|(&(consumer, _), layers)| Demand {
            consumer,
            layers,
            rid: None,
            paused: false,
        })
        .collect();
    let found = sender.allocate(32_000, &demands, now);
    assert!(found.allocated_bps <= found.best_bps);
}

fn three(bps: i64) -> Vec<LayerRate> {
    let rates = [("q", bps / 8), ("h", bps / 3), ("f", bps)];
    rates
        .map(|(rid, bitrate_bps)| LayerRate {
            rid: rid.into(),
            bitrate_bps,
            temporal_bps: vec![bitrate_bps / 2, bitrate_bps],
        })
        .to_vec()
}

proptest! {
    #[test]
    fn nothing_that_comes_makes_it_panic(acts in vec(act(), 1..120)) {
        let config = CongestionConfig::default();
        let mut sender = TransportSender::new(config.clone());
        let mut now = 1.0;
        for act in acts {
            if let Act::Wait(seconds) = act {
                now += seconds;
            }
            perform(&mut sender, act, now);
            prop_assert!((config.min_bps..=config.max_bps).contains(&sender.estimate_bps()));
            prop_assert!(sender.ready_at(now, Priority::Live) >= now);
            prop_assert!(sender.padding_due(now) >= 0);
        }
    }
}

#[test]
fn each_number_is_believed_once_and_what_was_late_is_taken_back() {
    let mut history = SentHistory::new(8);
    history.add(65_534, 4, 4_000.0, 1.0, 0);
    let feedback = [(65_534, Some(500)), (65_535, None), (0, Some(750))];
    let told = history.matching(&feedback);
    let [seen] = told.bursts[..] else {
        panic!("one burst expected: {told:?}");
    };
    assert_eq!((seen.received, seen.lost, seen.size_bytes), (2, 1, 2_000.0));
    assert_eq!(history.outstanding_bytes(), 1_000.0);
    assert!(history.matching(&feedback).bursts.is_empty());
    let late = history.matching(&[(65_535, Some(800)), (0, Some(750)), (1, Some(900))]);
    assert_eq!((late.late, late.bursts.len()), (1, 1));
    assert_eq!(history.outstanding_bytes(), 0.0);
}
