/**
 * The dialog in which microphone, camera and loudspeaker are chosen.
 *
 * Browsers tell the names of devices only once one of their kind may be used, so the lists
 * are made when the dialog opens, and again when something is plugged in.
 */

import { element } from './element-base.js';

/** @type {['mic'|'camera'|'sink', MediaDeviceKind, string][]} */
const FIELDS = [
  ['mic', 'audioinput', 'Microphone'],
  ['camera', 'videoinput', 'Camera'],
  ['sink', 'audiooutput', 'Loudspeaker'],
];

export class Devices {
  #choices = new Map();

  /** @param {(kind: 'mic'|'camera'|'sink', deviceId: string) => void} choose */
  constructor(choose) {
    this.element = element('dialog', { aria: { label: 'Devices' } });
    const fields = element('div', { className: 'choices' });
    for (const [kind, type, text] of FIELDS) {
      const select = element('select');
      select.addEventListener('change', () => choose(kind, select.value));
      const label = element('label', { textContent: text }, select);
      fields.append(label);
      this.#choices.set(type, { select, label });
    }
    const done = element('button', { type: 'button', className: 'main', textContent: 'Done' });
    done.addEventListener('click', () => this.element.close());
    this.element.append(element('h3', { textContent: 'Devices' }), fields, done);
    navigator.mediaDevices?.addEventListener('devicechange', () => this.element.open && this.#list());
  }

  /** Open it. */
  async show() {
    await this.#list();
    this.element.showModal();
  }

  async #list() {
    const found = (await navigator.mediaDevices?.enumerateDevices()) ?? [];
    for (const [type, { select, label }] of this.#choices) {
      const { value } = select;
      const devices = found.filter(({ kind, deviceId }) => kind === type && deviceId !== 'default');
      const names = devices.map(({ deviceId, label: name }, n) =>
        new Option(name || `${label.firstChild.textContent} ${n + 1}`, deviceId));
      select.replaceChildren(new Option('Automatic', ''), ...names);
      select.value = devices.some(({ deviceId }) => deviceId === value) ? value : '';
      label.hidden = type === 'audiooutput' && !('setSinkId' in HTMLMediaElement.prototype);
    }
  }
}
