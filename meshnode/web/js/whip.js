/**
 * Publishing by WHIP (RFC 9725).
 *
 *     const publisher = new Publisher('http://node/whip/name', stream, { simulcast: true });
 *     publisher.addEventListener('state', ({ detail }) => console.log(detail.state));
 *     publisher.start();
 *
 * The stream belongs to the caller: it is neither stopped nor changed here, so that the
 * same camera can be previewed, and published again after a refusal.
 */

import { Connection } from './connection.js';

/** Three layers, each with a quarter of the pixels of the next. */
const SIMULCAST = [
  { rid: 'l', scaleResolutionDownBy: 4, maxBitrate: 200_000 },
  { rid: 'm', scaleResolutionDownBy: 2, maxBitrate: 700_000 },
  { rid: 'h', scaleResolutionDownBy: 1, maxBitrate: 2_500_000 },
];
const SINGLE = [{ maxBitrate: 2_500_000 }];
/** Chromium leaves the largest layer out where it finds the picture too small for all. */
const LAYERS_BY_WIDTH = [[960, 3], [480, 2]];

/** The layers that a browser will really send of a picture this wide. */
export function layers(width) {
  const [, count] = LAYERS_BY_WIDTH.find(([least]) => width >= least) ?? [0, 1];
  return count > 1 ? SIMULCAST.slice(-count) : SINGLE;
}

/** Video codecs this browser can send, as in `VP8`, without the repair formats. */
export function sendableCodecs() {
  const all = globalThis.RTCRtpSender?.getCapabilities?.('video')?.codecs ?? [];
  const names = all.map(({ mimeType }) => mimeType.split('/')[1]);
  return [...new Set(names)].filter((name) => !/^(rtx|red|ulpfec|flexfec)/i.test(name));
}

/** The chosen codec and the repair formats, in the browser's own order. */
function preferences(codec) {
  const wanted = new RegExp(`/(${codec}|rtx|red|ulpfec)$`, 'i');
  const { codecs } = RTCRtpSender.getCapabilities('video');
  return codecs.filter(({ mimeType }) => wanted.test(mimeType));
}

export class Publisher extends Connection {
  /**
   * @param {string} src WHIP URL
   * @param {MediaStream} stream at most one audio and one video track
   * @param {{token?: string, codec?: string, simulcast?: boolean, width?: number}} options
   *   `codec` as `sendableCodecs` names it, the browser's choice when empty; `width` of a
   *   generated track, which does not know its own
   */
  constructor(src, stream, { token = '', codec = '', simulcast = false, width = 1280 } = {}) {
    super(src, { token });
    this.width = width;
    this.stream = stream;
    this.codec = codec;
    this.simulcast = simulcast;
  }

  prepare(pc) {
    for (const track of this.stream.getTracks()) this.#add(pc, track);
  }

  #add(pc, track) {
    const init = { direction: 'sendonly', streams: [this.stream] };
    if (track.kind === 'video') {
      const width = track.getSettings().width ?? this.width;
      init.sendEncodings = this.simulcast ? layers(width) : SINGLE;
    }
    const transceiver = pc.addTransceiver(track, init);
    if (track.kind === 'video' && this.codec) {
      transceiver.setCodecPreferences(preferences(this.codec));
    }
  }
}
