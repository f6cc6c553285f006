/**
 * The page of one room, `/room/NAME`: the element, as high as the window, and a link.
 */

import { listen } from './events.js';
import { MeshRoom } from './elements.js';

const [, above, encoded] = /^(.*\/)room\/([^/]+)$/.exec(location.pathname) ?? [];
const room = /** @type {MeshRoom} */ (document.querySelector('mesh-room'));
const name = decodeURIComponent(encoded ?? '');
const copy = document.getElementById('copy');

document.title = `${name} – meshnode`;
document.getElementById('room-name').textContent = name;
room.setAttribute('src', new URL(above, location.href).href);
room.setAttribute('room', name);

copy.addEventListener('click', async () => {
  // the clipboard exists on secure origins only; elsewhere the address bar has the link
  await navigator.clipboard?.writeText(location.href);
  copy.textContent = navigator.clipboard ? 'Link copied' : 'Copy the address above';
});
listen(room, 'state', ({ state }) => {
  document.body.toggleAttribute('inside', !['refused', 'ended'].includes(state));
});
addEventListener('beforeunload', (event) => {
  if (room.getAttribute('state') === 'live' && room.media?.shares) event.preventDefault();
});
