/**
 * Who we are in a room, kept as long as the tab: a reloaded page has its seat again.
 *
 * The user id is drawn here and means nothing to people; the token is the node's and good
 * for one return.
 */

const LETTERS = 12;

/** Letters that nobody else has drawn. */
function drawn() {
  const fresh = crypto.getRandomValues(new Uint8Array(LETTERS));
  return Array.from(fresh, (n) => (n % 36).toString(36)).join('');
}

export class Seat {
  #key;
  #own = { user: '', token: '' };

  /** @param {string} room */
  constructor(room) {
    this.#key = `meshRoom ${room}`;
    try {
      this.#own = { ...this.#own, ...JSON.parse(sessionStorage[this.#key] ?? '{}') };
    } catch {
      // storage can be forbidden, or hold what we never wrote
    }
    this.#own.user ||= drawn();
  }

  /** Our user id. */
  get user() {
    return this.#own.user;
  }

  /** What takes us back to our seat, "" where there is none. */
  get token() {
    return this.#own.token;
  }

  /** Keep what the node gave us for the next time. */
  keep(token) {
    this.#own = { ...this.#own, token };
    this.#store();
  }

  /** We left: who comes next is somebody else. */
  forget() {
    this.#own = { user: drawn(), token: '' };
    this.#store();
  }

  #store() {
    try {
      sessionStorage[this.#key] = JSON.stringify(this.#own);
    } catch {
      // then it lasts as long as we do
    }
  }
}
