/**
 * Links to a stream: one to open, one to scan, and what a developer pastes.
 */

import { element } from './element-base.js';
import { encode, toSvg } from './qr.js';

const LOOPBACK = /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/;

/** Fill `place` with the links of stream `name` on the node of this page. */
export function share(place, name) {
  const here = new URL('.', location.href);
  const page = new URL(`#watch=${encodeURIComponent(name)}`, here).href;
  const links = element('div', { className: 'links' }, copyable('Link to watch', page));
  if (LOOPBACK.test(location.hostname)) {
    const text = 'This address works on this machine only.';
    links.append(element('p', { className: 'hint', textContent: text }));
  }
  links.append(more(here, name));
  const code = element('div', { className: 'code' });
  code.innerHTML = svg(page);
  place.replaceChildren(element('div', { className: 'share' }, links, code));
  place.hidden = false;
}

function svg(text) {
  try {
    return toSvg(encode(text)).replace('QR code', 'QR code of the link to watch');
  } catch {
    return ''; // a host name beyond all reason: the link is still there to copy
  }
}

function copyable(text, value) {
  const field = element('input', { readOnly: true, value });
  field.addEventListener('focus', () => field.select());
  const button = element('button', { type: 'button', textContent: 'Copy' });
  button.addEventListener('click', async () => {
    field.focus();
    // the clipboard exists on secure origins only; elsewhere the text is selected
    await navigator.clipboard?.writeText(value);
    button.textContent = navigator.clipboard ? 'Copied' : 'Selected';
  });
  const label = element('label', { textContent: text }, field);
  return element('div', { className: 'row' }, label, button);
}

function more(here, name) {
  const path = encodeURIComponent(name);
  const [whip, whep] = [`whip/${path}`, `whep/${path}`].map((each) => new URL(each, here).href);
  const script = new URL('js/elements.js', here).href;
  const paste =
    `<script type="module" src="${script}"></` + `script>\n` +
    `<mesh-player src="${whep}" autoplay></mesh-player>`;
  return element(
    'details',
    {},
    element('summary', { textContent: 'For OBS, players and web developers' }),
    copyable('WHIP (publish)', whip),
    copyable('WHEP (play)', whep),
    element('pre', { textContent: paste }),
  );
}
