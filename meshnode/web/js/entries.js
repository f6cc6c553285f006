/**
 * Which node to watch at: the least sum of origin to node and node to here.
 *
 * A node lists others by which a stream can be watched (`api/entries`).  A page cannot
 * send STUN, so it times a small request to each, the second one, when the connection
 * stands; that is the round trip to the door and not to the media port, and near enough
 * to choose by.  Whatever goes wrong leaves the viewer where it asked.
 */

const LIST_TIMEOUT_MS = 1_000;
const PROBE_TIMEOUT_MS = 400;
const ENTRIES_MAX = 9;
/** What another node must gain over the one that was asked. */
const WORTH_MS = 5;

/**
 * The WHEP URL to use instead of `src`; `src` itself where that is best.
 * @param {string} src
 * @param {AbortSignal} signal
 */
export async function nearest(src, signal) {
  try {
    const entries = await listed(src, signal);
    if (entries.length < 2) return src;
    const sums = await Promise.all(entries.map((entry) => sum(entry, signal)));
    const own = entries.findIndex(({ here }) => here);
    let best = own;
    sums.forEach((each, index) => {
      if (index !== own && each < (sums[best] ?? Infinity)) best = index;
    });
    const gain = (sums[own] ?? Infinity) - (sums[best] ?? Infinity);
    return best >= 0 && best !== own && gain > WORTH_MS ? entries[best].whep : src;
  } catch {
    return src;
  }
}

/**
 * Other nodes by which the mesh of a stream can be entered, as URLs, the best first; none
 * where that cannot be found out.
 * @param {string} base URL of the node to ask
 * @param {string} stream
 * @param {AbortSignal} signal
 * @returns {Promise<string[]>}
 */
export async function elsewhere(base, stream, signal) {
  try {
    const asked = new URL(`api/entries?stream=${encodeURIComponent(stream)}`, base);
    const { entries } = await (await quick(asked, LIST_TIMEOUT_MS, signal)).json();
    const others = entries.filter((entry) => !entry.here && usable(entry, asked));
    return others.slice(0, ENTRIES_MAX).map(({ whep }) => new URL('/', whep).href);
  } catch {
    return [];
  }
}

async function listed(src, signal) {
  const url = new URL(src);
  const [above, door] = [url.pathname.slice(0, url.pathname.indexOf('/whep/')), '/whep/'];
  if (!url.pathname.includes(door)) return [];
  const name = decodeURIComponent(url.pathname.slice(above.length + door.length));
  const asked = new URL(`${above}/api/entries?stream=${encodeURIComponent(name)}`, url);
  const { entries } = await (await quick(asked, LIST_TIMEOUT_MS, signal)).json();
  return entries.slice(0, ENTRIES_MAX).filter((entry) => usable(entry, url));
}

/** https is never left for http, whoever proposes it. */
function usable({ whep, cost_ms: cost, slots, here }, url) {
  const { protocol } = new URL(whep);
  const known = Number.isFinite(cost) && (here === true || slots > 0);
  return known && (protocol === 'https:' || (protocol === 'http:' && url.protocol === 'http:'));
}

async function sum({ whep, cost_ms: cost }, signal) {
  const ping = new URL('/healthz', whep);
  try {
    await quick(ping, PROBE_TIMEOUT_MS, signal, 'no-cors'); // connects
    const before_ms = performance.now();
    await quick(ping, PROBE_TIMEOUT_MS, signal, 'no-cors');
    return cost + (performance.now() - before_ms) / 2;
  } catch {
    return Infinity;
  }
}

/** @param {RequestMode} mode */
function quick(url, timeout_ms, signal, mode = 'cors') {
  const signals = AbortSignal.any([signal, AbortSignal.timeout(timeout_ms)]);
  return fetch(url, { cache: 'no-store', credentials: 'omit', mode, signal: signals });
}
