/**
 * What we send into a room: microphone, camera, screen, each on its own, from the devices
 * that were chosen.
 *
 * A microphone that is muted stays open and sends silence, so that unmuting takes no
 * time; a camera that is off is closed, so that its light goes out.  Somebody may end a
 * screen in the browser's own bar: `changed` tells of that too.
 */

import { SOURCES, unavailable } from './sources.js';
import { testPicture } from './testpicture.js';
import { layers } from './whip.js';

const CAMERA = { width: { ideal: 1280 }, height: { ideal: 720 }, frameRate: { ideal: 30 } };
const SCREEN = [{ maxBitrate: 2_500_000 }];

const WHY = {
  NotAllowedError: (what) =>
    `The browser was not allowed to use your ${what}; allow it beside the address and try again.`,
  NotFoundError: (what) => `There is no ${what} here, or it is switched off.`,
  NotReadableError: (what) => `Your ${what} is in use by another program.`,
  OverconstrainedError: (what) => `The chosen ${what} is not there any more; choose another one.`,
};

/** One sentence for a capture that came to nothing. */
export function sentence(error, what) {
  return WHY[error.name]?.(what) ?? error.message ?? `Your ${what} cannot be used.`;
}

/** @typedef {'mic'|'camera'|'screen'|'sound'} Slot */

export class RoomMedia extends EventTarget {
  #chosen = { mic: '', camera: '' };
  #test = null;

  /** @param {(slot: Slot, track: MediaStreamTrack|null, options?: object) => void} show */
  constructor(show) {
    super();
    this.show = show;
    /** @type {Map<string, MediaStreamTrack>} what is sent, by slot */
    this.tracks = new Map();
  }

  /** Whether the microphone is heard. */
  get heard() {
    return this.tracks.get('mic')?.enabled ?? false;
  }

  /** Whether others see us. */
  get seen() {
    return this.tracks.has('camera');
  }

  /** Whether others see our screen. */
  get shares() {
    return this.tracks.has('screen');
  }

  /** Which device a kind comes from, "" for the browser's choice; changes it at once. */
  async choose(kind, deviceId) {
    this.#chosen[kind] = deviceId;
    if (!this.tracks.has(kind)) return;
    await this.open(kind);
  }

  /**
   * Open microphone or camera, or both at once so that a person is asked once.
   * @param {('mic'|'camera')[]} kinds
   * @throws {Error} one sentence
   */
  async open(...kinds) {
    const what = kinds.map((kind) => (kind === 'mic' ? 'microphone' : 'camera')).join(' and ');
    const reason = unavailable('camera');
    if (reason) throw new Error(reason);
    let stream;
    try {
      stream = await navigator.mediaDevices.getUserMedia({
        audio: kinds.includes('mic') && this.#from('mic', {}),
        video: kinds.includes('camera') && this.#from('camera', CAMERA),
      });
    } catch (error) {
      throw new Error(sentence(error, what));
    }
    for (const track of stream.getTracks()) this.#put(track.kind === 'audio' ? 'mic' : 'camera', track);
  }

  #from(kind, constraints) {
    const deviceId = this.#chosen[kind];
    if (deviceId) return { ...constraints, deviceId: { exact: deviceId } };
    return Object.keys(constraints).length ? constraints : true;
  }

  /** Send the test picture and its tone in place of camera and microphone. */
  async openTest() {
    this.#test = await testPicture({ width: 640, height: 360, frameRate: 25 });
    const { stream } = this.#test;
    this.#put('camera', stream.getVideoTracks()[0], 640);
    this.#put('mic', stream.getAudioTracks()[0]);
  }

  /**
   * Show the screen, with its sound where the browser gives it.
   * @throws {Error} one sentence; none where the person only changed their mind
   */
  async share() {
    const reason = unavailable('screen');
    if (reason) throw new Error(reason);
    let stream;
    try {
      stream = await navigator.mediaDevices.getDisplayMedia({ video: { frameRate: 15 }, audio: true });
    } catch (error) {
      if (error.name === 'NotAllowedError') return;
      throw new Error(sentence(error, 'screen'));
    }
    const [screen] = stream.getVideoTracks();
    screen.contentHint = 'detail';
    this.#put('screen', screen);
    const [sound] = stream.getAudioTracks();
    if (sound) this.#put('sound', sound);
  }

  /** Stop sending in a slot. */
  close(slot) {
    const track = this.tracks.get(slot);
    if (!track) return;
    track.stop();
    this.tracks.delete(slot);
    this.show(slot, null);
    if (slot === 'screen') this.close('sound');
    this.#changed();
  }

  /** Turn the microphone on or off without closing it. */
  hear(heard) {
    const track = this.tracks.get('mic');
    if (track) track.enabled = heard;
    this.#changed();
  }

  /** Stop everything. */
  stop() {
    for (const slot of [...this.tracks.keys()]) this.close(slot);
    this.#test?.stop();
    this.#test = null;
  }

  #put(slot, track, width) {
    const before = this.tracks.get(slot);
    before?.stop();
    // who is muted stays muted, not even for a moment otherwise
    if (before && slot === 'mic') track.enabled = before.enabled;
    this.tracks.set(slot, track);
    track.addEventListener('ended', () => {
      if (this.tracks.get(slot) === track) this.close(slot);
    });
    this.show(slot, track, options(slot, track, width));
    this.#changed();
  }

  #changed() {
    this.dispatchEvent(new Event('changed'));
  }
}

function options(slot, track, width) {
  if (slot === 'camera') {
    const encodings = layers(width ?? track.getSettings().width ?? 0);
    return { source: 'camera', encodings };
  }
  if (slot === 'screen') return { source: 'screen', encodings: SCREEN };
  return { source: slot === 'sound' ? 'screen' : 'camera' };
}

/** What one can join with, for a list to choose from. */
export const WAYS = Object.freeze({
  both: SOURCES.camera,
  mic: 'Microphone only',
  test: SOURCES.test,
  none: 'Nothing: watch and listen',
});
