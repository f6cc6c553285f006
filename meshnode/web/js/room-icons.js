/**
 * The few pictograms of a room, drawn for it; each has words beside it or in its label.
 */

const PATHS = {
  mic: 'M12 3a3 3 0 0 1 3 3v5a3 3 0 0 1-6 0V6a3 3 0 0 1 3-3ZM6 11a6 6 0 0 0 12 0M12 17v4M9 21h6',
  camera: 'M4 7h10a1 1 0 0 1 1 1v8a1 1 0 0 1-1 1H4a1 1 0 0 1-1-1V8a1 1 0 0 1 1-1ZM15 11l6-3v8l-6-3',
  screen: 'M4 5h16v11H4ZM9 20h6M12 16v4M12 13V8M9.500 10.500 12 8l2.500 2.500',
  chat: 'M4 5h16v11h-9l-4 4v-4H4Z',
  devices: 'M4 7h9M17 7h3M4 12h3M11 12h9M4 17h11M19 17h1M15 5v4M9 10v4M17 15v4',
  leave: 'M14 4H5v16h9M10 12h11M17 8l4 4-4 4',
  pin: 'M9 4h6l-1 6 3 3H7l3-3ZM12 13v7',
  off: 'M4 4l16 16',
};

/**
 * An icon as an SVG element, hidden from screen readers.
 * @param {keyof typeof PATHS} name
 * @param {boolean} crossed whether it is struck through
 */
export function icon(name, crossed = false) {
  const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
  svg.setAttribute('viewBox', '0 0 24 24');
  svg.setAttribute('aria-hidden', 'true');
  for (const shape of crossed ? [PATHS[name], PATHS.off] : [PATHS[name]]) {
    const path = document.createElementNS(svg.namespaceURI, 'path');
    path.setAttribute('d', shape);
    svg.append(path);
  }
  return svg;
}
