/**
 * `<mesh-room src="http://node/" room="green">`: a conference that can be pasted anywhere.
 *
 * Attributes:
 *   `room`   id of the room: 1 to 128 letters, digits and . _ -
 *   `src`    URL of the node; the page's own folder where it is missing
 *   `nodes`  URLs of other nodes of its mesh, by spaces: where to go on when it goes away
 *   `name`   what others call the person; the form asks for it otherwise
 *   `with`   what is brought: `both`, `mic`, `test` (a test picture) or `none`
 * Property `token`: the key of a node that asks for one.  Methods: `join()`, `leave()`.
 * Events: `state` (as of `Room`), `chat`, `members` (how many we are).
 *
 * It is as large as its place: give it a height.  Colours are those of the other
 * elements (`element-style.js`).
 */

import { element } from './element-base.js';
import { sheet } from './element-style.js';
import { listen } from './events.js';
import { Bar } from './room-bar.js';
import { Chat } from './room-chat.js';
import { Devices } from './room-devices.js';
import { Grid } from './room-grid.js';
import { Lobby } from './room-lobby.js';
import { RoomMedia } from './room-media.js';
import { Room } from './room.js';
import { sheet as look } from './room-style.js';
import { Meter } from './stats.js';

const METER_MS = 2_000;
const SENTENCES = {
  connecting: 'Connecting…',
  live: '',
  restarting: 'Connection lost, looking for another path…',
  ended: 'You left the room.',
};

export class MeshRoom extends HTMLElement {
  static observedAttributes = ['room', 'name', 'with'];
  #room = null;
  #media = null;
  #meter = null;
  #timer = 0;
  #level = '';
  #focused = false;

