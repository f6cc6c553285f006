/**
 * The media of a room: one RTCPeerConnection whose tracks come and go (RFC 0014 section 2).
 *
 * We offer.  The node answers, asks for another offer with more sections
 * (`renegotiate`), or offers itself, and is then the impolite side: our own offer is
 * rolled back and made again afterwards.  Everything is done in order, one message after
 * another, so there is no moment at which two of them change the connection.
 *
 * What plays is read from the node's description and nowhere else: each section names
 * member and track in its msid.  `track` events would not tell of a section that is used
 * again for somebody else.
 */

import { tell } from './events.js';
import { remoteTracks, renamed } from './room-sdp.js';

/** Sections that receive at first, of each kind: a small room needs no second offer. */
const POOL = 3;
const KINDS = ['video', 'audio'];
const RECEIVING = ['recvonly', 'sendrecv'];

/**
 * @typedef {object} RemoteTrack
 * @property {string} id `PEER-LABEL`, as `track-published` calls it
 * @property {string} peer
 * @property {string} mid
 * @property {MediaStreamTrack} track
 */

export class RoomCall extends EventTarget {
  #send;
  #peer;
  #order = Promise.resolve();
  #making = false;
  #again = false;
  #streams = new Map();
  #slots = new Map();

  /**
   * @param {(type: string, data: object) => void} send to the node
   * @param {string} peer our own id there
   */
  constructor(send, peer) {
    super();
    this.#send = send;
    this.#peer = peer;
    /** The connection, for those who want its statistics. */
    this.pc = new RTCPeerConnection({ bundlePolicy: 'max-bundle' });
    /** @type {Map<string, RemoteTrack>} what the node sends, by id */
    this.remote = new Map();
    this.pc.addEventListener('connectionstatechange', () =>
      tell(this, 'connection', this.pc.connectionState));
  }

  /** Make the first offer. */
  begin() {
    this.#makeRoom(POOL);
    this.#negotiate();
  }

  /**
   * Send a track, or (null) nothing any more, in a place of its own.
   * @param {string} slot `mic`, `camera`, `screen` or `sound`
   * @param {MediaStreamTrack|null} track
   * @param {{source?: string, encodings?: RTCRtpEncodingParameters[]}} options `source`
   *   is what the others are told the track belongs to
   */
  async put(slot, track, { source = 'camera', encodings } = {}) {
    const known = this.#slots.get(slot);
    if (known && track) {
      await known.sender.replaceTrack(track);
      return;
    }
    if (!known && !track) return;
    if (known) {
      // why not inactive: an answer without layers would take them away for good
      known.stop();
      this.#slots.delete(slot);
      this.#negotiate();
      return;
    }
    if (!this.#streams.has(source)) this.#streams.set(source, new MediaStream());
    /** @type {RTCRtpTransceiverInit} */
    const init = { direction: 'sendonly', streams: [this.#streams.get(source)] };
    if (encodings) init.sendEncodings = encodings;
    this.#slots.set(slot, this.pc.addTransceiver(track, init));
    if (this.pc.localDescription || this.#making) this.#negotiate();
  }

  /** Look for a new path; media goes on meanwhile where it can. */
  restart() {
    this.pc.restartIce();
    this.#negotiate();
  }

  /**
   * Hear what the node says about descriptions; other types are not for us.
   * @param {string} type
   * @param {{sdp?: string, trackCount?: number}} data
   */
  hear(type, data) {
    const heard = {
      answer: () => this.#answered(data.sdp),
      offer: () => this.#offered(data.sdp),
      'ice-restart-offer': () => this.#offered(data.sdp),
      renegotiate: () => this.#asked(data.trackCount ?? 0),
    }[type];
    if (heard) this.#queue(heard);
  }

  /** End it. */
  close() {
    this.pc.close();
    this.remote.clear();
  }

  #queue(work) {
    const guarded = async () => {
      if (this.pc.signalingState === 'closed') return;
      await work();
    };
    this.#order = this.#order.then(guarded).catch((error) => tell(this, 'failed', error));
  }

  #negotiate() {
    this.#again = true;
    this.#queue(() => this.#offer());
  }

  async #offer() {
    if (this.#making || !this.#again) return;
    [this.#making, this.#again] = [true, false];
    await this.pc.setLocalDescription(await this.pc.createOffer());
    this.#describe('offer');
  }

  #describe(type) {
    const sdp = renamed(this.pc.localDescription.sdp, this.#streams);
    this.#send(type, { sdp, type, peerId: this.#peer });
  }

  async #answered(sdp) {
    if (this.pc.signalingState !== 'have-local-offer') return; // ours was rolled back
    await this.pc.setRemoteDescription({ type: 'answer', sdp });
    await this.#settled(sdp);
  }

  async #offered(sdp) {
    this.#again ||= this.#making; // ours is rolled back
    await this.pc.setRemoteDescription({ type: 'offer', sdp });
    await this.pc.setLocalDescription();
    this.#describe('answer');
    await this.#settled(sdp);
  }

  async #settled(sdp) {
    this.#making = false;
    this.#tell(sdp);
    await this.#offer();
  }

  async #asked(trackCount) {
    this.#makeRoom(Math.ceil(trackCount / 2));
    this.#again = true;
    await this.#offer();
  }

  #makeRoom(count) {
    for (const kind of KINDS) {
      const have = this.pc.getTransceivers().filter(
        (each) => each.receiver.track.kind === kind && RECEIVING.includes(each.direction));
      for (let n = have.length; n < count; n += 1) {
        this.pc.addTransceiver(kind, { direction: 'recvonly' });
      }
    }
  }

  /** Read what is sent to us by now. */
  #tell(sdp) {
    const by = new Map(this.pc.getTransceivers().map((each) => [each.mid, each]));
    const found = remoteTracks(sdp).filter(({ mid }) => by.has(mid));
    this.remote = new Map(found.map(({ mid, peer, id }) =>
      [id, { id, peer, mid, track: by.get(mid).receiver.track }]));
    tell(this, 'tracks');
  }
}
