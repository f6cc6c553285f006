/**
 * The list of live streams: asked every two seconds while the page can be seen.
 *
 * Entries are updated in place and keyed by name, so that neither focus nor a screen
 * reader's position is lost when a number changes.
 */

import { element } from './element-base.js';
import { whileSeen } from './polling.js';

/** How long something has been there, in the largest unit that fits. */
export function since(seconds) {
  if (seconds < 60) return `${Math.round(seconds)} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
  return `${Math.floor(seconds / 3600)} h ${Math.floor((seconds % 3600) / 60)} min`;
}

function about({ codecs = [], viewers = 0, since_s = 0 }) {
  const people = viewers === 1 ? '1 viewer' : `${viewers} viewers`;
  const named = [...codecs].sort((a, b) => Number(/opus/i.test(a)) - Number(/opus/i.test(b))).join(' + ');
  return [named, people, `for ${since(since_s)}`].filter(Boolean).join(' · ');
}

export class StreamList {
  #rows = new Map();

  /**
   * @param {{list: HTMLElement, status: HTMLElement, names: HTMLElement}} parts
   * @param {{watch: (name: string) => void, listed: (names: string[]) => void,
   *   hides: (name: string) => boolean}} on
   */
  constructor(parts, on) {
    this.parts = parts;
    this.on = on;
  }

  /** Ask now and from now on. */
  async run(url) {
    await whileSeen(() => this.#ask(url));
  }

  async #ask(url) {
    try {
      const response = await fetch(url, { cache: 'no-store' });
      if (!response.ok) throw new Error(String(response.status));
      this.show(await response.json());
    } catch {
      this.#say('The node does not answer.');
    }
  }

  /** @param {{name: string, codecs: string[], viewers: number, since_s: number}[]} all */
  show(all) {
    const streams = all.filter(({ name }) => !this.on.hides(name));
    const names = streams.map(({ name }) => name);
    for (const [name, row] of this.#rows) {
      if (names.includes(name)) continue;
      row.item.remove();
      this.#rows.delete(name);
    }
    for (const stream of streams) this.#update(stream);
    this.parts.names.replaceChildren(...names.map((name) => new Option('', name)));
    const count = names.length === 1 ? '1 stream' : `${names.length} streams`;
    this.#say(names.length ? count : 'Nobody is publishing at the moment.');
    this.on.listed(names);
  }

  #update(stream) {
    const row = this.#rows.get(stream.name) ?? this.#add(stream.name);
    row.detail.textContent = about(stream);
  }

  #add(name) {
    const detail = element('div', { className: 'detail' });
    const title = element('div', { className: 'name', textContent: name });
    const watch = element('button', { type: 'button', textContent: 'Watch' });
    watch.ariaLabel = `Watch ${name}`;
    watch.addEventListener('click', () => this.on.watch(name));
    const item = element('li', {}, element('div', { className: 'about' }, title, detail), watch);
    this.parts.list.append(item);
    const row = { item, detail };
    this.#rows.set(name, row);
    return row;
  }

  /** A live region speaks on every change: leave it alone when nothing changed. */
  #say(text) {
    if (this.parts.status.textContent !== text) this.parts.status.textContent = text;
  }
}
