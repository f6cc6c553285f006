/**
 * Who is in a room and what each member shows, put together from what the node tells.
 *
 * Members and tracks come separately: a track can play before it was announced, and be
 * announced long before it plays.  So both are kept by id and joined when asked.
 */

/**
 * @typedef {object} Member
 * @property {string} peer id that the node gave
 * @property {string} user id that the client chose
 * @property {string} name for people
 * @property {Shown[]} tracks
 */

/**
 * @typedef {object} Shown
 * @property {string} id `PEER-LABEL`
 * @property {'audio'|'video'} kind
 * @property {string} source `camera`, `screen` or what another client calls it
 * @property {boolean} muted
 */

const memberOf = ({ peerId, userId = '', name = '' }) =>
  ({ peer: peerId, user: userId, name: name || userId || 'Somebody', tracks: [] });

export class Members {
  #all = new Map();

  /** @returns {Member[]} all others, who came first first */
  get list() {
    return [...this.#all.values()];
  }

  /** @param {string} peer */
  get(peer) {
    return this.#all.get(peer) ?? null;
  }

  /** Nobody is known any more. */
  clear() {
    this.#all.clear();
  }

  /**
   * Take a message of the node; whether it was about members.
   * @param {string} type
   * @param {any} data
   */
  hear(type, data) {
    if (type === 'room-state') this.#state(data.peers ?? []);
    else if (type === 'peer-joined') this.#joined(data);
    else if (type === 'peer-left') this.#all.delete(data.peerId);
    else if (type === 'track-published') this.#shows(data);
    else return false;
    return true;
  }

  #state(peers) {
    const before = this.#all;
    this.#all = new Map(peers.map((each) =>
      [each.peerId, { ...memberOf(each), tracks: before.get(each.peerId)?.tracks ?? [] }]));
  }

  #joined(told) {
    const known = this.#all.get(told.peerId);
    this.#all.set(told.peerId, { ...memberOf(told), tracks: known?.tracks ?? [] });
  }

  #shows({ peerId, tracks = [] }) {
    const member = this.#all.get(peerId) ?? memberOf({ peerId });
    const shown = tracks.map(({ trackId, kind, source = '', muted = false }) =>
      ({ id: trackId, kind, source, muted }));
    this.#all.set(peerId, { ...member, tracks: shown });
  }
}
