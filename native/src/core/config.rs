//! Every number of the packet path that is a choice, in one value (RFC 0003 section 9).
//!
//! Limits bound what a remote can make us keep; intervals bound what it can make us send.
//! The defaults are the ones of the RFC: change them there and here together.

/// Where SSRCs and first sequence numbers come from.
pub trait RandomSource {
    /// A uniform integer of `bits` bits (64 at most).
    fn getrandbits(&mut self, bits: u32) -> u64;
}

/// Bounds and intervals of a `Forwarder`; sizes in bytes, times in seconds.
#[derive(Clone, Debug, PartialEq)]
pub struct ForwardingConfig {
    pub transports: usize,
    pub producers: usize,
    pub consumers: usize,
    pub ssrcs_per_transport: usize,
    pub layers_per_producer: usize,

    pub history_packets: i64,
    pub history_s: f64,
    pub history_bytes: u64,

    pub nack_outstanding: usize,
    pub nack_retries: u32,
    pub nack_give_up_s: f64,

    pub cache_bytes: u64,
    pub cache_packets: usize,
    pub cache_age_s: f64,
    pub cache_fresh_s: f64,
    pub replay_beyond_s: f64,
    pub replay_speed: f64,
    pub replay_first_frame_s: f64,
    pub replay_step_s: f64,

    pub key_frame_interval_s: f64,
    pub key_frame_refresh_s: f64,

    pub slow_consumer_s: f64,

    pub rtx_share: f64,
    pub rtx_burst_bytes: u64,
    pub nacked_packets: usize,

    pub transport_feedback_s: f64,
    pub report_s: f64,
    pub publisher_bitrate_bps: u64,

    pub allocation_s: f64,
    pub silence_s: f64,
    pub equalise_bytes: usize,

    pub streams: usize,
    pub legs_per_stream: usize,
    pub leg_burst_packets: usize,
    pub leg_step_s: f64,
    pub leg_backlog_packets: usize,
    pub leg_feedback_s: f64,
    pub keep_alive_s: f64,
    pub heartbeat_gap_s: f64,
    pub heartbeat_s: f64,
    pub silence_of_legs_s: f64,
    pub joining_s: f64,
    pub joining_packets: u64,
    pub activate_packets: u64,

    /// NTP seconds of `now` 0: a driver with a wall clock adds (wall - monotonic).
    pub ntp_offset_s: f64,

    /// The canonical name in our sender reports (RFC 3550 section 6.5.1).
    pub cname: String,
}

impl Default for ForwardingConfig {
    fn default() -> Self {
        Self {
            transports: 2048,
            producers: 4096,
            consumers: 16384,
            ssrcs_per_transport: 64,
            layers_per_producer: 8,
            history_packets: 1024,
            history_s: 1.0,
            history_bytes: 8 << 20,
            nack_outstanding: 256,
            nack_retries: 10,
            nack_give_up_s: 0.5,
            cache_bytes: 2 << 20,
            cache_packets: 16_384,
            cache_age_s: 3.0,
            cache_fresh_s: 2.0,
            replay_beyond_s: 0.1,
            replay_speed: 2.0,
            replay_first_frame_s: 0.1,
            replay_step_s: 0.01,
            key_frame_interval_s: 0.5,
            key_frame_refresh_s: 2.0,
            slow_consumer_s: 0.5,
            rtx_share: 0.25,
            rtx_burst_bytes: 64 << 10,
            nacked_packets: 256,
            transport_feedback_s: 0.05,
            report_s: 1.0,
            publisher_bitrate_bps: 20_000_000,
            allocation_s: 0.25,
            silence_s: 5.0,
            equalise_bytes: 8,
            streams: 1024,
            legs_per_stream: 128,
            leg_burst_packets: 64,
            leg_step_s: 0.002,
            leg_backlog_packets: 8192,
            leg_feedback_s: 0.1,
            keep_alive_s: 0.03,
            heartbeat_gap_s: 0.015,
            heartbeat_s: 0.05,
            silence_of_legs_s: 0.06,
            joining_s: 0.1,
            joining_packets: 3,
            activate_packets: 3,
            ntp_offset_s: 2_208_988_800.0,
            cname: "meshnode".to_owned(),
        }
    }
}
