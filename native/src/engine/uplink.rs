//! What leaves this machine by the media port: counted, and held below a limit.
//!
//! A volunteer's limit is a promise to whoever pays for the line, so it is kept at the
//! last place where a datagram can be held back.  The bucket is a quarter of a second
//! deep.  Connectivity checks, DTLS and RTCP always pass, and are paid for by the media
//! that follows; without them a full line would look like a dead one.
//!
//! Octets are those of the wire: UDP and IP headers included, link layers not.

/// Depth of the bucket: a key frame of 30 ms fits, and 10 s end within 2.5 %.
const BURST_S: f64 = 0.25;
/// What may be owed for control at most, so that a storm of it cannot stop media longer.
const DEBT_S: f64 = 1.0;

pub const HEADERS_V4: usize = 28;
pub const HEADERS_V6: usize = 48;

/// The meter of a plane, shared by its sockets; `limit_bps` 0 means no limit.
///
/// `octets` and `packets` count what was let out, `held` the packets that were not.
#[derive(Debug)]
pub struct Uplink {
    pub limit_bps: f64,
    pub octets: u64,
    pub packets: u64,
    pub held: u64,
    level: f64,
    seen_at: f64,
}

impl Uplink {
    pub fn new(limit_bps: f64, now: f64) -> Self {
        Self {
            limit_bps,
            octets: 0,
            packets: 0,
            held: 0,
            level: limit_bps / 8.0 * BURST_S,
            seen_at: now,
        }
    }

    /// One datagram leaves that cannot be held back, headers included.
    pub fn pay(&mut self, octets: usize, now: f64) {
        self.octets += octets as u64;
        self.packets += 1;
        if self.limit_bps > 0.0 {
            self.refill(now);
            let floor = -self.limit_bps / 8.0 * DEBT_S;
            self.level = (self.level - octets as f64).max(floor);
        }
    }

    /// How many packets of a burst may leave, the first ones; they are paid.
    pub fn admit(&mut self, sizes: &[usize], headers: usize, now: f64) -> usize {
        let mut count = sizes.len();
        let mut total = sizes.iter().sum::<usize>() + headers * count;
        if self.limit_bps > 0.0 {
            self.refill(now);
            if total as f64 > self.level {
                (count, total) = self.fitting(sizes, headers);
            }
            self.level -= total as f64;
        }
        self.octets += total as u64;
        self.packets += count as u64;
        self.held += (sizes.len() - count) as u64;
        count
    }

    fn fitting(&self, sizes: &[usize], headers: usize) -> (usize, usize) {
        let mut total = 0;
        for (count, size) in sizes.iter().enumerate() {
            if (total + size + headers) as f64 > self.level {
                return (count, total);
            }
            total += size + headers;
        }
        (sizes.len(), total)
    }

    fn refill(&mut self, now: f64) {
        let rate = self.limit_bps / 8.0;
        let gained = (now - self.seen_at) * rate;
        self.level = (self.level + gained).min(rate * BURST_S);
        self.seen_at = now;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_limit_everything_passes_and_is_counted() {
        let mut uplink = Uplink::new(0.0, 0.0);
        assert_eq!(uplink.admit(&[1200; 9], HEADERS_V4, 0.0), 9);
        uplink.pay(100, 0.0);
        assert_eq!(
            (uplink.octets, uplink.packets, uplink.held),
            (9 * 1228 + 100, 10, 0)
        );
    }

    #[test]
    fn a_full_line_holds_media_back_until_time_has_passed() {
        // 80 kbit/s: 2,500 octets deep
        let mut uplink = Uplink::new(80_000.0, 0.0);
        assert_eq!(uplink.admit(&[1200; 9], HEADERS_V4, 0.0), 2);
        assert_eq!(uplink.held, 7);
        assert_eq!(uplink.admit(&[1200], HEADERS_V4, 0.0), 0);
        assert_eq!(uplink.admit(&[1200], HEADERS_V4, 0.2), 1);
    }

    #[test]
    fn control_always_leaves_and_media_pays_for_it() {
        let mut uplink = Uplink::new(80_000.0, 0.0);
        for _ in 0..1000 {
            uplink.pay(100, 0.0);
        }
        assert_eq!(uplink.admit(&[100], HEADERS_V4, 0.9), 0);
        // the debt is one second at most
        assert_eq!(uplink.admit(&[100], HEADERS_V4, 1.1), 1);
    }
}
