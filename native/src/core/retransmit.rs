//! Answering a viewer's NACK (RFC 4585 section 6.2.1, RFC 4588).
//!
//! The number asked for is the consumer's own.  Its numbering says which source packet was
//! sent under it, and the history has that packet.  With RTX the packet is rendered again
//! into the repair stream, which has an SSRC and numbers of its own; without it the
//! protected packet that was sent must be repeated byte for byte, which only the plane can
//! do (`Resend`): anything else would use a nonce twice.
//!
//! A viewer cannot make us send more than `rtx_share` of what it got anyway (and a burst),
//! nor the same packet more often than every half round trip.  What the history never had
//! is asked for upstream once, and forwarded as a late packet when it comes.
//!
//! Where reports say that packets get lost, a repetition would too, and a browser that only
//! watches asks again after 100 ms at the earliest: three unlucky tries are a freeze.  So
//! every repetition is then sent a second time, a little later (RFC 0003 section 5), and
//! what transport-wide feedback reports as lost is repeated without being asked for.  On
//! such a path feedback gets lost as well, and a NACK with it: what a lost feedback would
//! have told of is repeated like what it reports lost.

use super::agenda::Timer;
use super::consumer::Consumer;
use super::ids::{ConsumerKey, TransportKey};
use super::outputs::{Again, Resend};
use super::packet::Packet;
use super::repair::{kept, render};
use super::rewrite::Segment;
use super::sentlog::Sent;
use super::sequence::nearest;
use super::state::State;
use crate::congestion::pacer::Priority;
use crate::wire::twcc::Arrival;

const RTT_S: f64 = 0.05;
const CHUNK: usize = 8;

/// Packets of one feedback, or two: more without a word is no loss but silence.
const HOLE: i64 = 64;

/// How often a packet is repeated on our own account.
const TRIES: u32 = 4;

/// A viewer misses these (16 bit) numbers of the consumer.
pub fn nacked(state: &mut State, key: ConsumerKey, lost: impl Iterator<Item = u16>, now: f64) {
    let consumer = &state.consumers[key];
    let rtt_s = state.transports[consumer.transport].rtt_s;
    let interval_s = measured(rtt_s) / 2.0;
    for number in lost.take(state.config.nacked_packets) {
        let consumer = &state.consumers[key];
        let index = nearest(number, consumer.numbering.highest);
        let known = index <= consumer.numbering.highest && !consumer.is_filler(index);
        let origin = consumer.numbering.origin(index).filter(|_| known);
        let Some((segment, source)) = origin else {
            continue;
        };
        let there = available(state, &segment, source, now);
        let repairs = &mut state.consumers[key].repairs;
        if !there {
            repairs.missed += 1;
        } else if repairs.recently(index, interval_s, now) {
            repairs.refused += 1;
        } else {
            repairs.wait.push(index);
        }
    }
    send(state, key, now);
}

/// A round trip of 0 is none that was measured.
fn measured(rtt_s: Option<f64>) -> f64 {
    rtt_s.filter(|&rtt_s| rtt_s != 0.0).unwrap_or(RTT_S)
}

/// Transport-wide feedback came; repeat what did not arrive before the viewer asks (again).
/// On a path that is full that would only add to the losses.
pub fn lost(state: &mut State, key: TransportKey, arrivals: &[Arrival], now: f64) {
    let untold = untold(state, key, arrivals);
    let transport = &state.transports[key];
    if transport.sender.is_none() || transport.overcommitted() {
        return;
    }
    let newest = transport.number;
    let mut touched: Vec<ConsumerKey> = Vec::new();
    for number in untold {
        repeat_lost(state, key, number, &mut touched, false, now);
    }
    for (wrapped, arrival) in arrivals {
        if arrival.is_none() {
            let number = nearest(*wrapped, newest);
            repeat_lost(state, key, number, &mut touched, true, now);
        }
    }
    for consumer in touched {
        send(state, consumer, now);
    }
}

/// Let what went under `number` wait to be repeated, if it is not `sure` that it was lost
/// then only on a lossy path.
fn repeat_lost(
    state: &mut State,
    key: TransportKey,
    number: i64,
    touched: &mut Vec<ConsumerKey>,
    sure: bool,
    now: f64,
) {
    let Some(sent) = state.transports[key].log.find(number) else {
        return;
    };
    let consumer = state.consumers.get(sent.consumer);
    if !consumer.is_some_and(|consumer| sure || consumer.lossy()) {
        return;
    }
    if worth_repeating(state, key, &sent, now) {
        let repairs = &mut state.consumers[sent.consumer].repairs;
        let list = if sure {
            &mut repairs.wait
        } else {
            &mut repairs.unsure
        };
        list.push(sent.packet_index);
        if !touched.contains(&sent.consumer) {
            touched.push(sent.consumer);
        }
    }
}

fn worth_repeating(state: &mut State, key: TransportKey, sent: &Sent, now: f64) -> bool {
    let (consumer, index) = (&mut state.consumers[sent.consumer], sent.packet_index);
    let Some((segment, number)) = consumer.numbering.origin(index) else {
        return false;
    };
    // what came before the last key frame is of no use any more
    let source = state.layers.get(segment.source);
    let pin = source.and_then(|source| source.history.pin);
    let useful = number >= pin.unwrap_or(segment.start);
    if Some(segment.source) != consumer.layer || !useful {
        return false;
    }
    let tries = consumer.repairs.tries(index);
    // what was repeated has a number, and a fate, of its own
    if (tries > 0) != sent.repeated || tries >= TRIES {
        return false;
    }
    let interval_s = measured(state.transports[key].rtt_s) / 2.0;
    !consumer.repairs.recently(index, interval_s, now)
}

