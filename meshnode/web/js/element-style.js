/**
 * The look of both elements, adopted by their shadow roots.
 *
 * Colours are custom properties with defaults, so that a page can set its own:
 * `--mesh-accent`, `--mesh-text`, `--mesh-surface`, `--mesh-border`.
 */

export const sheet = new CSSStyleSheet();

sheet.replaceSync(`
:host {
  --accent: var(--mesh-accent, light-dark(#0b57d0, #a8c7fa));
  --on-accent: var(--mesh-on-accent, light-dark(#ffffff, #062e6f));
  --text: var(--mesh-text, light-dark(#1b1b1f, #e6e6ea));
  --surface: var(--mesh-surface, light-dark(#ffffff, #1d1f24));
  --border: var(--mesh-border, light-dark(#757780, #8e9099));
  color-scheme: inherit;
  color: var(--text);
  display: block;
  font: inherit;
}
:host([hidden]), [hidden] { display: none !important; }
* { box-sizing: border-box; }
.frame {
  aspect-ratio: 16 / 9;
  background: #000;
  border-radius: 0.6rem;
  overflow: hidden;
  position: relative;
}
video { display: block; height: 100%; object-fit: contain; width: 100%; }
.status { margin: 0.5rem 0; min-height: 1.5em; }
.frame .status {
  background: rgb(0 0 0 / 75%);
  border-radius: 0.4rem;
  bottom: 0.6rem;
  color: #fff;
  left: 0.6rem;
  margin: 0;
  max-width: calc(100% - 1.2rem);
  min-height: 0;
  padding: 0.25rem 0.6rem;
  position: absolute;
}
.frame .status:not(:has(:not(:empty))) { display: none; }
.stats {
  background: rgb(0 0 0 / 75%);
  border-radius: 0.4rem;
  color: #fff;
  display: flex;
  flex-wrap: wrap;
  font-size: 0.8rem;
  font-variant-numeric: tabular-nums;
  gap: 0 1rem;
  left: 0.4rem;
  margin: 0;
  max-width: calc(100% - 0.8rem);
  padding: 0.2rem 0.6rem;
  pointer-events: none;
  position: absolute;
  top: 0.4rem;
}
.stats div { display: flex; gap: 0.4rem; }
.stats dt { opacity: 0.8; }
.stats dd { font-weight: 600; margin: 0; }
.bar, .fields { align-items: end; display: flex; flex-wrap: wrap; gap: 0.5rem; }
.bar { margin-top: 0.6rem; }
.fields { margin-bottom: 0.6rem; }
label { display: grid; font-size: 0.9rem; gap: 0.2rem; }
label.check { align-items: center; display: flex; min-height: 2.75rem; }
button, select, input:not([type='checkbox']) {
  background: var(--surface);
  border: 1px solid var(--border);
  border-radius: 0.5rem;
  color: var(--text);
  font: inherit;
  max-width: 100%;
  min-height: 2.75rem;
  padding: 0.4rem 0.8rem;
}
input[type='checkbox'] { height: 1.25rem; width: 1.25rem; }
button { cursor: pointer; }
button.main { background: var(--accent); border-color: var(--accent); color: var(--on-accent); font-weight: 600; }
button[aria-pressed='true'] { outline: 2px solid var(--accent); outline-offset: -3px; }
button:disabled { cursor: default; opacity: 0.55; }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
.hint { font-size: 0.9rem; margin: 0.4rem 0; }
`);
