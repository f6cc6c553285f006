/**
 * The map as SVG: nodes, links with their figures, and the edges of one tree.
 *
 * Everything is drawn anew each second; a map of one node's surroundings has a few dozen
 * elements.  The picture is one image to a screen reader: its sentence says what is on
 * it, and the tables beside it hold every figure.
 */

import { place } from './mesh-layout.js';

const SVG = 'http://www.w3.org/2000/svg';
const NODE_RADIUS = 9;
const SELF_RADIUS = 13;
const MARGIN = { x: 52, y: 30 };
/** On a narrow screen the table has room for losses, the map has not. */
const NARROW_PX = 480;
/** With more links than that only those of the tree carry figures. */
const FIGURES_MAX = 16;

/** A time in milliseconds, as short as it is honest. */
export function ms(seconds) {
  if (seconds === null || seconds === undefined) return '–';
  const value = seconds * 1000;
  return `${value < 10 ? value.toFixed(1) : value.toFixed(0)} ms`;
}

/** A share in per cent. */
export function percent(share) {
  if (share === null || share === undefined) return '–';
  return `${(share * 100).toFixed(share > 0 && share < 0.1 ? 1 : 0)} %`;
}

/** A node in as many letters as tell it from others. */
export function nameOf({ node, id, short }) {
  return node ? `…${node.slice(-6)}` : `(${(id ?? short ?? '').slice(-6)})`;
}

function shape(name, attributes, ...children) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

export class MeshMap {
  constructor(svg) {
    this.svg = svg;
    this.last = null;
    new ResizeObserver(() => this.last && this.draw(...this.last)).observe(svg);
  }

  /** Draw `map`, with the edges of `tree` (null: none). */
  draw(map, tree) {
    this.last = [map, tree];
    const { width, height } = this.svg.getBoundingClientRect();
    if (!width) return;
    this.svg.setAttribute('viewBox', `0 0 ${width} ${height}`);
    const half = { x: width / 2 - MARGIN.x, y: height / 2 - MARGIN.y };
    const at = new Map();
    for (const [id, { x, y }] of place(map, tree)) {
      at.set(id, { x: width / 2 + x * half.x, y: height / 2 + y * half.y });
    }
    const inTree = new Set((tree?.edges ?? []).flatMap(({ source, target }) => [source, target]));
    this.svg.replaceChildren(
      this.#defs(),
      ...map.links.map((link) => this.#link(link, at)),
      ...(tree?.edges ?? []).map((edge) => this.#edge(edge, at)),
      ...map.links.flatMap((link, index) => this.#figure(link, at, index, map, inTree)),
      ...map.nodes.map((node) => this.#node(node, at, tree)),
    );
  }

  #defs() {
    const marker = {
      id: 'arrow', viewBox: '0 0 8 8', refX: 7, refY: 4, markerWidth: 4, markerHeight: 4,
      orient: 'auto-start-reverse',
    };
    const tip = shape('path', { d: 'M0 0 8 4 0 8z', class: 'arrow' });
    return shape('defs', {}, shape('marker', marker, tip));
  }

  #link({ source, target, suspect }, at) {
    const [a, b] = [at.get(source), at.get(target)];
    return shape('path', { class: `link${suspect ? ' suspect' : ''}`, d: line(a, b, 0, 0) });
  }

  #edge({ source, target, role }, at) {
    const [a, b] = [at.get(source), at.get(target)];
    const d = line(a, b, NODE_RADIUS + 2, SELF_RADIUS + 3);
    return shape('path', { class: `edge ${role}`, d, 'marker-end': 'url(#arrow)' });
  }

  #figure({ source, target, rtt_s: rtt, loss }, at, index, map, inTree) {
    if (map.links.length > FIGURES_MAX && !inTree.has(target)) return [];
    const [a, b] = [at.get(source), at.get(target)];
    const share = index % 2 ? 0.56 : 0.68;
    const [x, y] = [a.x + (b.x - a.x) * share, a.y + (b.y - a.y) * share];
    const wide = this.svg.clientWidth > NARROW_PX;
    const words = wide && loss >= 0.0005 ? `${ms(rtt)} · ${percent(loss)} lost` : ms(rtt);
    return [shape('text', { class: 'figure', x, y: y + 4 }, words)];
  }

  #node(node, at, tree) {
    const { x, y } = at.get(node.id);
    const self = node.kind === 'self';
    const source = tree?.origin === node.id;
    const radius = self ? SELF_RADIUS : NODE_RADIUS;
    const name = self ? 'this node' : nameOf(node);
    const words = source ? `${name} (origin)` : name;
    const below = y > this.svg.getBoundingClientRect().height / 2 - 1;
    const label = shape('text', { y: below ? radius + 16 : -radius - 7 }, words);
    const title = shape('title', {}, `${node.node ?? node.id}, ${node.kind}`);
    return shape(
      'g',
      { class: `node ${node.kind}${source ? ' source' : ''}`, transform: `translate(${x} ${y})` },
      title, shape('circle', { r: radius }), label,
    );
  }
}

/** A line that ends short of the two circles. */
function line(a, b, before, after) {
  const length = Math.hypot(b.x - a.x, b.y - a.y) || 1;
  const [ux, uy] = [(b.x - a.x) / length, (b.y - a.y) / length];
  return `M${a.x + ux * before} ${a.y + uy * before}L${b.x - ux * after} ${b.y - uy * after}`;
}

/** The map in one sentence, for those who do not see it. */
export function sentence(map, tree) {
  const links = map.links.length === 1 ? '1 neighbour' : `${map.links.length} neighbours`;
  const beyond = map.nodes.filter(({ kind }) => kind === 'path' || kind === 'origin').length;
  const told = beyond ? `, and ${beyond} more that it was told of` : '';
  const known = `This node has ${links}${told}; the rest of the mesh is not shown.`;
  if (!tree) return known;
  const fed = tree.edges.filter(({ source, role }) => source === map.me && role === 'active').length;
  const name = tree.name || 'The stream';
  const state = tree.state === 'origin' ? 'published' : tree.state;
  const others = { 0: 'no other node', 1: '1 other node' }[fed] ?? `${fed} other nodes`;
  return `${known} ${name} is ${state} here and passed on to ${others}.`;
}
