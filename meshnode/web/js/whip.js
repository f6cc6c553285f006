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
   * @param {{token?: string, codec?: string, simulcast?: boolean}} options `codec` as
   *   `sendableCodecs` names it; the browser's choice when empty
   */
  constructor(src, stream, { token = '', codec = '', simulcast = false } = {}) {
    super(src, { token });
    this.stream = stream;
    this.codec = codec;
    this.simulcast = simulcast;
  }

  prepare(pc) {
    for (const track of this.stream.getTracks()) this.#add(pc, track);
  }

  #add(pc, track) {
    const init = { direction: 'sendonly', streams: [this.stream] };
    if (track.kind === 'video') init.sendEncodings = this.simulcast ? SIMULCAST : SINGLE;
    const transceiver = pc.addTransceiver(track, init);
    if (track.kind === 'video' && this.codec) {
      transceiver.setCodecPreferences(preferences(this.codec));
    }
  }
}
