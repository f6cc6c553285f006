/**
 * Defines `<mesh-publisher>` and `<mesh-player>`.
 *
 *     <script type="module" src="http://node/js/elements.js"></script>
 *     <mesh-player src="http://node/whep/NAME" autoplay></mesh-player>
 */

import { MeshPlayer } from './mesh-player.js';
import { MeshPublisher } from './mesh-publisher.js';

if (!customElements.get('mesh-player')) customElements.define('mesh-player', MeshPlayer);
if (!customElements.get('mesh-publisher')) customElements.define('mesh-publisher', MeshPublisher);

export { MeshPlayer, MeshPublisher };
