/**
 * The conversation beside the pictures: a log, and a line to write.
 */

import { element } from './element-base.js';

/** Lines that are kept on the page. */
const LINES_MAX = 500;
const TEXT_MAX = 2_000;
const CLOCK = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit' });

export class Chat {
  /**
   * @param {(text: string) => void} say
   * @param {() => void} left when it is to be closed
   */
  constructor(say, left) {
    this.unread = 0;
    this.log = element('ol', { role: 'log', tabIndex: 0, aria: { label: 'Messages' } });
    this.field = element('input', {
      maxLength: TEXT_MAX, autocomplete: 'off', placeholder: 'Write to everybody', aria: { label: 'Message' },
    });
    const send = element('button', { type: 'submit', className: 'main', textContent: 'Send' });
    const form = element('form', { className: 'say' }, this.field, send);
    form.addEventListener('submit', (event) => {
      event.preventDefault();
      const text = this.field.value.trim();
      if (text) say(text);
      this.field.value = '';
    });
    const close = element('button', { type: 'button', textContent: 'Close' });
    close.addEventListener('click', left);
    const head = element('div', { className: 'head' }, element('h3', { textContent: 'Chat' }), close);
    this.element = element('section', { className: 'chat', hidden: true, aria: { label: 'Chat' } });
    this.element.append(head, this.log, form);
    this.element.addEventListener('keydown', ({ key }) => key === 'Escape' && left());
  }

  /** Whether it is open. */
  get open() {
    return !this.element.hidden;
  }

  /** Open or close it. */
  show(open) {
    this.element.hidden = !open;
    if (!open) return;
    this.unread = 0;
    this.log.lastElementChild?.scrollIntoView({ block: 'end' });
    this.field.focus();
  }

  /** @param {import('./room.js').ChatLine} line */
  add({ peer, name, text }) {
    const below = this.log.scrollHeight - this.log.scrollTop - this.log.clientHeight < 40;
    const who = element('span', { className: 'from', textContent: peer ? name : 'You' });
    const when = element('time', { textContent: CLOCK.format(new Date()) });
    const item = element('li', {}, element('div', { className: 'head' }, who, when));
    item.append(element('p', { textContent: text }));
    item.toggleAttribute('own', !peer);
    this.log.append(item);
    while (this.log.childElementCount > LINES_MAX) this.log.firstElementChild.remove();
    if (below || !peer) this.log.scrollTop = this.log.scrollHeight;
    if (!this.open && peer) this.unread += 1;
  }

  /** Empty it. */
  clear() {
    this.log.replaceChildren();
    this.unread = 0;
  }
}
