/**
 * The nodes at which a room can be entered: those we were given, and those of its mesh
 * that our node names while it is still there.
 */

import { elsewhere } from './entries.js';

/** How often to ask; first when a room has settled. */
const LEARN_MS = 30_000;
const LEARN_FIRST_MS = 3_000;

export class Ways {
  #learned = [];
  #timer = 0;

  /** @param {string[]} nodes URLs, the first is asked first */
  constructor(nodes) {
    this.nodes = nodes;
  }

  /** All of them, the one that served us last first. */
  get all() {
    return [...new Set([...this.nodes, ...this.#learned])];
  }

  /** How many there are. */
  get count() {
    return this.all.length;
  }

  /** The one to ask in that turn of trying. */
  at(turn) {
    return this.all[turn % this.count];
  }

  /**
   * That node serves us: ask it, now and then, where else we could be.
   * @param {string} base
   * @param {string} stream by which the mesh knows us
   * @param {AbortSignal} signal
   */
  follow(base, stream, signal) {
    this.nodes = [...new Set([base, ...this.nodes])];
    this.#learnSoon(base, stream, signal, LEARN_FIRST_MS);
  }

  /** Ask nobody any more. */
  stop() {
    clearTimeout(this.#timer);
    this.#timer = 0;
  }

  #learnSoon(base, stream, signal, delay_ms) {
    const timer = setTimeout(async () => {
      const found = await elsewhere(base, stream, signal);
      if (signal.aborted || this.#timer !== timer) return;
      if (found.length) this.#learned = found;
      this.#learnSoon(base, stream, signal, LEARN_MS);
    }, delay_ms);
    this.#timer = timer;
  }
}
