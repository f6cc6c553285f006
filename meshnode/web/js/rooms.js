/**
 * The rooms in which somebody is, for the front page: asked while the page can be seen.
 *
 * Entries are updated in place and keyed by room, as in the list of streams; and the
 * tracks of rooms are kept out of that list, where they would tell nobody anything.
 */

import { element } from './element-base.js';
import { whileSeen } from './polling.js';

/**
 * Whether a stream is a track of one of these rooms (RFC 0014 section 3.1).
 * @param {string} stream
 * @param {Iterable<string>} rooms ids
 */
export function isOfRoom(stream, rooms) {
  return stream.startsWith('~') || [...rooms].some((room) => stream.startsWith(`${room}~`));
}

const people = (count) => (count === 1 ? '1 person' : `${count} people`);

export class RoomList {
  #rows = new Map();

  /**
   * @param {HTMLElement} list
   * @param {(room: string) => string} link where a room is
   */
  constructor(list, link) {
    this.list = list;
    this.link = link;
  }

  /** Ids of the rooms that are known. */
  get ids() {
    return this.#rows.keys();
  }

  /** Ask now and from now on. */
  async run(url) {
    await whileSeen(() => this.#ask(url));
  }

  async #ask(url) {
    try {
      const response = await fetch(url, { cache: 'no-store' });
      if (response.ok) this.show((await response.json()).rooms);
    } catch {
      // the list of streams says that the node does not answer
    }
  }

  /** @param {{id: string, peerCount: number}[]} rooms */
  show(rooms) {
    const busy = rooms.filter(({ peerCount }) => peerCount > 0);
    const ids = busy.map(({ id }) => id);
    for (const [id, row] of this.#rows) {
      if (ids.includes(id)) continue;
      row.item.remove();
      this.#rows.delete(id);
    }
    for (const { id, peerCount } of busy) {
      const row = this.#rows.get(id) ?? this.#add(id);
      row.detail.textContent = people(peerCount);
    }
  }

  #add(id) {
    const detail = element('div', { className: 'detail' });
    const title = element('div', { className: 'name', textContent: id });
    const join = element('a', { className: 'button', href: this.link(id), textContent: 'Join' });
    join.ariaLabel = `Join ${id}`;
    const item = element('li', {}, element('div', { className: 'about' }, title, detail), join);
    this.list.append(item);
    const row = { item, detail };
    this.#rows.set(id, row);
    return row;
  }
}
