/**
 * The test picture's clock, and where the browser allows it its brush, in a worker.
 *
 * Timers of a page in the background are slowed down to one a second; those of a worker
 * are not.  Deadlines are absolute, so that a late tick does not delay the next ones; a
 * tick that is more than a frame late is left out instead of being caught up.
 *
 * In: {width, height, frameRate, writable?} to start.  `writable` takes VideoFrames (the
 * page made it of a MediaStreamTrackGenerator).  Without it, a worker that has
 * VideoTrackGenerator answers {track}; any other one answers {tick} for each frame, and
 * the page draws.
 */

import { draw } from './testpicture-drawing.js';

onmessage = ({ data }) => {
  const writable = data.writable ?? generated();
  pace(data.frameRate, writable ? painter(data, writable) : (tick) => postMessage({ tick }));
};

/** A sink for frames made here, whose track is handed to the page. */
function generated() {
  if (!globalThis.VideoTrackGenerator || !globalThis.OffscreenCanvas) return null;
  try {
    const { track, writable } = new globalThis.VideoTrackGenerator();
    postMessage({ track }, [track]);
    return writable;
  } catch {
    return null; // tracks cannot be handed over here
  }
}

function painter({ width, height, frameRate }, writable) {
  const canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext('2d', { alpha: false, willReadFrequently: true });
  const writer = writable.getWriter();
  return (tick) => {
    // a consumer that does not keep up gets fewer frames, never later ones
    if (writer.desiredSize <= 0) return;
    draw(context, width, height, tick, Date.now());
    const timestamp = Math.round((tick * 1e6) / frameRate);
    writer.write(new VideoFrame(canvas, { timestamp })).catch(close);
  };
}

function pace(frameRate, onTick) {
  const interval_ms = 1000 / frameRate;
  const began_ms = performance.now();
  let tick = 0;
  const run = () => {
    onTick(tick);
    const elapsed = Math.floor((performance.now() - began_ms) / interval_ms);
    tick = Math.max(tick, elapsed) + 1;
    setTimeout(run, began_ms + tick * interval_ms - performance.now());
  };
  run();
}
