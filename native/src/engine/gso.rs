//! Cutting a burst into what the kernel can segment in one call (UDP_SEGMENT).
//!
//! One message carries many datagrams to one address if all have the same size, only the
//! last may be shorter, there are at most 64 and together they fit into one IP packet.
//! Nothing is reordered to make runs longer.

/// What Linux takes in one message.
pub const SEGMENTS_MAX: usize = 64;
pub const RUN_MAX_BYTES: usize = 64_800;

/// Where the run ends that begins with `sizes[start]`.
///
/// A packet above `segment_limit` bytes, what this path is known to segment, is a run of
/// its own.
pub fn run_end(sizes: &[usize], start: usize, segment_limit: usize) -> usize {
    let size = sizes[start];
    if size == 0 || size > segment_limit {
        return start + 1;
    }
    let most = SEGMENTS_MAX.min(RUN_MAX_BYTES / size).max(1);
    let limit = sizes.len().min(start + most);
    let mut stop = start + 1;
    while stop < limit && sizes[stop] == size {
        stop += 1;
    }
    if stop < limit && sizes[stop] < size && sizes[stop] > 0 {
        stop += 1;
    }
    stop
}

#[cfg(test)]
mod tests {
    use super::*;

    fn runs(sizes: &[usize], limit: usize) -> Vec<(usize, usize)> {
        let (mut start, mut found) = (0, Vec::new());
        while start < sizes.len() {
            let stop = run_end(sizes, start, limit);
            found.push((start, stop));
            start = stop;
        }
        found
    }

    #[test]
    fn equal_packets_and_a_shorter_last_one_are_one_run() {
        assert_eq!(runs(&[1200; 9], 65535), [(0, 9)]);
        assert_eq!(runs(&[1200, 1200, 900], 65535), [(0, 3)]);
        assert_eq!(
            runs(&[1200, 900, 900, 1200], 65535),
            [(0, 2), (2, 3), (3, 4)]
        );
        assert_eq!(runs(&[], 65535), []);
    }

    #[test]
    fn a_run_ends_where_the_kernel_ends_it() {
        assert_eq!(runs(&[100; 65], 65535), [(0, 64), (64, 65)]);
        assert_eq!(runs(&[1300; 50], 65535), [(0, 49), (49, 50)]);
        assert_eq!(runs(&[1200; 3], 1100), [(0, 1), (1, 2), (2, 3)]);
        assert_eq!(runs(&[0, 0], 65535), [(0, 1), (1, 2)]);
        assert_eq!(runs(&[65_000, 10], 65535), [(0, 1), (1, 2)]);
    }
}
