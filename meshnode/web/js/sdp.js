/**
 * The few lines of SDP that a WHIP or WHEP client reads or writes itself.
 *
 * Candidates and ICE restarts travel as fragments of a description (RFC 8840 section 9,
 * RFC 9725 section 4.3); everything else is left to the browser.
 */

const lines = (sdp) => sdp.split(/\r\n|\n/).filter(Boolean);
const value = (sdp, name) => lines(sdp).find((line) => line.startsWith(`a=${name}:`));

/** True when the other side only answers checks: it needs none of our candidates. */
export function isLite(sdp) {
  return lines(sdp).includes('a=ice-lite');
}

/** The m-lines of a description, each with its mid. */
function media(sdp) {
  return sdp.split(/(?=^m=)/m).slice(1).map((section) => ({
    line: lines(section)[0],
    mid: value(section, 'mid') ?? 'a=mid:0',
    section,
  }));
}

/**
 * A trickle fragment: our credentials and candidates for the bundle's first m-line.
 * @param {string} sdp our current local description
 * @param {RTCIceCandidate[]} candidates those not yet told; `null` candidate: no more
 */
export function fragment(sdp, candidates) {
  const [first] = media(sdp);
  const own = candidates.filter(Boolean).map((each) => `a=${each.candidate}`);
  const end = candidates.includes(null) ? ['a=end-of-candidates'] : [];
  const head = [value(sdp, 'group'), value(sdp, 'ice-ufrag'), value(sdp, 'ice-pwd')];
  return [...head.filter(Boolean), first.line, first.mid, ...own, ...end, ''].join('\r\n');
}

/**
 * The remote description with the credentials and candidates of a restart's answer.
 * @param {string} remote the current answer
 * @param {string} answer the fragment that the server returned
 */
export function restarted(remote, answer) {
  const fresh = (name) => value(answer, name);
  const candidates = lines(answer).filter((line) => /^a=(candidate|end-of-cand)/.test(line));
  const out = [];
  for (const line of lines(remote)) {
    if (/^a=(candidate|end-of-candidates)/.test(line)) continue;
    const name = /^a=(ice-ufrag|ice-pwd):/.exec(line)?.[1];
    out.push((name && fresh(name)) || line);
    if (line.startsWith('a=ice-pwd:')) out.push(...candidates);
  }
  return `${out.join('\r\n')}\r\n`;
}
