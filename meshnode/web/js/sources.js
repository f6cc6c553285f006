/**
 * What can be published: camera, screen or test picture, one shape for all.
 *
 * Each source is `{stream, stop}`, with a `caution` where a person should know something.  Camera and screen exist only where the browser hands
 * them out, which `unavailable` says in a sentence a person can act on.
 */

import { testPicture } from './testpicture.js';

export const SOURCES = Object.freeze({
  test: 'Test picture',
  camera: 'Camera and microphone',
  screen: 'Screen',
});

/** Why a source cannot be used on this page; empty when it can. */
export function unavailable(source) {
  if (source === 'test') return '';
  if (!globalThis.isSecureContext) {
    return (
      'Browsers hand out camera and screen only on https:// pages and on ' +
      'http://127.0.0.1 or http://localhost; the test picture works everywhere.'
    );
  }
  const devices = navigator.mediaDevices;
  const has = source === 'camera' ? devices?.getUserMedia : devices?.getDisplayMedia;
  return has ? '' : `This browser offers no ${source}.`;
}

/**
 * @param {'test'|'camera'|'screen'} source
 * @param {{width?: number, height?: number}} size wished, not promised
 * @returns {Promise<{stream: MediaStream, stop: () => void, caution?: string}>}
 */
export async function openSource(source, { width = 640, height = 360 } = {}) {
  const reason = unavailable(source);
  if (reason) throw new Error(reason);
  if (source === 'test') return testPicture({ width, height });
  const stream = await (source === 'camera' ? camera(width, height) : screen());
  return { stream, stop: () => stream.getTracks().forEach((track) => track.stop()) };
}

function camera(width, height) {
  const video = { width: { ideal: width }, height: { ideal: height }, frameRate: { ideal: 30 } };
  return navigator.mediaDevices.getUserMedia({ video, audio: true });
}

function screen() {
  return navigator.mediaDevices.getDisplayMedia({ video: { frameRate: 30 }, audio: true });
}
