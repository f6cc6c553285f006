/**
 * Where tiles go: as large as the place allows, in rows of one size.
 *
 * With something on the stage (a screen, or a tile that was pinned) that takes the larger
 * part and the others a strip beside or below it.
 */

const ASPECT = 16 / 9;
const GAP = 8;
/** A tile below this width shows nobody's face: then the grid scrolls instead. */
const LEAST_WIDTH = 140;

/**
 * Columns and width of equal tiles in a place.
 * @param {number} count of tiles
 * @param {number} width of the place, pixels
 * @param {number} height of the place, pixels
 * @returns {{columns: number, width: number}}
 */
export function arrange(count, width, height) {
  let best = { columns: 1, width: 0 };
  for (let columns = 1; columns <= count; columns += 1) {
    const rows = Math.ceil(count / columns);
    const across = (width - GAP * (columns - 1)) / columns;
    const down = ((height - GAP * (rows - 1)) / rows) * ASPECT;
    const fits = Math.floor(Math.min(across, down));
    if (fits > best.width) best = { columns, width: fits };
  }
  if (best.width >= LEAST_WIDTH || count === 0) return best;
  const columns = Math.max(1, Math.floor((width + GAP) / (LEAST_WIDTH + GAP)));
  return { columns, width: Math.floor((width - GAP * (columns - 1)) / columns) };
}

/** Lay the tiles of `grid` out, now and whenever its place changes. */
export class Layout {
  #grid;
  #observer = new ResizeObserver(() => this.apply());

  /** @param {HTMLElement} grid whose children are tiles */
  constructor(grid) {
    this.#grid = grid;
    this.#observer.observe(grid);
  }

  /** Give every tile its width. */
  apply() {
    const grid = this.#grid;
    const staged = grid.querySelectorAll(':scope > [staged]').length > 0;
    grid.toggleAttribute('staged', staged);
    const tiles = grid.querySelectorAll(':scope > :not([staged])');
    const { clientWidth: width, clientHeight: height } = grid;
    const tile = staged ? LEAST_WIDTH : arrange(tiles.length, width, height).width;
    grid.style.setProperty('--tile', `${Math.max(tile, 1)}px`);
  }

  /** Let go of the grid. */
  close() {
    this.#observer.disconnect();
  }
}
