/**
 * `<mesh-player src="http://node/whep/NAME">`: a player that can be pasted anywhere.
 *
 * Attributes: `src`; `autoplay` (starts when inserted); `stats` (statistics shown);
 * `here` (stays with the node of `src` even if another one of its mesh is nearer).
 * Methods: `start()`, `stop()`, `retryNow()`.  Events: `state`, `firstframe` (detail:
 * milliseconds since Watch), `sample`, `viewers`.  It starts muted, because browsers
 * play nothing else without a gesture, and offers a button for the sound.
 */

import { MeshElement, element } from './element-base.js';
import { listen, tell } from './events.js';
import { formatBitrate } from './stats.js';
import { Player } from './whep.js';

const idOf = ({ rid, encodingId }) => rid ?? encodingId ?? '';

/** A layer in a word that means something to a viewer. */
function layerName(layer) {
  const { height, width, bitrate } = layer;
  if (width) return `${Math.min(width, height)}p (${idOf(layer)})`;
  return bitrate ? `${idOf(layer)} (${formatBitrate(bitrate)})` : idOf(layer);
}

export class MeshPlayer extends MeshElement {
  #layers = [];

  constructor() {
    super();
    /** The key of a node that asks viewers for one. */
    this.token = '';
    this.firstFrame_ms = null;
    this.frame = element('div', { className: 'frame' }, this.video, this.statistics, this.statusLine);
    this.watch = element('button', { type: 'button', className: 'main', textContent: 'Watch' });
    this.sound = element('button', { type: 'button', textContent: 'Unmute', hidden: true });
    this.quality = element('select', { hidden: true, aria: { label: 'Quality' } });
    const full = element('button', { type: 'button', textContent: 'Full screen' });
    full.hidden = !this.frame.requestFullscreen;
    const bar = element('div', { className: 'bar' });
    bar.append(this.watch, this.sound, this.quality, this.statsButton(), full);
    this.shadowRoot.append(this.frame, bar);
    this.watch.addEventListener('click', () => (this.connection ? this.stop() : this.start()));
    this.sound.addEventListener('click', () => this.#mute(!this.video.muted));
    this.quality.addEventListener('change', () => this.#choose());
    full.addEventListener('click', () => this.frame.requestFullscreen());
  }

  connectedCallback() {
    if (this.hasAttribute('stats')) this.showStatistics(true);
    if (this.hasAttribute('autoplay') && this.src) this.start();
  }

  /** Watch `src`; does nothing while watching. */
  start() {
    if (this.connection || !this.src) return;
    const player = new Player(this.endpoint, {
      token: this.token,
      roams: !this.hasAttribute('here'),
    });
    listen(player, 'stream', (stream) => this.#show(player, stream));
    listen(player, 'layers', (layers) => this.#offer(layers));
    listen(player, 'viewers', (count) => tell(this, 'viewers', count));
    listen(player, 'publisher', (there) => {
      this.statusText.textContent = there ? 'Live' : 'The publisher is away';
    });
    this.follow(player);
  }

  stop() {
    super.stop();
    this.video.srcObject = null;
    this.#layers = [];
    this.quality.hidden = true;
  }

  /** Try again at once while waiting for the publisher. */
  retryNow() {
    this.connection?.retryNow();
  }

  showState(detail) {
    super.showState(detail);
    const running = this.connection !== null && !['refused', 'ended'].includes(detail.state);
    if (!running) this.connection = null;
    this.watch.textContent = running ? 'Stop' : 'Watch';
    this.sound.hidden = detail.state !== 'live';
  }

  #show(player, stream) {
    this.firstFrame_ms = null;
    const first = () => {
      if (this.firstFrame_ms !== null || this.connection !== player) return;
      this.firstFrame_ms = performance.now() - player.began_ms;
      this.dispatchEvent(new CustomEvent('firstframe', { detail: this.firstFrame_ms }));
    };
    this.video.srcObject = stream;
    this.video.addEventListener('loadeddata', first, { once: true });
    this.video.requestVideoFrameCallback?.(first);
    this.video.play().catch(() => {}); // a browser that forbids it shows its own button
  }

  #mute(muted) {
    this.video.muted = muted;
    this.sound.textContent = muted ? 'Unmute' : 'Mute';
  }

  #offer(layers) {
    this.#layers = layers;
    this.quality.hidden = layers.length < 2 || !this.connection?.choosesLayers;
    const entries = [['', 'Automatic'], ...layers.map((each) => [idOf(each), layerName(each)])];
    const { options, value } = this.quality;
    const same = entries.length === options.length
      && entries.every(([id], index) => id === options[index].value);
    if (same) {
      // an open menu stays open when only the words in it change
      entries.forEach(([, text], index) => { options[index].text = text; });
      return;
    }
    this.quality.replaceChildren(...entries.map(([id, text]) => new Option(text, id)));
    this.quality.value = entries.some(([id]) => id === value) ? value : '';
  }

  #choose() {
    const { value } = this.quality;
    const layer = this.#layers.find((each) => idOf(each) === value) ?? null;
    this.connection?.selectLayer(layer).catch((error) => {
      this.statusText.textContent = error.message;
    });
  }
}
