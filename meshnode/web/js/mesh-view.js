/**
 * The page on the admin address: the map, the trace of the chosen stream, the links.
 *
 * It asks once a second while it can be seen.  `#stream=NAME` chooses a tree, so that a
 * view can be kept as a bookmark.
 */

import { element } from './element-base.js';
import { MeshMap, ms, nameOf, percent, sentence } from './mesh-map.js';

const INTERVAL_MS = 1_000;
const byId = (id) => document.getElementById(id);
const map = new MeshMap(byId('map'));
const chooser = byId('stream');

async function ask(path) {
  const response = await fetch(new URL(path, location.href), { cache: 'no-store' });
  const answer = await response.json().catch(() => ({}));
  if (!response.ok) throw new Error(answer.detail ?? `The node refused (${response.status}).`);
  return answer;
}

/** A live region speaks on every change: leave it alone when nothing changed. */
function say(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

function row(cells, numbers) {
  return element('tr', {}, ...cells.map((text, index) =>
    element('td', { textContent: text, className: numbers.includes(index) ? 'number' : '' })));
}

/** Keep the list of streams, without touching a menu that somebody has open. */
function offer(trees) {
  const wanted = [['', 'no stream'], ...trees.map(({ stream, name }) => [stream, name || stream])];
  const now = [...chooser.options].map(({ value, text }) => [value, text]);
  if (JSON.stringify(now) === JSON.stringify(wanted)) return;
  const chosen = chooser.value;
  chooser.replaceChildren(...wanted.map(([value, text]) => new Option(text, value)));
  chooser.value = wanted.some(([value]) => value === chosen) ? chosen : '';
}

/** The stream that the address names, or the only one, until a person chooses. */
function preselect(trees) {
  if (chooser.value || chooser.dataset.touched) return;
  const [, encoded] = /^#stream=(.+)$/.exec(location.hash) ?? [];
  const named = trees.find(({ name }) => encoded && name === decodeURIComponent(encoded));
  chooser.value = (named ?? trees[0])?.stream ?? '';
}

function showLinks({ nodes, links }) {
  const byName = new Map(nodes.map((node) => [node.id, node]));
  const rows = links.map(({ target, rtt_s: rtt, loss, purpose, suspect }) => {
    const what = suspect ? `${purpose}, misses checks` : purpose;
    return row([nameOf(byName.get(target)), ms(rtt), percent(loss), what], [1, 2]);
  });
  byId('links').replaceChildren(...rows);
}

function showTrace(trace) {
  byId('trace-section').hidden = !trace;
  if (!trace) return;
  const { hops, alternatives, delay_s: delay, missing, origin, state } = trace;
  const where = state === 'origin' ? 'It is published at this node.' : '';
  say(byId('trace-words'), [where, ...missing.map((each) => `${each}.`)].filter(Boolean).join(' '));
  const first = row(['this node', '', '', '', ms(delay)], [1, 2, 3, 4]);
  const rest = hops.map((hop) => row([
    hop.node === origin ? `${nameOf(hop)} (origin)` : nameOf(hop),
    ms(hop.rtt_s), percent(hop.loss), ms(hop.cost_s), ms(hop.delay_s),
  ], [1, 2, 3, 4]));
  byId('hops').replaceChildren(first, ...rest);
  byId('others-table').hidden = !alternatives.length;
  byId('others').replaceChildren(...alternatives.map(({ node, cost_s: cost, words }) =>
    row([nameOf({ node }), ms(cost), words], [1])));
}

async function look() {
  const seen = await ask('admin/map');
  offer(seen.trees);
  preselect(seen.trees);
  const tree = seen.trees.find(({ stream }) => stream === chooser.value) ?? null;
  map.draw(seen, tree);
  const me = seen.nodes.find(({ id }) => id === seen.me);
  say(byId('own-name'), nameOf(me));
  say(byId('map-words'), sentence(seen, tree));
  showLinks(seen);
  showTrace(tree?.name ? await ask(`admin/trace/${encodeURIComponent(tree.name)}`) : null);
  say(byId('state'), seen.links.length ? 'Live, every second.' : 'No neighbour yet.');
}

async function run() {
  for (;;) {
    if (!document.hidden) await look().catch(({ message }) => say(byId('state'), message));
    await new Promise((done) => setTimeout(done, INTERVAL_MS));
  }
}

chooser.addEventListener('change', () => {
  chooser.dataset.touched = 'yes';
  const name = chooser.selectedOptions[0]?.text;
  history.replaceState(null, '', chooser.value ? `#stream=${encodeURIComponent(name)}` : '#');
  look().catch(() => {});
});
run();
