/**
 * `<mesh-publisher src="http://node/whip/NAME">`: publish from any page.
 *
 * Attributes: `src`; `source` (`test`, `camera` or `screen`, chosen at first).  Property
 * `token`: the publish key; a field asks for it when the node answers 401.  Methods:
 * `start()`, `stop()`.  Events: `state`, `sample`.
 */

import { MeshElement, element } from './element-base.js';
import { SOURCES, openSource, unavailable } from './sources.js';
import { Publisher, sendableCodecs } from './whip.js';

const SIZES = { '640×360': [640, 360], '1280×720': [1280, 720], '1920×1080': [1920, 1080] };

const select = (entries) => {
  const options = entries.map(([value, text]) => new Option(text, value));
  return element('select', {}, ...options);
};
/**
 * A bearer that is no key, only a name: where the node asks for no key, whoever began a
 * stream may take it over again at once, after a lost connection or a reloaded tab.
 */
function identity() {
  const fresh = Array.from(crypto.getRandomValues(new Uint32Array(4)), (n) => n.toString(36));
  try {
    sessionStorage.meshPublisher ??= fresh.join('-');
    return sessionStorage.meshPublisher;
  } catch {
    return fresh.join('-'); // storage can be forbidden: then it lasts as long as we do
  }
}

const labelled = (text, control) => element('label', { textContent: text }, control);

export class MeshPublisher extends MeshElement {
  #source = null;
  #opening = false;

  constructor() {
    super();
    this.source = select(Object.entries(SOURCES));
    this.size = select(Object.keys(SIZES).map((name) => [name, name]));
    this.codec = select([['', 'Automatic'], ...sendableCodecs().map((name) => [name, name])]);
    this.simulcast = element('input', { type: 'checkbox' });
    this.key = element('input', { type: 'password', autocomplete: 'off', required: true });
    this.keyField = labelled('Publish key', this.key);
    this.keyField.hidden = true;
    this.hint = element('p', { className: 'hint', hidden: true });
    this.button = element('button', { type: 'submit', className: 'main', textContent: 'Publish' });
    this.frame = element('div', { className: 'frame', hidden: true }, this.video, this.statistics);
    this.shadowRoot.append(this.#form(), this.statusLine, this.frame);
    this.source.addEventListener('change', () => this.#explain());
  }

  #form() {
    const check = element('label', { className: 'check' }, this.simulcast, 'Several qualities (simulcast)');
    const fields = element('div', { className: 'fields' });
    fields.append(labelled('Source', this.source), labelled('Size', this.size));
    fields.append(labelled('Video codec', this.codec), check, this.keyField);
    const bar = element('div', { className: 'bar' }, this.button, this.statsButton());
    const form = element('form', { noValidate: true }, fields, this.hint, bar);
    form.addEventListener('submit', (event) => {
      event.preventDefault();
      if (this.#source || this.#opening) this.stop();
      else this.start();
    });
    return form;
  }

  connectedCallback() {
    const source = this.getAttribute('source');
    if (source in SOURCES) this.source.value = source;
    this.#explain();
  }

  /** Say in one sentence why camera and screen cannot be had here, before it is tried. */
  #explain() {
    this.#hint(unavailable(this.source.value) || unavailable('camera'));
    this.button.disabled = unavailable(this.source.value) !== '';
  }

  #hint(text) {
    this.hint.textContent = text;
    this.hint.hidden = !text;
  }

  /** The publish key. */
  get token() {
    return this.key.value.trim();
  }

  set token(value) {
    this.key.value = value;
    this.keyField.hidden = !value;
  }

  /** Open the chosen source and publish it to `src`. */
  async start() {
    if (this.#opening || this.connection || !this.src) return;
    this.#opening = true;
    try {
      const [width, height] = SIZES[this.size.value];
      this.#source ??= await openSource(this.source.value, { width, height });
      if (this.#opening) this.#publish(this.#source);
      else this.#release();
    } catch (error) {
      this.showState({ state: 'refused', message: error.message });
    } finally {
      this.#opening = false;
    }
  }

  #publish({ stream, caution = '' }) {
    if (caution) this.#hint(caution);
    this.video.srcObject = stream;
    for (const track of stream.getTracks()) {
      // a person ended the capture in the browser's own bar
      track.addEventListener('ended', () => this.stop(), { once: true });
    }
    const { codec, simulcast } = this;
    const token = this.token || identity();
    const [width] = SIZES[this.size.value];
    const options = { token, codec: codec.value, simulcast: simulcast.checked, width };
    this.follow(new Publisher(this.endpoint, stream, options));
  }

  stop() {
    this.#opening = false;
    super.stop();
    this.#release();
  }

  #release() {
    this.#source?.stop();
    this.#source = null;
    this.video.srcObject = null;
    this.frame.hidden = true;
  }

  showState(detail) {
    super.showState(detail);
    const running = !['refused', 'ended', 'idle'].includes(detail.state);
    this.button.textContent = running ? 'Stop' : 'Publish';
    this.frame.hidden = !running;
    for (const field of [this.source, this.size, this.codec, this.simulcast, this.key]) {
      field.disabled = running;
    }
    if (detail.state === 'refused') this.#refused(this.connection?.refusal?.status);
  }

  #refused(status) {
    this.connection = null;
    this.#release();
    if (status !== 401 && status !== 403) return;
    this.keyField.hidden = false;
    this.key.focus();
  }
}