  constructor() {
    super();
    this.attachShadow({ mode: 'open' }).adoptedStyleSheets = [sheet, look];
    this.lobby = new Lobby(() => this.join());
    this.grid = new Grid();
    this.chat = new Chat((text) => this.#room?.chat(text), () => this.#openChat(false));
    this.devices = new Devices((kind, id) => this.#choose(kind, id));
    this.bar = new Bar({
      mic: () => this.#act(() => this.#toggleMic()),
      camera: () => this.#act(() => this.#toggleCamera()),
      screen: () => this.#act(() => this.#toggleScreen()),
      chat: () => this.#openChat(!this.chat.open),
      devices: () => this.devices.show(),
      leave: () => this.leave(),
    });
    this.status = element('p', { className: 'notice', role: 'status' });
    const middle = element('div', { className: 'middle' }, this.grid.element, this.chat.element);
    this.inside = element('div', { className: 'room', hidden: true });
    this.inside.append(this.status, middle, this.bar.element, this.grid.speakers);
    this.shadowRoot.append(this.lobby.element, this.inside, this.devices.element);
  }

  connectedCallback() {
    this.#preset();
  }

  attributeChangedCallback() {
    if (this.isConnected && !this.#room) this.#preset();
  }

  disconnectedCallback() {
    this.leave();
  }

  /** The room while we are in it, or on the way; null else. */
  get room() {
    return this.#room;
  }

  /** What is sent into it. */
  get media() {
    return this.#media;
  }

  /** The key of the node. */
  get token() {
    return this.lobby.chosen.token;
  }

  set token(value) {
    this.lobby.preset({ token: value });
  }

  #preset() {
    const [room, name, way] = ['room', 'name', 'with'].map((each) => this.getAttribute(each) ?? '');
    this.lobby.preset({ room, name, way });
  }

  get #nodes() {
    const more = (this.getAttribute('nodes') ?? '').split(/\s+/).filter(Boolean);
    return [this.getAttribute('src') ?? '.', ...more].map((each) => new URL(each, document.baseURI).href);
  }

  /** Open what is to be brought, and join. */
  async join() {
    if (this.#room) return;
    const { name, way, token } = this.lobby.chosen;
    const room = new Room(this.#nodes, { room: this.getAttribute('room') ?? '', name, token });
    const media = new RoomMedia((slot, track, options) => room.show(slot, track, options));
    [this.#room, this.#media] = [room, media];
    this.#focused = this.shadowRoot.activeElement !== null; // a disabled button loses it
    this.lobby.say('Opening your devices…', true);
    try {
      if (way === 'test') await media.openTest();
      else if (way === 'both') await media.open('mic', 'camera');
      else if (way !== 'none') await media.open('mic');
    } catch (error) {
      this.#over(error.message);
      return;
    }
    if (this.#room !== room) media.stop(); // it was left meanwhile
    else await this.#enter(room, media);
  }

  async #enter(room, media) {
    listen(room, 'state', (now) => this.#stated(room, now));
    listen(room, 'members', () => this.#counted(room));
    listen(room, 'chat', (line) => this.#said(line));
    listen(room, 'complaint', (text) => this.#notice(text));
    listen(room, 'mute', (asked) => this.#asked(asked));
    listen(room, 'quality', (level) => { this.#level = level; });
    listen(media, 'changed', () => this.#draw());
    this.grid.follow(room, media);
    this.#draw();
    await room.join();
  }

  /** Leave the room; joining again is fine. */
  leave() {
    this.#room?.leave();
    if (this.#room) this.#over(SENTENCES.ended); // it had not begun
  }

  #stated(room, { state, message, retry_s }) {
    if (room !== this.#room) return;
    this.setAttribute('state', state);
    if (state === 'live' && this.inside.hidden) this.#show(true);
    const text = message || SENTENCES[state] || '';
    this.#notice(retry_s ? `${text}; trying again in ${Math.ceil(retry_s)} s` : text);
    if (this.inside.hidden) this.lobby.say(text, true);
    if (state === 'refused' || state === 'ended') this.#over(text, room.refusal?.status);
    const detail = { state, message, retry_s };
    this.dispatchEvent(new CustomEvent('state', { detail, bubbles: true, composed: true }));
  }

  #over(text, status = 0) {
    clearInterval(this.#timer);
    this.#media?.stop();
    this.#room = this.#media = this.#meter = null;
    this.#show(false);
    this.grid.clear();
    this.chat.clear();
    this.lobby.say(text);
    if (status === 401 || status === 403) this.lobby.wantKey();
  }

  #show(inside) {
    const had = this.#focused || this.shadowRoot.activeElement !== null;
    this.#focused = false;
    this.inside.hidden = !inside;
    this.lobby.element.hidden = inside;
    // a keyboard goes on where the person is, not at the top of the page
    if (had) (inside ? this.bar.buttons.mic : this.lobby.button).focus();
    if (!inside) return;
    clearInterval(this.#timer);
    this.#timer = setInterval(() => this.#measure(), METER_MS);
  }

  #draw() {
    const [room, media] = [this.#room, this.#media];
    if (!media) return;
    const muted = media.tracks.has('mic') && !media.heard;
    if (muted !== room.isMuted) room.muted(muted);
    this.bar.show({
      mic: media.heard, camera: media.seen, screen: media.shares,
      chat: this.chat.open, unread: this.chat.unread,
    });
  }

  #notice(text) {
    if (this.status.textContent !== text) this.status.textContent = text;
  }

  #counted(room) {
    const detail = room.members.length + 1;
    this.dispatchEvent(new CustomEvent('members', { detail }));
  }

  #said(line) {
    this.chat.add(line);
    this.#draw();
    this.dispatchEvent(new CustomEvent('chat', { detail: line }));
  }

  #asked({ peer, kind }) {
    const who = this.#room?.members.find((each) => each.peer === peer)?.name ?? 'Somebody';
    const what = kind === 'video' ? 'stop your camera' : 'mute your microphone';
    this.#notice(`${who} asks you to ${what}.`);
  }

  #openChat(open) {
    this.chat.show(open);
    if (!open) this.bar.buttons.chat.focus();
    this.#draw();
  }

  /** Do what a button says; what goes wrong is a sentence. */
  async #act(work) {
    try {
      await work();
      this.#notice('');
    } catch (error) {
      this.#notice(error.message);
    }
    this.#draw();
  }

  async #toggleMic() {
    if (this.#media.tracks.has('mic')) this.#media.hear(!this.#media.heard);
    else await this.#media.open('mic');
  }

  async #toggleCamera() {
    if (this.#media.seen) this.#media.close('camera');
    else await this.#media.open('camera');
  }

  async #toggleScreen() {
    if (this.#media.shares) this.#media.close('screen');
    else await this.#media.share();
  }

  #choose(kind, deviceId) {
    this.#act(() => (kind === 'sink' ? this.grid.sink(deviceId) : this.#media?.choose(kind, deviceId)));
  }

  async #measure() {
    const pc = this.#room?.call?.pc;
    if (!pc) return;
    if (this.#meter?.pc !== pc) this.#meter = { pc, meter: new Meter(pc) };
    const { rtt_ms } = await this.#meter.meter.sample();
    this.bar.connection(this.#level, rtt_ms);
  }
}
