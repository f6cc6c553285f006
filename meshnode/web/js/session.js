/**
 * One WHIP or WHEP session: an offer posted, an answer applied, a URL to end it.
 *
 * The offer is posted before any candidate is known.  A node accepts checks from
 * addresses it was never told (RFC 8445 section 7.3.1.3), so waiting for gathering would
 * only cost the first frame a tenth of a second.  Against a server that is not ICE-lite
 * the candidates follow by PATCH (RFC 9725 section 4.3.2).
 */

import { Refused, parseLinks, request } from './http.js';
import { fragment, isLite, restarted } from './sdp.js';

const FRAGMENT = 'application/trickle-ice-sdpfrag';
/** How long candidates are collected into one PATCH. */
const TRICKLE_DELAY_MS = 20;

export class Session {
  #pc;
  #headers;
  #etag = null;
  #waiting = [];
  #timer = 0;
  #trickles = false;

  constructor(pc, token) {
    this.#pc = pc;
    this.#headers = token ? { Authorization: `Bearer ${token}` } : {};
    /** Where the session lives; empty until opened. */
    this.url = '';
    /** Extensions that the server offers: relation to URL. */
    this.links = new Map();
  }

  /**
   * Post the offer and apply the answer.
   * @param {string} endpoint WHIP or WHEP URL of the stream
   * @param {AbortSignal} signal gives up; a session that the server made is deleted
   * @throws {Refused}
   */
  async open(endpoint, signal) {
    this.#pc.addEventListener('icecandidate', ({ candidate }) => this.#found(candidate));
    await this.#pc.setLocalDescription();
    const response = await this.#post(endpoint, signal);
    const location = response.headers.get('Location');
    if (!location) throw new Refused('The server named no session', response.status);
    this.url = new URL(location, response.url || endpoint).href;
    this.#etag = response.headers.get('ETag');
    this.links = parseLinks(response.headers.get('Link'), response.url || endpoint);
    await this.#answered(await response.text(), signal);
  }

  #post(endpoint, signal) {
    const headers = { ...this.#headers, 'Content-Type': 'application/sdp' };
    const body = this.#pc.localDescription.sdp;
    return request(endpoint, { method: 'POST', headers, body, signal });
  }

  async #answered(sdp, signal) {
    if (signal.aborted) {
      this.close();
      throw signal.reason;
    }
    await this.#pc.setRemoteDescription({ type: 'answer', sdp });
    this.#trickles = !isLite(sdp);
    if (this.#trickles) this.#schedule();
  }

  #found(candidate) {
    this.#waiting.push(candidate?.candidate ? candidate : null);
    if (this.#trickles) this.#schedule();
  }

  #schedule() {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#trickle(), TRICKLE_DELAY_MS);
  }

  async #trickle() {
    const candidates = this.#waiting.splice(0);
    if (!candidates.length || !this.url) return;
    const body = fragment(this.#pc.localDescription.sdp, candidates);
    // a server without trickle still has peer-reflexive candidates to go on
    await this.#patch(body, this.#etag).catch(() => {});
  }

  #patch(body, tag) {
    const headers = { ...this.#headers, 'Content-Type': FRAGMENT };
    if (tag) headers['If-Match'] = tag;
    return request(this.url, { method: 'PATCH', headers, body });
  }

  /**
   * Look for a new path with fresh credentials, keeping keys and media (RFC 9725
   * section 4.3.3).
   * @throws {Refused} when the server has forgotten the session or cannot restart
   */
  async restart() {
    const answer = this.#pc.remoteDescription.sdp;
    await this.#pc.setLocalDescription(await this.#pc.createOffer({ iceRestart: true }));
    const body = fragment(this.#pc.localDescription.sdp, this.#waiting.splice(0));
    const response = await this.#patch(body, '*');
    this.#etag = response.headers.get('ETag') ?? this.#etag;
    const sdp = restarted(answer, await response.text());
    await this.#pc.setRemoteDescription({ type: 'answer', sdp });
  }

  /** Send a JSON document to an extension of the session. */
  postJson(url, document) {
    const headers = { ...this.#headers, 'Content-Type': 'application/json' };
    return request(url, { method: 'POST', headers, body: JSON.stringify(document) });
  }

  /** End the session here and at the server, also while the page is going away. */
  close() {
    clearTimeout(this.#timer);
    this.#trickles = false;
    this.#pc.close();
    if (!this.url) return;
    const options = { method: 'DELETE', headers: this.#headers, keepalive: true };
    fetch(this.url, options).catch(() => {});
    this.url = '';
  }
}
