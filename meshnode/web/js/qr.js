/**
 * QR codes for share links (ISO/IEC 18004): byte mode, versions 1 to 10, level M.
 *
 * 213 bytes of UTF-8 fit, which every share link of a node does.  The steps are those of
 * the standard: bits, error correction over GF(256), modules, the mask with the least
 * penalty, format and version information.
 */

/** Per version: error-correction bytes of a block, and [blocks, data bytes] groups. */
/** @type {[number, ...[number, number][]][]} */
const VERSIONS = [
  null,
  [10, [1, 16]],
  [16, [1, 28]],
  [26, [1, 44]],
  [18, [2, 32]],
  [24, [2, 43]],
  [16, [4, 27]],
  [18, [4, 31]],
  [22, [2, 38], [2, 39]],
  [22, [3, 36], [2, 37]],
  [26, [4, 43], [1, 44]],
];
const ALIGNMENT = [
  [], [], [6, 18], [6, 22], [6, 26], [6, 30], [6, 34],
  [6, 22, 38], [6, 24, 42], [6, 26, 46], [6, 28, 50],
];
const MASKS = [
  (r, c) => (r + c) % 2 === 0,
  (r) => r % 2 === 0,
  (r, c) => c % 3 === 0,
  (r, c) => (r + c) % 3 === 0,
  (r, c) => (Math.floor(r / 2) + Math.floor(c / 3)) % 2 === 0,
  (r, c) => ((r * c) % 2) + ((r * c) % 3) === 0,
  (r, c) => (((r * c) % 2) + ((r * c) % 3)) % 2 === 0,
  (r, c) => (((r + c) % 2) + ((r * c) % 3)) % 2 === 0,
];

const capacity = (version) => {
  const [, ...groups] = VERSIONS[version];
  return groups.reduce((total, [blocks, bytes]) => total + blocks * bytes, 0);
};

/**
 * @param {string} text at most 213 bytes of UTF-8
 * @returns {boolean[][]} rows of modules, true is dark, without the quiet zone
 * @throws {RangeError} when the text is too long
 */
export function encode(text) {
  const bytes = new TextEncoder().encode(text);
  const version = VERSIONS.findIndex((each, v) => each && capacity(v) >= bytes.length + overhead(v));
  if (version < 0) throw new RangeError('too long for a QR code');
  const codewords = interleave(dataBytes(bytes, version), version);
  const candidates = MASKS.map((_, mask) => matrix(codewords, version, mask));
  const penalties = candidates.map(penalty);
  return candidates[penalties.indexOf(Math.min(...penalties))];
}

/** Mode, length and terminator, rounded up to bytes. */
const overhead = (version) => (version < 10 ? 2 : 3);

function dataBytes(bytes, version) {
  const bits = [];
  const push = (value, count) => {
    for (let i = count - 1; i >= 0; i -= 1) bits.push((value >> i) & 1);
  };
  push(4, 4);
  push(bytes.length, version < 10 ? 8 : 16);
  bytes.forEach((byte) => push(byte, 8));
  const total = capacity(version) * 8;
  push(0, Math.min(4, total - bits.length));
  push(0, -bits.length & 7);
  for (let pad = 0; bits.length < total; pad ^= 1) push(pad ? 0x11 : 0xec, 8);
  return Array.from({ length: total / 8 }, (_, i) =>
    bits.slice(i * 8, i * 8 + 8).reduce((value, bit) => value * 2 + bit, 0));
}

/** Product in GF(256) modulo x^8 + x^4 + x^3 + x^2 + 1. */
function multiply(a, b) {
  let product = 0;
  for (let i = 7; i >= 0; i -= 1) {
    product = (product << 1) ^ ((product >> 7) * 0x11d);
    product ^= ((b >> i) & 1) * a;
  }
  return product;
}

function generator(degree) {
  let polynomial = [1];
  for (let i = 0, root = 1; i < degree; i += 1, root = multiply(root, 2)) {
    const next = [...polynomial, 0];
    polynomial.forEach((term, j) => { next[j + 1] ^= multiply(term, root); });
    polynomial = next;
  }
  return polynomial.slice(1);
}

function remainder(data, divisor) {
  const rest = divisor.map(() => 0);
  for (const byte of data) {
    const factor = byte ^ rest.shift();
    rest.push(0);
    divisor.forEach((term, i) => { rest[i] ^= multiply(term, factor); });
  }
  return rest;
}

function interleave(data, version) {
  const [ecBytes, ...groups] = VERSIONS[version];
  const divisor = generator(ecBytes);
  const blocks = [];
  let start = 0;
  for (const [count, size] of groups) {
    for (let i = 0; i < count; i += 1, start += size) blocks.push(data.slice(start, start + size));
  }
  const ec = blocks.map((block) => remainder(block, divisor));
  const columns = (rows) =>
    rows.at(-1).flatMap((_, i) => rows.map((row) => row[i]).filter((byte) => byte !== undefined));
  return [...columns(blocks), ...columns(ec)];
}

