/**
 * A publisher or player that stays: connect, notice a loss, connect again.
 *
 * One loop owns everything.  Each turn makes a fresh RTCPeerConnection, because a new
 * POST is the one recovery that every server knows.  A turn ends for one of two reasons:
 * the session broke, or the server wants us at another URL; in the second case the old
 * session plays on until the new one is connected.  What a person sees is one `state`
 * event with a sentence.
 *
 * States: idle, connecting, live, restarting, waiting (with `retry_s`), refused, ended.
 */

import { tell } from './events.js';
import { Backoff, Refused } from './http.js';
import { untilConnected, watchLoss } from './loss.js';
import { Session } from './session.js';

const CONNECT_TIMEOUT_MS = 10_000;

const sameOrigin = (one, other) => new URL(one).origin === new URL(other).origin;

export class Connection extends EventTarget {
  #abort = null;
  #backoff = new Backoff();
  #endWait = () => {};
  /** @type {(how: {moved: boolean}) => void} */
  #endTurn = () => {};
  #onHide = () => this.stop();
  #onOnline = () => this.retryNow();

  /**
   * @param {string} src WHIP or WHEP URL of the stream
   * @param {{token?: string}} options bearer token, where the server asks for one
   */
  constructor(src, { token = '' } = {}) {
    super();
    this.src = src;
    this.token = token;
    this.state = 'idle';
    /** The current connection and session, null while there is none. */
    this.pc = null;
    this.session = null;
    /** `performance.now()` when the current attempt began. */
    this.began_ms = 0;
    this.target = src;
  }

  /**
   * Add tracks or transceivers before the offer; subclasses say which.
   * @param {RTCPeerConnection} _pc
   */
  prepare(_pc) {}

  /**
   * Where to ask first; subclasses may know better than `src`.
   * @param {AbortSignal} _signal
   */
  async locate(_signal) {
    return this.src;
  }

  /** The session has just been connected; subclasses open extensions here. */
  connected() {}

  /** Start the loop; does nothing while it runs. */
  start() {
    if (this.#abort) return;
    this.#abort = new AbortController();
    addEventListener('pagehide', this.#onHide);
    addEventListener('online', this.#onOnline);
    this.#run(this.#abort.signal);
  }

  /** End the session and the loop. */
  stop() {
    this.#finish('ended');
  }

  /** Skip the rest of a wait. */
  retryNow() {
    this.#endWait();
  }

  /** Go on at another URL; this session plays until the new one is connected. */
  move(url) {
    this.target = url;
    this.#endTurn({ moved: true });
  }

  /** Tell listeners what is going on. */
  say(state, message = '', retry_s = null) {
    this.state = state;
    const detail = { state, message, retry_s };
    tell(this, 'state', detail);
  }

  #finish(state, message = '') {
    if (!this.#abort) return;
    this.#abort.abort(new Error(state));
    this.#abort = null;
    removeEventListener('pagehide', this.#onHide);
    removeEventListener('online', this.#onOnline);
    this.#drop();
    this.#endWait();
    this.#endTurn({ moved: false });
    this.say(state, message);
  }

  #drop() {
    this.session?.close();
    this.session = this.pc = null;
  }

  async #run(signal) {
    this.say('connecting');
    this.target = await this.locate(signal);
    while (!signal.aborted) {
      try {
        await this.#connect(signal);
        this.#backoff.reset();
        const { moved } = await this.#turn();
        if (!moved && !signal.aborted) this.#drop();
      } catch (error) {
        if (!signal.aborted) await this.#failed(error);
      }
    }
  }

  async #connect(signal) {
    if (!this.session) this.say('connecting');
    this.began_ms = performance.now();
    const pc = new RTCPeerConnection({ bundlePolicy: 'max-bundle' });
    // a bearer is for the node it was given for, never for one that node names
    const session = new Session(pc, sameOrigin(this.target, this.src) ? this.token : '');
    try {
      this.prepare(pc);
      await session.open(this.target, signal);
      await untilConnected(pc, CONNECT_TIMEOUT_MS, signal);
    } catch (error) {
      session.close();
      throw error;
    }
    this.#drop();
    [this.pc, this.session] = [pc, session];
  }

  /** One connected session, until it is lost or left. */
  #turn() {
    return new Promise((resolve) => {
      this.#endTurn = resolve;
      const shown = (restarting) => this.say(restarting ? 'restarting' : 'live');
      watchLoss(this.pc, this.session, shown, () => resolve({ moved: false }));
      this.say('live');
      this.connected();
    });
  }

  async #failed(error) {
    // another node that does not answer must not keep us from the one we know
    this.target = this.src;
    if (error instanceof Refused && !error.temporary) {
      this.refusal = error;
      this.#finish('refused', error.message);
      return;
    }
    const told = error instanceof Refused ? error.message : 'No media path to the node';
    const wait_s = error.retryAfter_s ?? this.#backoff.take();
    this.say('waiting', told, wait_s);
    await this.#wait(wait_s);
  }

  #wait(seconds) {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, seconds * 1000);
      this.#endWait = () => {
        clearTimeout(timer);
        resolve(null);
      };
    });
  }
}
