// Evaluated in the page by test_page.py: what a person with a keyboard, a screen reader
// or weak eyes would stumble over.  Returns complaints as sentences.
(() => {
  const complaints = [];
  const walk = (root) => [...root.querySelectorAll('*')].flatMap((each) =>
    [each, ...(each.shadowRoot ? walk(each.shadowRoot) : [])]);
  const visible = (each) => each.checkVisibility?.({ visibilityProperty: true }) ?? true;
  const all = walk(document).filter(visible);

  const nameOf = (control) =>
    control.ariaLabel || control.textContent.trim() ||
    [...(control.labels ?? [])].map((label) => label.textContent.trim()).join(' ');
  for (const control of all.filter((each) => each.matches('button, input, select, a[href]'))) {
    const what = `${control.localName}#${control.id || control.className || control.type}`;
    const own = control.localName === 'select'
      ? control.ariaLabel || [...control.labels].map((label) => label.firstChild.textContent).join('')
      : nameOf(control);
    if (!own) complaints.push(`${what} has no name`);
    const { width, height } = control.getBoundingClientRect();
    if (control.matches('button, select') && Math.min(width, height) < 40) {
      complaints.push(`${what} is too small for a finger: ${width}x${height}`);
    }
    if (control.tabIndex < 0 && !control.disabled) complaints.push(`${what} cannot be reached`);
  }

  const canvas = new OffscreenCanvas(1, 1).getContext('2d', { willReadFrequently: true });
  const rgb = (colour) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = colour;
    canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data];
  };
  const luminance = ([r, g, b]) => [r, g, b]
    .map((v) => v / 255)
    .map((v) => (v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4))
    .reduce((total, v, i) => total + v * [0.2126, 0.7152, 0.0722][i], 0);
  const behind = (each) => {
    for (let at = each; at; at = at.assignedSlot ?? at.parentElement ?? at.getRootNode().host) {
      const colour = rgb(getComputedStyle(at).backgroundColor);
      if (colour[3] > 180) return colour;
    }
    return [255, 255, 255, 255];
  };
  const texts = all.filter((each) => !each.disabled
    && [...each.childNodes].some((node) => node.nodeType === 3 && node.data.trim()));
  for (const text of texts.filter((each) => !/script|style|title|option/.test(each.localName))) {
    const pair = [rgb(getComputedStyle(text).color), behind(text)].map(luminance);
    const contrast = (Math.max(...pair) + 0.05) / (Math.min(...pair) + 0.05);
    if (contrast < 4.5) {
      complaints.push(`"${text.textContent.trim().slice(0, 30)}": contrast ${contrast.toFixed(1)}`);
    }
  }
  if (document.documentElement.scrollWidth > innerWidth) complaints.push('scrolls sideways');
  return complaints;
})()
