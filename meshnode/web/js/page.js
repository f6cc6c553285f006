/**
 * The page at `/`: two elements, a list, a way into rooms; `#watch=NAME`, `#publish=NAME`.
 *
 * A watch link plays at once (muted, which browsers allow); a publish link only fills in
 * the name, since a capture needs a person's press.
 */

import './elements.js';
import { RoomList, isOfRoom } from './rooms.js';
import { share } from './share.js';
import { StreamList } from './streams.js';

const byId = (id) => document.getElementById(id);
const publisher = document.querySelector('mesh-publisher');
const player = document.querySelector('mesh-player');
const publishName = byId('publish-name');
const watchName = byId('watch-name');
const NAME = /^(?!\.{1,2}$)[A-Za-z0-9_.~-]{1,128}$/;

const endpoint = (kind, name) => new URL(`${kind}/${encodeURIComponent(name)}`, location.href).href;

const roomLink = (name) => new URL(`room/${encodeURIComponent(name)}`, location.href).href;

function nameChanged() {
  const name = publishName.value.trim();
  const good = NAME.test(name);
  publishName.setCustomValidity(good ? '' : 'Letters, digits and . _ ~ -');
  publisher.toggleAttribute('inert', !good);
  if (good) publisher.src = endpoint('whip', name);
}

function watch(name) {
  watchName.value = name;
  player.hidden = false;
  player.src = endpoint('whep', name);
  player.start();
  share(byId('watch-share'), name);
  history.replaceState(null, '', `#watch=${encodeURIComponent(name)}`);
}

function followLink() {
  const [, kind, encoded] = /^#(watch|publish)=(.+)$/.exec(location.hash) ?? [];
  if (!kind) return;
  const name = decodeURIComponent(encoded);
  // what the link is about comes first, on a phone too
  byId(`${kind}-section`).parentNode.prepend(byId(`${kind}-section`));
  if (kind === 'watch') watch(name);
  else publishName.value = name;
  nameChanged();
  byId(`${kind}-title`).focus();
}

publishName.value = `stream-${Math.random().toString(36).slice(2, 6)}`;
publishName.addEventListener('input', nameChanged);
publisher.addEventListener('state', ({ detail }) => {
  publishName.disabled = !['refused', 'ended'].includes(detail.state);
  if (detail.state === 'live') share(byId('publish-share'), publishName.value.trim());
  if (['refused', 'ended'].includes(detail.state)) byId('publish-share').hidden = true;
});
byId('watch-form').addEventListener('submit', (event) => {
  event.preventDefault();
  watch(watchName.value.trim());
});
byId('room-form').addEventListener('submit', (event) => {
  event.preventDefault();
  location.href = roomLink(byId('room-name').value.trim());
});
addEventListener('hashchange', followLink);

nameChanged();
followLink();
const parts = { list: byId('streams'), status: byId('streams-status'), names: byId('known-streams') };
const rooms = new RoomList(byId('rooms'), roomLink);
const list = new StreamList(parts, {
  watch,
  hides: (name) => isOfRoom(name, rooms.ids),
  listed: (names) => {
    const waits = player.connection?.state === 'waiting';
    if (waits && names.includes(watchName.value.trim())) player.retryNow();
  },
});
rooms.run(new URL('api/rooms', location.href));
list.run(new URL('api/streams', location.href));
