/**
 * Events of our own: told with a detail, heard as that detail.
 */

/**
 * Tell whoever listens.
 * @param {EventTarget} target
 * @param {string} type
 * @param {unknown} [detail]
 */
export function tell(target, type, detail = null) {
  target.dispatchEvent(new CustomEvent(type, { detail }));
}

/**
 * Hear the details of events.
 * @param {EventTarget} target
 * @param {string} type
 * @param {(detail: any) => void} hear
 * @returns {() => void} ends it
 */
export function listen(target, type, hear) {
  const heard = (/** @type {any} */ event) => hear(event.detail);
  target.addEventListener(type, heard);
  return () => target.removeEventListener(type, heard);
}
