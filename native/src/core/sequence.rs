//! Numbers that wrap: serial comparison and extension (RFC 1982, RFC 3711 appendix A).
//!
//! RTP counts packets in 16 bits, time in 32, VP8 pictures in 15 or 7.  Inside the
//! forwarder nothing wraps: a number is extended when it enters, by taking the candidate
//! nearest to the highest seen, and cut to its width again when it is written.

/// Whether `a` is ahead of `b` by less than half the circle (the exact half counts for the
/// larger number, so that of two different numbers one is newer).
pub fn newer(a: u32, b: u32, bits: u32) -> bool {
    let ahead = a.wrapping_sub(b) & ((1 << bits) - 1);
    let half = 1 << (bits - 1);
    (0 < ahead && ahead < half) || (ahead == half && a > b)
}

/// The number congruent to the 16 bit `value` that is nearest to `reference`.
pub fn nearest(value: u16, reference: i64) -> i64 {
    reference + ((i64::from(value) - reference + 0x8000) & 0xFFFF) - 0x8000
}

/// Ticks from `earlier` to `later`, the shorter way round.
pub fn ticks(later: u32, earlier: u32) -> i64 {
    i64::from(later.wrapping_sub(earlier) as i32)
}

#[cfg(test)]
mod tests {
    use super::{nearest, newer, ticks};

    #[test]
    fn extends_to_the_nearest() {
        assert_eq!(nearest(2, 65_535), 65_538);
        assert_eq!(nearest(65_535, 65_538), 65_535);
        assert_eq!(nearest(0, 0x8000), 0);
        assert_eq!(nearest(65_535, 0), -1);
    }

    #[test]
    fn knows_the_newer_one() {
        assert!(newer(1, 255, 8) && !newer(255, 1, 8) && !newer(3, 3, 8));
        assert!(newer(200, 72, 8) && !newer(72, 200, 8));
        assert_eq!((ticks(5, u32::MAX), ticks(u32::MAX, 5)), (6, -6));
    }
}
