/**
 * The little HTTP that WHIP and WHEP need beyond `fetch`.
 *
 * A refusal is one kind of error, `Refused`, which says whether trying again can help and
 * when: the server's Retry-After wins over our own back-off.  What may help is decided
 * here and nowhere else, so publisher and player treat a status the same way.
 */

/** Statuses after which the same request can succeed later. */
const TEMPORARY = new Set([408, 409, 425, 429, 500, 502, 503, 504]);

/** The server said no, or could not be reached (`status` 0). */
export class Refused extends Error {
  /**
   * @param {string} message one sentence for a person
   * @param {number} status HTTP status, 0 when there was no answer
   * @param {number|null} retryAfter_s what the server asked us to wait
   */
  constructor(message, status = 0, retryAfter_s = null) {
    super(message);
    this.name = 'Refused';
    this.status = status;
    this.retryAfter_s = retryAfter_s;
  }

  /** Whether the same request may succeed later. */
  get temporary() {
    return this.status === 0 || TEMPORARY.has(this.status);
  }
}

/** `fetch` that throws `Refused` for everything but a 2xx answer. */
export async function request(url, options) {
  let response;
  try {
    response = await fetch(url, options);
  } catch (error) {
    if (options?.signal?.aborted) throw error;
    throw new Refused('The node cannot be reached');
  }
  if (response.ok) return response;
  throw new Refused(await reason(response), response.status, retryAfter(response));
}

/** The problem document's sentence (RFC 9457), or one of our own. */
async function reason(response) {
  const fallback = `The node refused (${response.status} ${response.statusText})`;
  try {
    const problem = await response.json();
    return problem.detail || problem.title || fallback;
  } catch {
    return fallback;
  }
}

/** Seconds in Retry-After, which is a number or a date (RFC 9110 section 10.2.3). */
function retryAfter(response) {
  const value = response.headers.get('Retry-After');
  if (!value) return null;
  const seconds = /^\d+$/.test(value) ? Number(value) : (Date.parse(value) - Date.now()) / 1000;
  return Number.isFinite(seconds) ? Math.max(0, seconds) : null;
}

/**
 * Links of a Link header by relation (RFC 8288).
 * @returns {Map<string, string>} relation to absolute URL; the first of a kind wins
 */
export function parseLinks(header, base) {
  const links = new Map();
  for (const [, target, parameters] of (header ?? '').matchAll(/<([^>]*)>((?:[^,"]|"[^"]*")*)/g)) {
    const relations = /;\s*rel\s*=\s*(?:"([^"]*)"|([^\s;,]+))/i.exec(parameters);
    for (const relation of (relations?.[1] ?? relations?.[2] ?? '').split(/\s+/)) {
      if (relation && !links.has(relation)) links.set(relation, new URL(target, base).href);
    }
  }
  return links;
}

/** Waiting times that double up to a cap, spread so that viewers do not return at once. */
export class Backoff {
  constructor(first_s = 0.5, cap_s = 10) {
    this.first_s = first_s;
    this.cap_s = cap_s;
    this.reset();
  }

  reset() {
    this.next_s = this.first_s;
  }

  take() {
    const base_s = this.next_s;
    this.next_s = Math.min(this.cap_s, base_s * 2);
    return base_s * (0.75 + Math.random() / 2);
  }
}
