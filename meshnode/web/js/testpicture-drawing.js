/**
 * One frame of the test picture, on any 2D canvas, in a worker or in a page.
 *
 * It shows what a person checks (clock, frame number, smooth movement, colours) and, in
 * the strip at the bottom, what a program checks: 32 cells, white for 1, most significant
 * first, of the milliseconds since 1970 modulo 2^32.  Cells are so large that no codec
 * loses them, so the age of a decoded frame can be read from its pixels.
 */

export const STRIP_CELLS = 32;
/** Height of the strip as a part of the picture. */
export const STRIP_HEIGHT = 1 / 12;

const BARS = ['#c8c8c8', '#c8c800', '#00c8c8', '#00c800', '#c800c8', '#c80000', '#0000c8'];

/**
 * @param {OffscreenCanvasRenderingContext2D|CanvasRenderingContext2D} context of a canvas `width` x `height`
 * @param {number} frame counted from 0
 * @param {number} now_ms milliseconds since 1970
 */
export function draw(context, width, height, frame, now_ms) {
  bars(context, width, height);
  sweep(context, width, height, frame);
  ball(context, width, height, now_ms);
  text(context, width, height, frame, now_ms);
  strip(context, width, height, now_ms);
}

function bars(context, width, height) {
  const each = width / BARS.length;
  BARS.forEach((colour, index) => {
    context.fillStyle = colour;
    context.fillRect(Math.floor(index * each), 0, Math.ceil(each), height);
  });
}

/** A line that crosses the picture a pixel step per frame: judder shows at once. */
function sweep(context, width, height, frame) {
  context.fillStyle = '#fff';
  context.fillRect((frame * 4) % width, 0, 4, height);
}

function ball(context, width, height, now_ms) {
  const turn = (now_ms / 2000) * 2 * Math.PI;
  const radius = height / 14;
  const x = width / 2 + Math.cos(turn) * (width / 2 - 2 * radius);
  const y = height * 0.45 + Math.sin(turn * 2) * height * 0.3;
  context.fillStyle = '#111';
  context.beginPath();
  context.arc(x, y, radius, 0, 2 * Math.PI);
  context.fill();
}

function text(context, width, height, frame, now_ms) {
  const size = Math.round(height / 8);
  context.fillStyle = '#111';
  context.fillRect(width * 0.14, height * 0.3, width * 0.72, size * 2.7);
  context.fillStyle = '#fff';
  context.textAlign = 'center';
  context.font = `bold ${size}px monospace`;
  context.fillText(clock(now_ms), width / 2, height * 0.3 + size * 1.1);
  context.font = `${Math.round(size * 0.7)}px monospace`;
  context.fillText(`frame ${frame}`, width / 2, height * 0.3 + size * 2.2);
}

function clock(now_ms) {
  const now = new Date(now_ms);
  const two = (number) => String(number).padStart(2, '0');
  const time = [now.getHours(), now.getMinutes(), now.getSeconds()].map(two).join(':');
  return `${time}.${String(now.getMilliseconds()).padStart(3, '0')}`;
}

function strip(context, width, height, now_ms) {
  const low = now_ms % 2 ** STRIP_CELLS;
  const cell = width / STRIP_CELLS;
  const top = Math.floor(height * (1 - STRIP_HEIGHT));
  for (let index = 0; index < STRIP_CELLS; index += 1) {
    const bit = Math.floor(low / 2 ** (STRIP_CELLS - 1 - index)) % 2;
    context.fillStyle = bit ? '#fff' : '#000';
    context.fillRect(Math.floor(index * cell), top, Math.ceil(cell), height - top);
  }
}
