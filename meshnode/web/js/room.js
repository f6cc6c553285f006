/**
 * A room of a node, without any look: join, be seen, see, talk, leave.
 *
 *     const room = new Room(['http://node/'], { room: 'green', name: 'Ann' });
 *     room.addEventListener('members', () => draw(room.members, room.tracks));
 *     await room.join();
 *     await room.show('camera', track);
 *
 * One loop owns it.  Each turn opens a socket at one of the nodes, joins, and makes a new
 * connection for the media; when either is lost, the next turn shows the token of the
 * last one and has its seat again, at the same node or at the next.  What is shown is
 * kept here, so that every turn brings it anew.
 *
 * Events: `state` ({state, message, retry_s}: connecting, live, restarting, waiting,
 * refused, ended), `members`, `tracks`, `speaker` (a peer, "" nobody), `chat` (a
 * `ChatLine`), `mute` ({peer, kind}: somebody asks for it), `quality` (a word),
 * `complaint` (what the node did not like about something we said).
 */

import { listen, tell } from './events.js';
import { Backoff, Refused } from './http.js';
import { RoomCall } from './room-call.js';
import { Members } from './room-members.js';
import { Seat } from './room-seat.js';
import { RoomSocket, socketUrl } from './room-socket.js';
import { Ways } from './room-ways.js';

const GRACE_MS = 2_500;
const RESTART_MS = 4_000;

/**
 * @typedef {object} ChatLine
 * @property {string} peer "" for our own
 * @property {string} name
 * @property {string} text
 */

export class Room extends EventTarget {
  #running = null;
  #socket = null;
  #shown = new Map();
  #members = new Members();
  #backoff = new Backoff();
  #endTurn = () => {};
  #endWait = () => {};
  #onOnline = () => this.retryNow();
  #watching = 0;

  /**
   * @param {string[]} nodes URLs of nodes, the first is asked first
   * @param {{room: string, name?: string, token?: string}} options `token`: the key of
   *   a node that asks for one
   */
  constructor(nodes, { room, name = '', token = '' }) {
    super();
    this.ways = new Ways(nodes);
    this.id = room;
    this.name = name;
    this.token = token;
    this.state = 'idle';
    /** @type {RoomCall|null} */
    this.call = null;
    this.peer = '';
    this.speaker = '';
    this.isMuted = false;
    this.seat = new Seat(room);
  }

  /** @returns {import('./room-members.js').Member[]} the others */
  get members() {
    return this.#members.list;
  }

  /** @returns {Map<string, import('./room-call.js').RemoteTrack>} what plays, by id */
  get tracks() {
    return this.call?.remote ?? new Map();
  }

