/**
 * The two things that a room's client reads and writes in descriptions itself: whose
 * track a section carries, and what our own streams are called.
 */

const SENDS = /^a=(sendonly|sendrecv)\r?$/m;

/**
 * What a description of the node sends, section by section.
 * @param {string} sdp
 * @returns {{mid: string, peer: string, id: string}[]}
 */
export function remoteTracks(sdp) {
  return sdp.split(/(?=^m=)/m).slice(1).flatMap((section) => {
    const [, mid] = /^a=mid:(\S+)/m.exec(section) ?? [];
    const [, peer, id] = /^a=msid:(\S+) (\S+)/m.exec(section) ?? [];
    const sent = SENDS.test(section) && !/^m=\S+ 0 /.test(section);
    return sent && mid !== undefined && id ? [{ mid, peer, id }] : [];
  });
}

/**
 * Our description with names in place of the ids that browsers give to MediaStreams, so
 * that others can tell a screen from a camera.
 * @param {string} sdp
 * @param {Map<string, MediaStream>} streams by name
 */
export function renamed(sdp, streams) {
  let text = sdp;
  for (const [name, { id }] of streams) {
    text = text.replaceAll(`msid:${id} `, `msid:${name} `);
  }
  return text;
}
