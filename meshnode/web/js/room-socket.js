/**
 * The WebSocket of a room: envelopes `{type, data, timestamp}` both ways (RFC 0014
 * section 6), and an answer to every ping.
 *
 * It lives once.  Who wants another life, at this node or the next one, makes another
 * socket: what was under way on the old one is void anyhow.
 */

import { listen, tell } from './events.js';
import { Refused } from './http.js';

const OPEN_TIMEOUT_MS = 5_000;

/**
 * Where rooms are spoken of, of a node whose page is at `base`.
 * @param {string} base URL of the node
 * @param {Record<string, string>} query `userId`, `name`, `access_token`
 */
export function socketUrl(base, query) {
  const url = new URL('ws', base.endsWith('/') ? base : `${base}/`);
  url.protocol = url.protocol.replace('http', 'ws');
  for (const [name, value] of Object.entries(query)) if (value) url.searchParams.set(name, value);
  return url.href;
}

export class RoomSocket extends EventTarget {
  #socket;

  /** @param {string} url as `socketUrl` makes it */
  constructor(url) {
    super();
    this.#socket = new WebSocket(url);
    this.#socket.addEventListener('message', ({ data }) => this.#hear(data));
    this.#socket.addEventListener('close', ({ reason }) => tell(this, 'closed', reason));
  }

  /**
   * Resolves when it is open.
   * @returns {Promise<void>}
   * @throws {Refused} where the node cannot be reached
   */
  opened() {
    return new Promise((resolve, reject) => {
      const fail = () => reject(new Refused('The node cannot be reached'));
      const timer = setTimeout(() => {
        this.close();
        fail();
      }, OPEN_TIMEOUT_MS);
      const settle = (done) => () => {
        clearTimeout(timer);
        done();
      };
      this.#socket.addEventListener('open', settle(resolve), { once: true });
      this.#socket.addEventListener('close', settle(fail), { once: true });
    });
  }

  /**
   * Say something; lost where the socket is not open.
   * @param {string} type
   * @param {object} [data]
   */
  send(type, data = {}) {
    if (this.#socket.readyState !== WebSocket.OPEN) return;
    this.#socket.send(JSON.stringify({ type, data, timestamp: new Date().toISOString() }));
  }

  /**
   * The next message of one of these types; null when it closes first.
   * @param {...string} types
   * @returns {Promise<{type: string, data: any}|null>}
   */
  next(...types) {
    return new Promise((resolve) => {
      const finish = (found) => {
        ends.forEach((end) => end());
        resolve(found);
      };
      const ends = [
        listen(this, 'message', (message) => types.includes(message.type) && finish(message)),
        listen(this, 'closed', () => finish(null)),
      ];
    });
  }

  /** Hang up; `closed` follows. */
  close() {
    this.#socket.close();
  }

  #hear(text) {
    let message;
    try {
      message = JSON.parse(text);
    } catch {
      return; // a node that speaks no JSON is not one of ours
    }
    if (message?.type === 'ping') this.send('pong');
    else if (typeof message?.type === 'string') {
      tell(this, 'message', { type: message.type, data: message.data ?? {} });
    }
  }
}
