/**
 * A camera without a camera: moving picture, running clock and a 440 Hz tone.
 *
 * It needs no permission and no secure origin, and keeps its frame rate when its tab is
 * in the background.  Three ways, best first:
 *   1. MediaStreamTrackGenerator (Chromium): a worker draws and writes VideoFrames;
 *   2. VideoTrackGenerator (Safari): the same, the track is made in the worker;
 *   3. a canvas here, drawn at the worker's ticks and captured frame by frame. Chromium
 *      captures a hidden one as well; Firefox only paints, and captures, what is seen.
 */

import { draw } from './testpicture-drawing.js';

const TONE_HZ = 440;
/** How long a worker may take to say which way it can go. */
const FIRST_SIGN_MS = 3_000;
const CAUTION = 'Keep this tab in view: this browser draws the test picture only while it is seen.';

/**
 * @param {{width?: number, height?: number, frameRate?: number, tone?: boolean}} options
 * @returns {Promise<{stream: MediaStream, stop: () => void, caution: string}>} call in a
 *   user gesture, or the tone stays silent until the next one; `caution` is a sentence
 *   for the person where this browser has only the third way
 */
export async function testPicture(options = {}) {
  const { width = 640, height = 360, frameRate = 30, tone = true } = options;
  const worker = startWorker();
  const { track: video, caution = '' } = await videoTrack(worker, { width, height, frameRate });
  const audio = tone ? toneTrack() : null;
  const stream = new MediaStream(audio ? [video, audio.track] : [video]);
  const stop = () => {
    worker.terminate();
    audio?.context.close();
    for (const track of stream.getTracks()) track.stop();
  };
  return { stream, stop, caution };
}

/** A module worker, also when this module was loaded from another origin. */
function startWorker() {
  const url = new URL('./testpicture-worker.js', import.meta.url);
  if (url.origin === location.origin) return new Worker(url, { type: 'module' });
  const source = new Blob([`import ${JSON.stringify(url.href)};`], { type: 'text/javascript' });
  return new Worker(URL.createObjectURL(source), { type: 'module' });
}

function videoTrack(worker, shape) {
  if (!globalThis.MediaStreamTrackGenerator) return handedTrack(worker, shape);
  const track = new globalThis.MediaStreamTrackGenerator({ kind: 'video' });
  const { writable } = track;
  worker.postMessage({ ...shape, writable }, [writable]);
  return { track };
}

/** The worker's own track, or one of a canvas that its ticks drive. */
function handedTrack(worker, shape) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error('no test picture')), FIRST_SIGN_MS);
    const fail = () => reject(new Error('The test picture could not start'));
    worker.addEventListener('error', fail, { once: true });
    worker.onmessage = ({ data }) => {
      clearTimeout(timer);
      resolve(data.track ? data : { track: canvasTrack(worker, shape), caution: CAUTION });
    };
    worker.postMessage(shape);
  });
}

function canvasTrack(worker, { width, height }) {
  const canvas = Object.assign(document.createElement('canvas'), { width, height });
  const context = canvas.getContext('2d', { alpha: false });
  draw(context, width, height, 0, Date.now());
  const [track] = /** @type {CanvasCaptureMediaStreamTrack[]} */ (
    canvas.captureStream(0).getVideoTracks());
  worker.onmessage = ({ data }) => {
    draw(context, width, height, data.tick, Date.now());
    track.requestFrame();
  };
  return track;
}

function toneTrack() {
  const context = new AudioContext();
  const oscillator = new OscillatorNode(context, { frequency: TONE_HZ });
  const volume = new GainNode(context, { gain: 0.1 });
  const output = context.createMediaStreamDestination();
  oscillator.connect(volume).connect(output);
  oscillator.start();
  // without a gesture it waits for one: a later click anywhere lets the tone begin
  addEventListener('click', () => context.state === 'suspended' && context.resume());
  return { context, track: output.stream.getAudioTracks()[0] };
}
