/** WHIP and WHEP for the Node clients: the same command line as door.py describes. */

import { writeSync } from 'node:fs';
import { createRequire } from 'node:module';

/** A package from where install.sh put it: nothing is installed beside the sources. */
export const load = createRequire(`${process.env.INTEROP_INSTALLED}/`);

export function options() {
  const [action, url, ...rest] = process.argv.slice(2);
  const named = Object.fromEntries(
    rest.flatMap((word, i) => (word.startsWith('--') ? [[word.slice(2), rest[i + 1]]] : [])),
  );
  return { action, url, codec: 'vp8', key: '', ...named };
}

/** Post an offer; while there is no publisher (409), again. */
export async function post(url, offer, key) {
  const headers = { 'Content-Type': 'application/sdp' };
  if (key) headers.Authorization = `Bearer ${key}`;
  for (let tries = 0; ; tries += 1) {
    const response = await fetch(url, { method: 'POST', headers, body: offer });
    const text = await response.text();
    if (response.status === 201) {
      return { answer: text, session: new URL(response.headers.get('Location'), url).href };
    }
    if (response.status !== 409 || tries > 8) throw new Error(`${response.status} ${text}`);
    await new Promise((done) => setTimeout(done, 1000));
  }
}

/** End the session. */
export async function end(session, key) {
  const headers = key ? { Authorization: `Bearer ${key}` } : {};
  await fetch(session, { method: 'DELETE', headers }).catch(() => {});
}

/** Resolves when the runner closes our standard input. */
export function told() {
  return new Promise((done) => {
    process.stdin.on('end', done).on('close', done).resume();
  });
}

/** Write one received RTP packet for the decoder: kind, length, packet. */
export function emit(kind, packet) {
  const head = Buffer.alloc(3);
  head.write(kind[0], 0);
  head.writeUInt16BE(packet.length, 1);
  // not process.stdout: fed from native callbacks it stops after a few writes to a pipe
  writeSync(1, Buffer.concat([head, packet]));
}

/** A UDP socket on a free local port that hands on what FFmpeg sends. */
export async function source(handle) {
  const { createSocket } = await import('node:dgram');
  const socket = createSocket('udp4').on('message', handle);
  await new Promise((done) => socket.bind(0, '127.0.0.1', done));
  return socket;
}

/** Tell the wrapper that we are connected and where FFmpeg's packets may go. */
export function live(video, audio) {
  console.log(`live ${video.address().port} ${audio.address().port}`);
}
