/**
 * What both elements share: a shadow root, a spoken status, a countdown and statistics.
 *
 * The status is a polite live region that changes only with the state; the seconds of a
 * wait tick beside it, hidden from screen readers, which would otherwise read every one.
 */

import { Meter, describe } from './stats.js';
import { sheet } from './element-style.js';

const STATS_INTERVAL_MS = 1_000;

const SENTENCES = {
  idle: '',
  connecting: 'Connecting…',
  live: 'Live',
  restarting: 'Connection lost, looking for another path…',
  ended: 'Stopped',
};

/** A DOM element in one expression. */
export function element(name, properties = {}, ...children) {
  const { aria = {}, ...rest } = properties;
  const made = Object.assign(document.createElement(name), rest);
  for (const [key, value] of Object.entries(aria)) made.setAttribute(`aria-${key}`, value);
  made.append(...children);
  return made;
}

export class MeshElement extends HTMLElement {
  static observedAttributes = ['src'];
  #meter = null;
  #timer = 0;
  #countdown = 0;

  constructor() {
    super();
    this.attachShadow({ mode: 'open' }).adoptedStyleSheets = [sheet];
    this.video = element('video', { muted: true, autoplay: true, playsInline: true });
    this.video.setAttribute('part', 'video');
    this.statusText = element('span', { role: 'status' });
    this.countdown = element('span', { className: 'countdown', aria: { hidden: 'true' } });
    this.statusLine = element('p', { className: 'status' }, this.statusText, this.countdown);
    this.statistics = element('dl', { className: 'stats', hidden: true });
    this.connection = null;
    /** @type {number|null} milliseconds to the first frame, of players */
    this.firstFrame_ms = null;
  }

  /** WHIP or WHEP URL; setting it while running starts over at the new one. */
  get src() {
    return this.getAttribute('src') ?? '';
  }

  set src(value) {
    this.setAttribute('src', value);
  }

  attributeChangedCallback(_name, before, now) {
    if (before !== now && this.connection) {
      this.stop();
      this.start();
    }
  }

  /** Begin; subclasses say what. */
  start() {}

  disconnectedCallback() {
    this.stop();
  }

  /** The absolute URL of `src`. */
  get endpoint() {
    return new URL(this.src, document.baseURI).href;
  }

  /** Follow a connection: its states are shown here and passed on as events. */
  follow(connection) {
    this.connection = connection;
    connection.addEventListener('state', ({ detail }) => {
      this.showState(detail);
      this.dispatchEvent(new CustomEvent('state', { detail, bubbles: true, composed: true }));
    });
    connection.start();
    clearInterval(this.#timer);
    this.#timer = setInterval(() => this.#measure(), STATS_INTERVAL_MS);
  }

  /** End the connection, if any. */
  stop() {
    const { connection } = this;
    this.connection = null;
    clearInterval(this.#timer);
    this.#meter = null;
    connection?.stop();
  }

  /** Show a sentence for a state; subclasses add what else changes with it. */
  showState({ state, message, retry_s }) {
    this.setAttribute('state', state);
    this.statusText.textContent = message || SENTENCES[state] || '';
    this.#count(state === 'waiting' ? retry_s : null);
  }

  #count(seconds) {
    clearInterval(this.#countdown);
    const until_ms = performance.now() + (seconds ?? 0) * 1000;
    const show = () => {
      const left = Math.ceil((until_ms - performance.now()) / 1000);
      this.countdown.textContent = seconds === null ? '' : ` – again in ${Math.max(0, left)} s`;
    };
    show();
    if (seconds !== null) this.#countdown = setInterval(show, 250);
  }

  async #measure() {
    const pc = this.connection?.pc;
    if (!pc) return;
    if (this.#meter?.pc !== pc) this.#meter = { pc, meter: new Meter(pc) };
    const sample = await this.#meter.meter.sample();
    this.sample = sample;
    this.dispatchEvent(new CustomEvent('sample', { detail: sample }));
    const rows = describe(sample, this.firstFrame_ms);
    this.statistics.replaceChildren(...rows.map(([term, value]) =>
      element('div', {}, element('dt', { textContent: term }), element('dd', { textContent: value }))));
  }

  /** A button that shows and hides the statistics. */
  statsButton() {
    const button = element('button', { type: 'button', textContent: 'Statistics' });
    button.ariaPressed = String(!this.statistics.hidden);
    button.addEventListener('click', () => this.showStatistics(this.statistics.hidden));
    this.statsToggle = button;
    return button;
  }

  /** @param {boolean} visible */
  showStatistics(visible) {
    this.statistics.hidden = !visible;
    this.statsToggle.ariaPressed = String(visible);
  }
}
