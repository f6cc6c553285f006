/**
 * Asking again and again, for lists that the node does not push.
 *
 * A page in the background asks for nothing: nobody would see the answer.
 */

const INTERVAL_MS = 2_000;

/**
 * Ask now and from now on, while the page can be seen.
 * @param {() => Promise<void>} ask must not reject
 */
export async function whileSeen(ask) {
  for (;;) {
    if (!document.hidden) await ask();
    await new Promise((done) => setTimeout(done, INTERVAL_MS));
  }
}
