/**
 * What a connection does right now, from two readings of getStats.
 *
 * Rates are differences between readings, so a `Meter` keeps the previous one.  A sample
 * is flat, its units last in the names, `null` where the browser does not say.
 */

const kinds = (report, type, kind) =>
  [...report.values()].filter((each) => each.type === type && (!kind || each.kind === kind));

const sum = (entries, field) => entries.reduce((total, each) => total + (each[field] ?? 0), 0);

export class Meter {
  #pc;
  #before = null;

  /** @param {RTCPeerConnection} pc */
  constructor(pc) {
    this.#pc = pc;
  }

  /** @returns {Promise<Record<string, any>>} the sample since the last call */
  async sample() {
    const report = await this.#pc.getStats();
    const totals = receives(report) ? inbound(report) : outbound(report);
    const at_ms = performance.now();
    const before = this.#before ?? { at_ms, totals };
    this.#before = { at_ms, totals };
    return { ...shown(totals, before.totals, at_ms - before.at_ms), ...path(report) };
  }
}

const receives = (report) => kinds(report, 'inbound-rtp', 'video').length > 0;

function inbound(report) {
  const [video = {}] = kinds(report, 'inbound-rtp', 'video');
  const all = kinds(report, 'inbound-rtp');
  return {
    ...picture(report, video),
    frames: video.framesDecoded ?? 0,
    bytes: sum(all, 'bytesReceived'),
    packets: sum(all, 'packetsReceived'),
    lost: sum(all, 'packetsLost'),
    freezes: video.freezeCount ?? null,
  };
}

/** Simulcast sends several layers: the largest is shown, bytes are those of all. */
function outbound(report) {
  const layers = kinds(report, 'outbound-rtp', 'video');
  const best = layers.reduce(
    (a, b) => ((b.frameWidth ?? 0) > (a.frameWidth ?? -1) ? b : a),
    layers[0] ?? {},
  );
  return {
    ...picture(report, best),
    frames: best.framesEncoded ?? 0,
    bytes: sum(kinds(report, 'outbound-rtp'), 'bytesSent'),
    packets: sum(kinds(report, 'outbound-rtp'), 'packetsSent'),
    lost: sum(kinds(report, 'remote-inbound-rtp'), 'packetsLost'),
    freezes: null,
    layers: layers.filter((layer) => layer.active !== false).length,
  };
}

const picture = (report, video) => ({
  width: video.frameWidth ?? null,
  height: video.frameHeight ?? null,
  codec: report.get(video.codecId)?.mimeType?.split('/')[1] ?? null,
});

function shown(now, before, elapsed_ms) {
  const per_s = (field) => Math.max(0, ((now[field] - before[field]) * 1000) / elapsed_ms);
  const [lost, packets] = [now.lost - before.lost, now.packets - before.packets];
  return {
    width: now.width,
    height: now.height,
    codec: now.codec,
    freezes: now.freezes,
    layers: now.layers ?? null,
    fps: elapsed_ms > 0 ? per_s('frames') : null,
    bitrate_bps: elapsed_ms > 0 ? per_s('bytes') * 8 : null,
    loss: packets + lost > 0 ? Math.max(0, lost) / (packets + Math.max(0, lost)) : 0,
  };
}

function path(report) {
  const pair = kinds(report, 'candidate-pair').find((each) => each.nominated && each.state === 'succeeded');
  const rtt_s = pair?.currentRoundTripTime;
  return { rtt_ms: rtt_s === undefined ? null : rtt_s * 1000 };
}

/** A bit rate for people. */
export function formatBitrate(bitrate_bps) {
  if (bitrate_bps === null) return '–';
  if (bitrate_bps >= 1e6) return `${(bitrate_bps / 1e6).toFixed(1)} Mb/s`;
  return `${Math.round(bitrate_bps / 1000)} kb/s`;
}

/**
 * A sample as [term, value] pairs for a description list.
 * @param {Record<string, any>} sample of a `Meter`
 * @param {number|null} firstFrame_ms for players
 */
export function describe(sample, firstFrame_ms = null) {
  const or = (value, text) => (value === null || value === undefined ? '–' : text);
  const rows = [
    ['Resolution', or(sample.width, `${sample.width}×${sample.height}`)],
    ['Frames/s', or(sample.fps, Math.round(sample.fps))],
    ['Bitrate', formatBitrate(sample.bitrate_bps)],
    ['Loss', `${(sample.loss * 100).toFixed(1)} %`],
    ['Round trip', or(sample.rtt_ms, `${Math.max(1, Math.round(sample.rtt_ms))} ms`)],
    ['Codec', or(sample.codec, sample.codec)],
  ];
  if (sample.layers > 1) rows.push(['Layers', sample.layers]);
  if (sample.freezes !== null) rows.push(['Freezes', sample.freezes]);
  if (firstFrame_ms !== null) rows.push(['First frame', `${Math.round(firstFrame_ms)} ms`]);
  return rows;
}
