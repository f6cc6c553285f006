/**
 * Where the nodes of the map stand: this node in the middle, the others by distance.
 *
 * A neighbour's distance grows with its round trip (by the square root, so that 2 ms and
 * 200 ms fit on one phone), its direction follows from its name alone: the map stays
 * still while figures move.  Nodes beyond, which were only told of, stand behind the
 * neighbour through which they were heard, one step further out each.
 */

const INNER = 0.44;
const OUTER = 0.86;
/** How far to the side each told hop stands, in radians. */
const SIDESTEP = 0.34;
const UNKNOWN_RTT_S = 0.1;
const TURN = 2 * Math.PI;

/**
 * Positions in a square from -1 to 1.
 * @returns {Map<string, {x: number, y: number}>} by the short name of the node
 */
export function place(map, tree) {
  const places = new Map([[map.me, { x: 0, y: 0 }]]);
  const near = map.links.map(({ target }) => target).sort();
  const rtts = new Map(map.links.map(({ target, rtt_s: rtt }) => [target, rtt ?? UNKNOWN_RTT_S]));
  const longest = Math.max(0.001, ...rtts.values());
  const angles = new Map();
  near.forEach((id, index) => {
    const angle = (index / near.length) * TURN - Math.PI / 2;
    angles.set(id, angle);
    const far = INNER + (OUTER - 0.1 - INNER) * Math.sqrt(rtts.get(id) / longest);
    places.set(id, polar(angle, far));
  });
  behind(map, tree, places, angles);
  rest(map, places);
  return places;
}

/** Nodes of the chosen tree that are no neighbours, behind the one they come through. */
function behind(map, tree, places, angles) {
  const above = new Map((tree?.edges ?? []).filter(({ role }) => role !== 'standby')
    .map(({ source, target }) => [target, source]));
  let [id, steps] = [above.get(map.me), 0];
  let angle = angles.get(id) ?? -Math.PI / 2;
  while (id && steps < 24) {
    angle = angles.get(id) ?? angle;
    if (!places.has(id)) {
      // each step a little to the side, or a straight path would hide its own labels
      angle += SIDESTEP;
      places.set(id, polar(angle, Math.min(1, OUTER + 0.07 * steps)));
      angles.set(id, angle);
    }
    id = above.get(id);
    steps += 1;
  }
}

/** Everybody else who was named, around the rim. */
function rest(map, places) {
  const others = map.nodes.map(({ id }) => id).filter((id) => !places.has(id)).sort();
  others.forEach((id, index) => {
    places.set(id, polar(((index + 0.5) / others.length) * TURN - Math.PI / 2, 1));
  });
}

function polar(angle, radius) {
  return { x: radius * Math.cos(angle), y: radius * Math.sin(angle) };
}