/// Send what waits, as far as budget and congestion control allow.
pub fn send(state: &mut State, key: ConsumerKey, now: f64) {
    while let Some(index) = due_again(&mut state.consumers[key], now) {
        repeat(state, key, &[index], now);
    }
    while let Some(sure) = waiting(&state.consumers[key]) {
        let transport = state.consumers[key].transport;
        let ready_at = state.transports[transport].ready_at(now, Priority::Retransmission);
        if ready_at > now {
            state.agenda.no_later(Timer::Repair(key), ready_at);
            return;
        }
        let consumer = &mut state.consumers[key];
        let repairs = &mut consumer.repairs;
        let list = if sure {
            &mut repairs.wait
        } else {
            &mut repairs.unsure
        };
        let some = list.take(CHUNK);
        repeat(state, key, &some, now);
        if sure && state.consumers[key].lossy() {
            for index in some {
                state.repeat_soon(key, index, now);
            }
        }
    }
    if let Some(&(when, _)) = state.consumers[key].repairs.again.first() {
        state.agenda.no_later(Timer::Repair(key), when);
    }
}

/// The next packet whose second repetition is due.
fn due_again(consumer: &mut Consumer, now: f64) -> Option<i64> {
    let again = &mut consumer.repairs.again;
    again.first().filter(|first| first.0 <= now)?;
    again.pop().map(|first| first.1)
}

/// Which list is to be served: true for that of packets that are lost for sure.
fn waiting(consumer: &Consumer) -> Option<bool> {
    let repairs = &consumer.repairs;
    if !repairs.wait.is_empty() {
        return Some(true);
    }
    (!repairs.unsure.is_empty()).then_some(false)
}

fn available(state: &mut State, segment: &Segment, number: i64, now: f64) -> bool {
    let Some(layer) = state.layers.get_mut(segment.source) else {
        return false;
    };
    if layer.history.get(number).is_some() {
        return true;
    }
    if let Some(nacks) = &mut layer.nacks {
        nacks.want(number, now);
        state.watch(segment.source, now);
    }
    false
}

/// Repeat these packets as one burst, or tell the plane to.
fn repeat(state: &mut State, key: ConsumerKey, indices: &[i64], now: f64) {
    let mut sent: Vec<i64> = Vec::with_capacity(indices.len());
    for &index in indices {
        let origin = state.consumers[key].numbering.origin(index);
        let found = origin.and_then(|(segment, number)| {
            let packet = kept(state, &segment, number)?;
            speaks(state, key, &segment).then_some((segment, packet))
        });
        let Some((segment, packet)) = found else {
            state.consumers[key].repairs.missed += 1;
            continue;
        };
        if !affordable(state, key, &packet) {
            state.consumers[key].repairs.refused += 1;
        } else if state.consumers[key].keeps_protected {
            state.consumers[key].repairs.answered += 1;
            resend(state, key, index);
        } else if render(state, key, &segment, index, &packet, now) {
            state.consumers[key].repairs.answered += 1;
            sent.push(index);
        }
    }
    state.repeat(key, &sent, now);
}

fn resend(state: &mut State, key: ConsumerKey, index: i64) {
    let consumer = &state.consumers[key];
    state.again.push(Again::Resend(Resend {
        transport: state.transports[consumer.transport].id,
        ssrc: consumer.ssrc,
        packet_index: index as u64,
    }));
}

fn affordable(state: &mut State, key: ConsumerKey, packet: &Packet) -> bool {
    let (config, consumer) = (&state.config, &mut state.consumers[key]);
    let share = config.rtx_share * consumer.octets as f64;
    let sent_bytes = consumer.repairs.sent_bytes + packet.size() as u64;
    let fits = sent_bytes as f64 <= share + config.rtx_burst_bytes as f64;
    if fits {
        consumer.repairs.sent_bytes = sent_bytes;
    }
    fits
}

/// The numbers that no feedback told of, because one was lost; notes how far this one goes.
fn untold(state: &mut State, key: TransportKey, arrivals: &[Arrival]) -> std::ops::Range<i64> {
    let transport = &mut state.transports[key];
    let Some(&(base, _)) = arrivals.first() else {
        return 0..0; // a viewer may well write a feedback about nothing
    };
    let first = nearest(base, transport.number);
    let expected = transport.heard_to;
    let end = first + arrivals.len() as i64;
    transport.heard_to = Some(expected.unwrap_or(0).max(end));
    match expected {
        Some(expected) if (1..=HOLE).contains(&(first - expected)) => expected..first,
        _ => 0..0,
    }
}

/// Whether the consumer's profile is still that of the segment's producer.
fn speaks(state: &State, key: ConsumerKey, segment: &Segment) -> bool {
    let layer = state.consumers[key].layer;
    let layer = layer.and_then(|layer| state.layers.get(layer));
    let source = state.layers.get(segment.source);
    layer
        .zip(source)
        .is_some_and(|(layer, source)| layer.producer == source.producer)
}
