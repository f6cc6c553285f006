/**
 * The door of a room: a name, what to bring, and the key where the node asks for one.
 */

import { element } from './element-base.js';
import { WAYS } from './room-media.js';
import { unavailable } from './sources.js';

const NAME_MAX = 64;
const labelled = (text, control) => element('label', { textContent: text }, control);

/** Names are kept from visit to visit, where the browser lets us. */
const remembered = {
  get name() {
    try {
      return localStorage.meshName ?? '';
    } catch {
      return '';
    }
  },
  set name(value) {
    try {
      localStorage.meshName = value;
    } catch {
      // it will be asked for again
    }
  },
};

export class Lobby {
  /** @param {() => void} join when the person is ready */
  constructor(join) {
    this.title = element('h2', { textContent: 'Join the room' });
    this.name = element('input', {
      maxLength: NAME_MAX, autocomplete: 'nickname', value: remembered.name, placeholder: 'How others call you',
    });
    this.way = element('select', {}, ...Object.entries(WAYS).map(([value, text]) => new Option(text, value)));
    this.key = element('input', { type: 'password', autocomplete: 'off' });
    this.keyField = labelled('Key of this node', this.key);
    this.keyField.hidden = true;
    this.hint = element('p', { className: 'hint', hidden: true });
    this.button = element('button', { type: 'submit', className: 'main', textContent: 'Join' });
    this.status = element('p', { className: 'status', role: 'status' });
    this.element = element('form', { className: 'lobby', noValidate: true });
    this.element.append(this.title, labelled('Your name', this.name), labelled('Join with', this.way));
    this.element.append(this.hint, this.keyField, this.button, this.status);
    this.element.addEventListener('submit', (event) => {
      event.preventDefault();
      remembered.name = this.name.value.trim();
      join();
    });
    this.way.addEventListener('change', () => this.#explain());
  }

  /** What the form says: name, what to bring, the key. */
  get chosen() {
    return { name: this.name.value.trim(), way: this.way.value, token: this.key.value.trim() };
  }

  /**
   * Set what is chosen at first; what is missing stays.
   * @param {{room?: string, name?: string, way?: string, token?: string}} given
   */
  preset({ room, name, way = '', token }) {
    if (room !== undefined) this.title.textContent = room ? `Join ${room}` : 'Join the room';
    if (name) this.name.value = name;
    if (way in WAYS) this.way.value = way;
    if (token) this.key.value = token;
    this.#explain();
  }

  /** Say in one sentence why a camera cannot be had here, before it is tried. */
  #explain() {
    const reason = ['both', 'mic'].includes(this.way.value) ? unavailable('camera') : '';
    this.hint.textContent = reason;
    this.hint.hidden = !reason;
  }

  /** Show what happens; `busy` while there is nothing to press. */
  say(text, busy = false) {
    if (this.status.textContent !== text) this.status.textContent = text;
    this.button.disabled = busy;
  }

  /** Ask for the key. */
  wantKey() {
    this.keyField.hidden = false;
    this.key.focus();
  }
}