  /**
   * Join and stay; resolves at the first success, or when it is refused for good.
   * @returns {Promise<boolean>} whether we are in
   */
  join() {
    if (this.#running) return Promise.resolve(this.state === 'live');
    this.#running = new AbortController();
    addEventListener('online', this.#onOnline);
    return new Promise((resolve) => {
      const end = listen(this, 'state', ({ state }) => {
        if (!['live', 'refused', 'ended'].includes(state)) return;
        end();
        resolve(state === 'live');
      });
      this.#run(this.#running.signal);
    });
  }

  /** Leave for good. */
  leave() {
    this.#socket?.send('leave');
    this.seat.forget();
    this.#finish('ended', '');
  }

  /** Skip the rest of a wait. */
  retryNow() {
    this.#endWait();
  }

  /**
   * Show a track to the others, or (null) no more.
   * @param {'mic'|'camera'|'screen'|'sound'} slot one track in each
   * @param {MediaStreamTrack|null} track
   * @param {{source?: string, encodings?: RTCRtpEncodingParameters[]}} options
   */
  async show(slot, track, options = {}) {
    this.#shown.set(slot, { track, options });
    await this.call?.put(slot, track, options);
  }

  /** Say whether our microphone is heard; the track itself is the caller's to disable. */
  muted(muted) {
    this.isMuted = muted;
    const known = this.#shown.get('mic')?.track;
    if (known) this.#socket?.send('muted', { kind: 'audio', source: 'camera', muted });
  }

  /** Write to everybody. */
  chat(text) {
    this.#socket?.send('chat', { text });
    tell(this, 'chat', { peer: '', name: this.name, text });
  }

  /** Ask a member to mute its microphone. */
  askToMute(peer) {
    this.#socket?.send('mute', { peerId: peer, kind: 'audio' });
  }

  /**
   * Tell how large pictures are seen, so that no more comes than is.
   * @param {{trackId: string, width: number, height: number}[]} tracks in pixels, 0: not
   */
  sizes(tracks) {
    this.#socket?.send('show', { tracks });
  }

  #say(state, message = '', retry_s = null) {
    this.state = state;
    tell(this, 'state', { state, message, retry_s });
  }

  #finish(state, message) {
    if (!this.#running) return;
    this.#running.abort();
    this.#running = null;
    removeEventListener('online', this.#onOnline);
    this.#drop();
    this.#members.clear();
    this.#endWait();
    this.#endTurn();
    this.#say(state, message);
    tell(this, 'members');
  }

  #drop() {
    clearTimeout(this.#watching);
    this.ways.stop();
    const socket = this.#socket;
    this.#socket = null;
    socket?.close();
    this.call?.close();
    this.call = null;
    this.peer = '';
    tell(this, 'tracks');
  }

  async #run(signal) {
    for (let turn = 0; !signal.aborted; turn += 1) {
      try {
        this.#say('connecting');
        const base = this.ways.at(turn);
        await this.#enter(base, signal);
        this.ways.follow(base, `${this.id}~${this.seat.user}`, signal);
        this.#backoff.reset();
        if (signal.aborted) return; // somebody left as soon as we were in
        await new Promise((resolve) => { this.#endTurn = () => resolve(null); });
        turn = -1; // the node that served us is asked first, and then the next one
      } catch (error) {
        if (!signal.aborted) await this.#failed(error, turn);
      }
      if (!signal.aborted) this.#drop();
    }
  }

  async #failed(error, turn) {
    const refused = error instanceof Refused;
    if (!refused) console.error(error); // a fault of ours, or a browser without WebRTC
    if (refused && !error.temporary) {
      this.refusal = error;
      this.#finish('refused', error.message);
      return;
    }
    // why at once: another node may be there, and our seat waits for seconds only
    const more = (turn + 1) % this.ways.count !== 0;
    const wait_s = more ? 0 : (error.retryAfter_s ?? this.#backoff.take());
    this.#say('waiting', refused ? error.message : 'The room cannot be entered', wait_s);
    await new Promise((resolve) => {
      const timer = setTimeout(resolve, wait_s * 1000);
      this.#endWait = () => {
        clearTimeout(timer);
        resolve(null);
      };
    });
  }

  /** One turn up to the point where we are in. */
  async #enter(base, signal) {
    const { user } = this.seat;
    const url = socketUrl(base, { userId: user, name: this.name, access_token: this.token });
    const socket = new RoomSocket(url);
    await socket.opened();
    const joined = await this.#joined(socket, user);
    if (signal.aborted) {
      socket.close();
      throw signal.reason;
    }
    this.#socket = socket;
    this.peer = joined.peerId;
    this.seat.keep(joined.sessionToken);
    listen(socket, 'message', ({ type, data }) => this.#hear(type, data));
    listen(socket, 'closed', () => this.#socket === socket && this.#endTurn());
    this.#begin(socket);
    this.#say('live');
  }

  async #joined(socket, user) {
    const { token: sessionToken } = this.seat;
    const answer = socket.next('join', 'error');
    socket.send('join', { roomId: this.id, userId: user, name: this.name, sessionToken });
    const found = await answer;
    if (found?.type === 'join') return found.data;
    socket.close();
    if (!found) throw new Refused('The node hung up');
    if (!sessionToken || wantsKey(found.data)) throw refusal(found.data);
    this.seat.forget(); // it is too old, or was used: we are somebody new
    throw new Refused('The seat is gone; joining anew', 503, 0);
  }

  #begin(socket) {
    const call = new RoomCall((type, data) => socket.send(type, data), this.peer);
    this.call = call;
    for (const [slot, { track, options }] of this.#shown) call.put(slot, track, options);
    listen(call, 'tracks', () => tell(this, 'tracks'));
    listen(call, 'failed', () => this.call === call && this.#endTurn());
    listen(call, 'connection', (state) => this.call === call && this.#moved(state));
    call.begin();
  }

  /** The media connection changed its state: save it, or begin anew. */
  #moved(state) {
    clearTimeout(this.#watching);
    if (state === 'connected') {
      if (this.state === 'restarting') this.#say('live');
      if (this.isMuted) this.muted(true); // the node knows our tracks by now
    } else if (state === 'failed' || state === 'closed') {
      this.#endTurn();
    } else if (state === 'disconnected') {
      this.#watching = setTimeout(() => this.#restart(), GRACE_MS);
    }
  }

  #restart() {
    this.#say('restarting');
    this.call?.restart();
    this.#watching = setTimeout(() => this.#endTurn(), RESTART_MS);
  }

  #hear(type, data) {
    this.call?.hear(type, data);
    if (this.#members.hear(type, data)) {
      tell(this, 'members');
    } else if (type === 'dominant-speaker') {
      this.speaker = data.newPeerId ?? '';
      tell(this, 'speaker', this.speaker);
    } else if (type === 'chat') {
      tell(this, 'chat', { peer: data.peerId, name: data.name, text: String(data.text ?? '') });
    } else if (type === 'mute') {
      tell(this, 'mute', { peer: data.peerId, kind: data.kind });
    } else if (type === 'quality-stats') {
      tell(this, 'quality', data.level);
    } else if (type === 'error') {
      tell(this, 'complaint', data.message);
    } else if (type === 'removed' && data.resume) {
      this.#endTurn(); // the node goes, and says so: our seat is good at others
    } else if (type === 'removed') {
      this.seat.forget();
      this.#finish('ended', `You are out of the room: ${data.reason}.`);
    }
  }
}

const wantsKey = ({ status }) => status === 401 || status === 403;

/** The node's "no" as an error that says whether it is worth to ask again. */
function refusal({ code, status, message }) {
  return new Refused(message ?? 'The node refused', status ?? code ?? 500);
}
