/**
 * When a connected session is over, and the one attempt to save it.
 *
 * Three signs count: the DTLS transport closes (the node said goodbye), ICE fails, or ICE
 * stays disconnected beyond a grace in which roaming heals by itself.  The last two are
 * answered by an ICE restart; only when that does not help is the session given up.
 */

const GRACE_MS = 1_500;
const RESTART_TIMEOUT_MS = 4_000;

const delay = (milliseconds) => new Promise((done) => setTimeout(done, milliseconds));
const healthy = (pc) => pc.connectionState === 'connected';

/** Resolves when `pc` is connected; rejects when it fails, at the deadline or on abort. */
export function untilConnected(pc, deadline_ms, signal) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error('no path')), deadline_ms);
    const check = () => {
      if (healthy(pc)) resolve(null);
      else if (['failed', 'closed'].includes(pc.connectionState)) reject(new Error('no path'));
      else return;
      clearTimeout(timer);
    };
    signal?.addEventListener('abort', () => reject(signal.reason), { once: true });
    pc.addEventListener('connectionstatechange', check);
    check();
  });
}

/**
 * Calls `lost` once when the session cannot be saved.
 * @param {RTCPeerConnection} pc connected
 * @param {{restart: () => Promise<void>}} session
 * @param {(restarting: boolean) => void} tell when a restart begins and succeeded
 * @param {() => void} lost
 */
export function watchLoss(pc, session, tell, lost) {
  let mending = false;
  const mend = async () => {
    if (mending || healthy(pc) || pc.connectionState === 'connecting') return;
    mending = true;
    await saved(pc, session, tell);
    mending = false;
    if (!healthy(pc)) lost();
  };
  pc.addEventListener('connectionstatechange', mend);
  const dtls = pc.getTransceivers()[0]?.sender.transport;
  dtls?.addEventListener('statechange', () => {
    if (['closed', 'failed'].includes(dtls.state)) lost();
  });
}

async function saved(pc, session, tell) {
  if (pc.connectionState === 'disconnected') await delay(GRACE_MS);
  if (healthy(pc) || pc.connectionState === 'closed') return;
  tell(true);
  try {
    await session.restart();
    await untilConnected(pc, RESTART_TIMEOUT_MS);
    tell(false);
  } catch {
    // forgotten session or no path: the caller posts a new offer
  }
}
