/**
 * The row of buttons below the pictures, and the word on the connection beside it.
 */

import { element } from './element-base.js';
import { icon } from './room-icons.js';

const LEVELS = { excellent: 4, good: 3, poor: 2, critical: 1 };

/** A button with a pictogram and words; `press` is called with the button. */
function button(name, press, className = '') {
  const words = element('span', { className: 'words' });
  const made = element('button', { type: 'button', className }, words);
  made.dataset.does = name;
  made.addEventListener('click', () => press(made));
  return made;
}

export class Bar {
  /**
   * @param {Record<'mic'|'camera'|'screen'|'chat'|'devices'|'leave', () => void>} on
   */
  constructor(on) {
    this.buttons = Object.fromEntries(Object.entries(on).map(([name, press]) =>
      [name, button(name, press, name === 'leave' ? 'leave' : '')]));
    this.quality = element('div', { className: 'quality', role: 'img' });
    this.element = element('div', { className: 'controls', role: 'group' });
    this.element.ariaLabel = 'Room';
    this.element.append(...Object.values(this.buttons), this.quality);
    this.connection('', null);
  }

  /**
   * Show what is on.
   * @param {{mic: boolean, camera: boolean, screen: boolean, chat: boolean, unread: number}} now
   */
  show({ mic, camera, screen, chat, unread }) {
    this.#set('mic', mic, mic ? 'Mute' : 'Unmute', !mic);
    this.#set('camera', camera, camera ? 'Stop camera' : 'Start camera', !camera);
    this.#set('screen', screen, screen ? 'Stop sharing' : 'Share screen', false);
    this.#set('chat', chat, unread ? `Chat, ${unread} new` : 'Chat', false);
    this.buttons.chat.dataset.unread = unread ? String(unread) : '';
    this.#set('devices', null, 'Devices', false);
    this.#set('leave', null, 'Leave', false);
  }

  /**
   * How well things arrive, by the node's word, and how far it is.
   * @param {string} level `excellent`, `good`, `poor`, `critical` or "" for unknown
   * @param {number|null} rtt_ms
   */
  connection(level, rtt_ms) {
    const bars = LEVELS[level] ?? 0;
    const far = rtt_ms === null ? '' : `, ${Math.max(1, Math.round(rtt_ms))} ms`;
    this.quality.ariaLabel = `Connection: ${level || 'not known yet'}${far}`;
    this.quality.title = this.quality.ariaLabel;
    this.quality.dataset.level = level;
    this.quality.replaceChildren(...[1, 2, 3, 4].map((n) =>
      element('span', { className: n <= bars ? 'lit' : '' })));
  }

  #set(name, pressed, words, crossed) {
    const made = this.buttons[name];
    const [text] = made.getElementsByClassName('words');
    if (text.textContent === words && made.childElementCount > 1) return;
    text.textContent = words;
    made.title = words;
    made.toggleAttribute('on', pressed === true);
    made.toggleAttribute('off', crossed);
    made.replaceChildren(icon(name, crossed), text);
  }
}
