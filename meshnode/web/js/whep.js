/**
 * Watching by WHEP (draft-ietf-wish-whep), with its event and layer extensions.
 *
 *     const player = new Player('http://node/whep/name');
 *     player.addEventListener('stream', ({ detail }) => { video.srcObject = detail; });
 *     player.start();
 *
 * Nobody publishing yet is not an error: the server answers 409 with Retry-After and the
 * state is `waiting` with `retry_s`.  Events: `state`, `stream`, `layers` (a list, best
 * first), `viewers` (a number), `publisher` (true: there, false: gone).
 */

import { Connection } from './connection.js';
import { nearest } from './entries.js';

const EVENTS = 'urn:ietf:params:whep:ext:core:server-sent-events';
const LAYER = 'urn:ietf:params:whep:ext:core:layer';
const TYPES = ['active', 'inactive', 'layers', 'viewercount', 'reconnect'];

/** The layers of all media in a `layers` event as one list, best first. */
export function readLayers(data) {
  const found = [];
  for (const [mediaId, { active = [] }] of Object.entries(data ?? {})) {
    for (const layer of active) found.push({ mediaId, ...layer });
  }
  const size = ({ width = 0, height = 0, bitrate = 0 }) => width * height || bitrate;
  return found.sort((a, b) => size(b) - size(a));
}

export class Player extends Connection {
  #source = null;
  #layer = null;
  #pending = null;

  /**
   * @param {string} src WHEP URL of the stream
   * @param {{token?: string, roams?: boolean}} options `roams`: watch at whichever node
   *   of the mesh is best for this viewer
   */
  constructor(src, { roams = false, ...options } = {}) {
    super(src, options);
    this.roams = roams;
  }

  async locate(signal) {
    return this.roams ? nearest(this.src, signal) : this.src;
  }

  prepare(pc) {
    const stream = new MediaStream();
    const replaces = this.session !== null;
    pc.addEventListener('track', ({ track }) => {
      stream.addTrack(track);
      // show it before it is connected: the element is then ready for the first frame
      if (!replaces && stream.getTracks().length === 1) this.#show(stream);
    });
    pc.addTransceiver('video', { direction: 'recvonly' });
    pc.addTransceiver('audio', { direction: 'recvonly' });
    this.#pending = replaces ? stream : null;
  }

  #show(stream) {
    this.#pending = null;
    this.dispatchEvent(new CustomEvent('stream', { detail: stream }));
  }

  connected() {
    if (this.#pending) this.#show(this.#pending);
    this.#subscribe(this.session).catch(() => {});
    if (this.#layer) this.selectLayer(this.#layer).catch(() => {});
  }

  stop() {
    this.#source?.close();
    super.stop();
  }

  async #subscribe(session) {
    this.#source?.close();
    const url = session.links.get(EVENTS);
    if (!url) return;
    const response = await session.postJson(url, TYPES);
    const location = new URL(response.headers.get('Location'), url);
    if (session !== this.session) return;
    this.#source = new EventSource(location);
    for (const type of TYPES) {
      this.#source.addEventListener(type, ({ data }) => this.#heard(type, data));
    }
  }

  #heard(type, text) {
    let data;
    try {
      data = JSON.parse(text || 'null');
    } catch {
      return;
    }
    const tell = (name, detail) => this.dispatchEvent(new CustomEvent(name, { detail }));
    if (type === 'layers') tell('layers', readLayers(data));
    else if (type === 'viewercount') tell('viewers', data?.viewercount ?? Number(data));
    else if (type === 'reconnect') this.#reconnect(data?.url);
    else tell('publisher', type === 'active');
  }

  #reconnect(url) {
    this.move(url ? new URL(url, this.target).href : this.src);
  }

  /** True when the server lets the viewer choose a layer. */
  get choosesLayers() {
    return this.session?.links.has(LAYER) ?? false;
  }

  /**
   * Watch one layer, or the best that the bandwidth allows.
   * @param {Record<string, any>|null} layer one of the `layers` event, null: automatic
   */
  async selectLayer(layer) {
    this.#layer = layer;
    const url = this.session?.links.get(LAYER);
    if (!url) return;
    const { mediaId, rid, encodingId } = layer ?? {};
    await this.session.postJson(url, { mediaId, rid, encodingId });
  }
}
