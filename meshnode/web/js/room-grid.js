/**
 * All tiles of a room, kept in step with who is there and what they show, and the sound
 * of everybody.
 *
 * Tiles are updated in place and keyed by member, so that neither a picture nor the
 * keyboard's focus is lost when somebody else comes.  Sound plays from elements of its
 * own: a tile may be scrolled away, its member is still heard.
 */

import { element } from './element-base.js';
import { listen } from './events.js';
import { Layout } from './room-layout.js';
import { Sizes } from './room-sizes.js';
import { Tile } from './room-tile.js';

const SCREEN = 'screen';

/** @typedef {import('./room.js').Room} Room */
/** @typedef {import('./room-media.js').RoomMedia} RoomMedia */
/**
 * A tile that is to be there.
 * @typedef {object} Wanted
 * @property {string} key
 * @property {string} peer
 * @property {string} name
 * @property {MediaStreamTrack|null} video
 * @property {boolean} [own]
 * @property {boolean} [screen]
 * @property {string|null} [trackId]
 * @property {boolean} [muted]
 * @property {boolean} [speaking]
 */

export class Grid {
  #tiles = new Map();
  #sounds = new Map();
  #pinned = '';
  #sink = '';

  constructor() {
    this.element = element('div', { className: 'grid' });
    this.speakers = element('div', { hidden: true });
    this.layout = new Layout(this.element);
    this.sizes = new Sizes((sizes) => this.room?.sizes(sizes));
    /** @type {Room|null} */
    this.room = null;
    /** @type {RoomMedia|null} */
    this.media = null;
  }

  /** Follow a room; `media` is what we send into it. */
  follow(room, media) {
    [this.room, this.media] = [room, media];
    for (const type of ['members', 'tracks', 'speaker']) listen(room, type, () => this.draw());
    listen(media, 'changed', () => this.draw());
    this.draw();
  }

  /** Play sound through that device, "" for the usual one. */
  async sink(deviceId) {
    this.#sink = deviceId;
    await Promise.all([...this.#sounds.values()].map((each) => each.setSinkId?.(deviceId)));
  }

  /** Forget everybody. */
  clear() {
    this.room = this.media = null;
    for (const tile of this.#tiles.values()) this.sizes.watch(tile.video, null);
    this.#tiles.clear();
    this.element.replaceChildren();
    this.#hear(new Map());
  }

  /** Bring tiles and sound up to date. */
  draw() {
    if (!this.room) return;
    const wanted = [...this.#own(), ...this.room.members.flatMap((each) => this.#of(each))];
    const keys = wanted.map(({ key }) => key);
    for (const [key, tile] of this.#tiles) if (!keys.includes(key)) this.#remove(key, tile);
    const staged = this.#staged(wanted);
    for (const each of wanted) this.#update(each, each.key === staged);
    this.layout.apply();
    this.#hear(this.#audible());
  }

  /** @returns {Wanted[]} the tiles of our own */
  #own() {
    const { room, media } = this;
    const looks = { name: `${room.name || 'You'} (you)`, peer: room.peer, own: true };
    const camera = media.tracks.get('camera') ?? null;
    const muted = !media.heard;
    const speaking = room.peer !== '' && room.speaker === room.peer && !muted;
    /** @type {Wanted[]} */
    const found = [{ ...looks, key: 'own', video: camera, muted, speaking }];
    const screen = media.tracks.get('screen');
    if (screen) found.push({ ...looks, key: `own ${SCREEN}`, video: screen, screen: true });
    return found;
  }

  /**
   * The tiles of another member: one for itself, one for each screen it shows.
   * @param {import('./room-members.js').Member} member
   * @returns {Wanted[]}
   */
  #of({ peer, name, tracks }) {
    const videos = tracks.filter(({ kind }) => kind === 'video');
    const [camera, ...more] = [
      videos.find(({ source }) => source !== SCREEN), ...videos.filter(({ source }) => source === SCREEN),
    ];
    const mic = tracks.find(({ kind, source }) => kind === 'audio' && source !== SCREEN);
    const one = {
      key: peer, peer, name, trackId: camera?.id ?? null, muted: !mic || mic.muted,
      speaking: this.room.speaker === peer,
    };
    return [one, ...more.map(({ id }) =>
      ({ key: `${peer} ${id}`, peer, name, trackId: id, screen: true }))].map((each) => ({
      ...each, video: this.room.tracks.get(each.trackId)?.track ?? null,
    }));
  }

  /** @param {Wanted} wanted @param {boolean} staged */
  #update({ key, peer, own = false, screen = false, trackId = null, ...looks }, staged) {
    let tile = this.#tiles.get(key);
    if (!tile) {
      const mute = own || screen ? null : () => this.room?.askToMute(peer);
      tile = new Tile({ own, screen, peer }, { pin: () => this.#pin(key), mute });
      this.#tiles.set(key, tile);
      this.element.append(tile.element);
    }
    tile.stage(staged, this.#pinned === key);
    tile.show({ muted: false, speaking: false, ...looks });
    if (!own) this.sizes.watch(tile.video, looks.video ? trackId : null);
  }

  #remove(key, tile) {
    this.sizes.watch(tile.video, null);
    tile.element.remove();
    this.#tiles.delete(key);
    if (this.#pinned === key) this.#pinned = '';
  }

  #staged(wanted) {
    if (wanted.some(({ key }) => key === this.#pinned)) return this.#pinned;
    // why not our own: a screen that shows itself has no end
    return wanted.find(({ screen, own }) => screen && !own)?.key ?? '';
  }

  #pin(key) {
    this.#pinned = this.#pinned === key ? '' : key;
    this.draw();
  }

  #audible() {
    const found = new Map();
    for (const { id, track } of this.room.tracks.values()) {
      if (track.kind === 'audio') found.set(id, track);
    }
    return found;
  }

  #hear(tracks) {
    for (const [id, audio] of this.#sounds) {
      if (tracks.get(id) === audio.srcObject?.getTracks()[0]) continue;
      audio.srcObject = null;
      audio.remove();
      this.#sounds.delete(id);
    }
    for (const [id, track] of tracks) if (!this.#sounds.has(id)) this.#play(id, track);
  }

  #play(id, track) {
    const audio = element('audio', { autoplay: true, srcObject: new MediaStream([track]) });
    if (this.#sink) audio.setSinkId?.(this.#sink).catch(() => {}); // it was pulled out
    this.#sounds.set(id, audio);
    this.speakers.append(audio);
    audio.play().catch(() => {}); // a browser that wants a gesture first gets one by Join
  }
}
