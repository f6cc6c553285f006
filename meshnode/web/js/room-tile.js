/**
 * One member, or one screen, in the grid: picture or initial, name, what is going on.
 *
 * A tile only shows.  Whose tracks it has and who speaks is told to it; pressing its
 * buttons tells its owner.
 */

import { element } from './element-base.js';
import { icon } from './room-icons.js';

/**
 * @typedef {object} Looks
 * @property {string} name
 * @property {MediaStreamTrack|null} video
 * @property {boolean} muted whether its microphone is off
 * @property {boolean} speaking
 */

/** Shown as the first letter where there is no picture. */
const initial = (name) => [...name.trim()][0]?.toUpperCase() ?? '?';

export class Tile {
  #track = null;

  /**
   * @param {{own?: boolean, screen?: boolean, peer?: string}} what `own`: it is
   *   ourselves, mirrored as people know themselves
   * @param {{pin: () => void, mute: (() => void)|null}} on
   */
  constructor({ own = false, screen = false, peer = '' }, on) {
    this.screen = screen;
    this.video = element('video', { muted: true, autoplay: true, playsInline: true });
    this.avatar = element('span', { className: 'avatar', aria: { hidden: 'true' } });
    this.named = element('span', { className: 'name' });
    this.sound = element('span', { className: 'sound' });
    const line = element('div', { className: 'who' }, this.sound, this.named);
    this.pinned = element('button', { type: 'button' }, icon('pin'));
    this.pinned.addEventListener('click', on.pin);
    const actions = element('div', { className: 'actions' }, this.pinned);
    if (on.mute) {
      this.ask = element('button', { type: 'button' }, icon('mic', true));
      this.ask.addEventListener('click', on.mute);
      actions.append(this.ask);
    }
    this.element = element('div', { className: 'tile', role: 'group' });
    this.element.append(this.video, this.avatar, line, actions);
    this.element.toggleAttribute('own', own && !screen);
    this.element.toggleAttribute('screen', screen);
    if (peer) this.element.dataset.peer = peer;
    this.show({ name: '', video: null, muted: false, speaking: false });
  }

  /** @param {Looks} looks */
  show({ name, video, muted, speaking }) {
    const text = this.screen ? `${name}: screen` : name;
    this.#label(text, muted && !this.screen, speaking && !this.screen);
    this.element.toggleAttribute('speaking', speaking && !this.screen);
    this.avatar.textContent = initial(name);
    this.element.toggleAttribute('seen', video !== null);
    if (video === this.#track) return;
    this.#track = video;
    this.video.srcObject = video && new MediaStream([video]);
    if (video) this.video.play().catch(() => {}); // it was replaced, or plays by itself
  }

  /** Whether it is the large one. */
  stage(staged, pinned) {
    this.element.toggleAttribute('staged', staged);
    this.pinned.ariaPressed = String(pinned);
  }

  #label(text, muted, speaking) {
    const state = [muted ? 'muted' : '', speaking ? 'speaks' : ''].filter(Boolean);
    const label = [text, ...state].join(', ');
    if (this.element.ariaLabel === label) return;
    this.element.ariaLabel = label;
    this.named.textContent = text;
    this.sound.replaceChildren(...(muted ? [icon('mic', true)] : []));
    this.pinned.ariaLabel = `Show ${text} large`;
    if (this.ask) this.ask.ariaLabel = `Ask ${text} to mute`;
  }
}
