/**
 * Defines `<mesh-publisher>`, `<mesh-player>` and `<mesh-room>`.
 *
 *     <script type="module" src="http://node/js/elements.js"></script>
 *     <mesh-player src="http://node/whep/NAME" autoplay></mesh-player>
 *     <mesh-room src="http://node/" room="NAME" style="height: 30rem"></mesh-room>
 */

import { MeshPlayer } from './mesh-player.js';
import { MeshPublisher } from './mesh-publisher.js';
import { MeshRoom } from './mesh-room.js';

const ELEMENTS = { 'mesh-player': MeshPlayer, 'mesh-publisher': MeshPublisher, 'mesh-room': MeshRoom };

for (const [name, made] of Object.entries(ELEMENTS)) {
  if (!customElements.get(name)) customElements.define(name, made);
}

export { MeshPlayer, MeshPublisher, MeshRoom };