function matrix(codewords, version, mask) {
  const size = version * 4 + 17;
  const modules = Array.from({ length: size }, () => new Array(size).fill(null));
  const set = (row, column, dark) => {
    if (modules[row]?.[column] !== undefined) modules[row][column] = dark;
  };
  finders(set, size);
  alignments(set, modules, version);
  for (let i = 8; i < size - 8; i += 1) {
    modules[6][i] ??= i % 2 === 0;
    modules[i][6] ??= i % 2 === 0;
  }
  format(set, size, mask);
  if (version >= 7) versionInformation(set, size, version);
  place(modules, codewords, MASKS[mask]);
  return modules;
}

function finders(set, size) {
  for (const [row, column] of [[3, 3], [3, size - 4], [size - 4, 3]]) {
    for (let dr = -4; dr <= 4; dr += 1) {
      for (let dc = -4; dc <= 4; dc += 1) {
        const ring = Math.max(Math.abs(dr), Math.abs(dc));
        set(row + dr, column + dc, ring !== 2 && ring !== 4);
      }
    }
  }
}

function alignments(set, modules, version) {
  for (const row of ALIGNMENT[version]) {
    for (const column of ALIGNMENT[version]) {
      if (modules[row][column] !== null) continue;
      for (let dr = -2; dr <= 2; dr += 1) {
        for (let dc = -2; dc <= 2; dc += 1) {
          set(row + dr, column + dc, Math.max(Math.abs(dr), Math.abs(dc)) !== 1);
        }
      }
    }
  }
}

/** The remainder bits of a BCH code appended to `value`. */
function bch(value, polynomial, degree) {
  let rest = value << degree;
  for (let bit = 31 - Math.clz32(rest); rest >> degree; bit = 31 - Math.clz32(rest)) {
    rest ^= polynomial << (bit - degree);
  }
  return (value << degree) | rest;
}

/** Level M is 00; both copies, and the one module that is always dark. */
function format(set, size, mask) {
  const bits = bch(mask, 0x537, 10) ^ 0x5412;
  for (let i = 0; i < 15; i += 1) {
    const dark = ((bits >> i) & 1) === 1;
    if (i < 8) set(i + Number(i > 5), 8, dark);
    else set(8, 14 - i + Number(i === 8), dark);
    if (i < 8) set(8, size - 1 - i, dark);
    else set(size - 15 + i, 8, dark);
  }
  set(size - 8, 8, true);
}

function versionInformation(set, size, version) {
  const bits = bch(version, 0x1f25, 12);
  for (let i = 0; i < 18; i += 1) {
    const dark = ((bits >> i) & 1) === 1;
    const [far, near] = [size - 11 + (i % 3), Math.floor(i / 3)];
    set(far, near, dark);
    set(near, far, dark);
  }
}

/** Bits go up and down in columns of two, from the right, around column 6. */
function place(modules, codewords, masked) {
  const size = modules.length;
  let index = 0;
  for (let right = size - 1; right > 0; right -= right === 8 ? 3 : 2) {
    const up = ((right + Number(right < 6)) & 2) === 0;
    for (let step = 0; step < size; step += 1) {
      const row = up ? size - 1 - step : step;
      for (const column of [right, right - 1]) {
        if (modules[row][column] !== null) continue;
        const bit = (codewords[index >> 3] >> (7 - (index & 7))) & 1;
        modules[row][column] = (bit === 1) !== masked(row, column);
        index += 1;
      }
    }
  }
}

/** How hard the code is to read: runs, blocks, false finders, unbalanced darkness. */
function penalty(modules) {
  const columns = modules.map((_, column) => modules.map((row) => row[column]));
  const lines = [...modules, ...columns].map((line) => line.map(Number).join(''));
  const dark = modules.flat().filter(Boolean).length / modules.length ** 2;
  const balance = 10 * Math.floor(Math.abs(dark * 100 - 50) / 5);
  return lines.reduce((total, line) => total + linePenalty(line), blocks(modules) + balance);
}

function linePenalty(line) {
  const runs = line.match(/0{5,}|1{5,}/g) ?? [];
  const long = runs.reduce((total, run) => total + run.length - 2, 0);
  const finder = /(?=00001011101|10111010000)/g;
  return long + 40 * (line.match(finder) ?? []).length;
}

function blocks(modules) {
  let total = 0;
  for (let row = 1; row < modules.length; row += 1) {
    for (let column = 1; column < modules.length; column += 1) {
      const dark = modules[row][column];
      const same = [[row - 1, column], [row, column - 1], [row - 1, column - 1]];
      if (same.every(([r, c]) => modules[r][c] === dark)) total += 3;
    }
  }
  return total;
}

/** The code as an SVG document with its quiet zone of four modules. */
export function toSvg(modules) {
  const size = modules.length + 8;
  const cells = modules.flatMap((row, r) =>
    row.flatMap((dark, c) => (dark ? [`M${c + 4} ${r + 4}h1v1h-1z`] : [])));
  return (
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${size} ${size}" ` +
    'shape-rendering="crispEdges" role="img" aria-label="QR code">' +
    `<path fill="#fff" d="M0 0h${size}v${size}H0z"/><path d="${cells.join('')}"/></svg>`
  );
}
