/**
 * The look of `<mesh-room>`, beside that of all elements (`element-style.js`).
 *
 * Pictures lie on a dark ground in either colour scheme, as in a cinema.  What depends on
 * room is asked of the element's own width, for it may be pasted into a narrow column.
 */

export const sheet = new CSSStyleSheet();

sheet.replaceSync(`
:host { container-type: inline-size; height: 100%; min-height: 20rem; }
h2, h3 { font-size: 1.1rem; line-height: 1.2; margin: 0; }
.lobby { background: var(--surface); border-radius: 0.9rem; box-shadow: 0 1px 3px rgb(0 0 0 / 25%); display: grid; gap: 0.8rem; margin: clamp(0.5rem, 10cqw, 4rem) auto; max-width: 24rem; padding: 1.2rem; }
.lobby input, .lobby select { width: 100%; }
.lobby .status { margin: 0; }
.room { display: flex; flex-direction: column; gap: 0.5rem; height: 100%; min-height: inherit; }
.notice { background: var(--surface); border: 1px solid var(--border); border-radius: 0.5rem; margin: 0; padding: 0.4rem 0.8rem; }
.notice:empty { border: 0; height: 0; padding: 0; }
.middle { display: flex; flex: 1; gap: 0.5rem; min-height: 0; position: relative; }
.grid {
  align-content: center;
  display: flex;
  flex: 1;
  flex-wrap: wrap;
  gap: 8px;
  justify-content: center;
  min-width: 0;
  overflow: hidden auto;
}
.tile {
  aspect-ratio: 16 / 9;
  background: #24262c;
  border-radius: 0.6rem;
  color: #fff;
  overflow: hidden;
  position: relative;
  width: var(--tile);
}
.tile video { background: #000; height: 100%; inset: 0; object-fit: cover; position: absolute; width: 100%; }
.tile:not([seen]) video { visibility: hidden; }
.tile[seen] .avatar { display: none; }
.tile[screen] video { object-fit: contain; }
.tile[own] video { transform: scaleX(-1); }
.tile::after { border: 3px solid transparent; border-radius: inherit; content: ''; inset: 0; pointer-events: none; position: absolute; }
.tile[speaking]::after { border-color: #7ee2a8; box-shadow: inset 0 0 0 2px #0b3d22; }
.avatar {
  align-items: center;
  background: #3d5a99;
  border-radius: 50%;
  display: flex;
  font-size: clamp(1rem, calc(var(--tile) / 9), 3rem);
  height: 45%;
  aspect-ratio: 1;
  justify-content: center;
  left: 50%;
  position: absolute;
  top: 50%;
  transform: translate(-50%, -50%);
}
.who {
  align-items: center;
  background: rgb(0 0 0 / 75%);
  border-radius: 0.4rem;
  bottom: 0.4rem;
  display: flex;
  font-size: 0.85rem;
  gap: 0.3rem;
  left: 0.4rem;
  max-width: calc(100% - 0.8rem);
  padding: 0.15rem 0.5rem;
  position: absolute;
}
.name { overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.sound:empty { display: none; }
svg { display: block; fill: none; flex: none; height: 1.35rem; stroke: currentcolor; stroke-linecap: round; stroke-linejoin: round; stroke-width: 1.8; width: 1.35rem; }
.who svg { height: 1rem; width: 1rem; }
.actions { display: flex; gap: 0.3rem; opacity: 0; position: absolute; right: 0.4rem; top: 0.4rem; }
.tile:hover .actions, .tile:focus-within .actions { opacity: 1; }
.actions button { background: rgb(0 0 0 / 75%); border-color: transparent; color: #fff; min-height: 2.5rem; min-width: 2.5rem; padding: 0.4rem; }
.actions button[aria-pressed='true'] { outline-color: #fff; }
.grid[staged] { align-content: flex-start; }
.tile[staged] { flex: 1 0 100%; height: calc(100% - var(--tile) * 9 / 16 - 8px); order: -1; aspect-ratio: auto; width: 100%; }
.tile[staged] video { object-fit: contain; }
.grid[staged]:not(:has(> :not([staged]))) > [staged] { height: 100%; }
.controls { align-items: center; display: flex; gap: 0.4rem; justify-content: center; }
.controls button { align-items: center; display: flex; gap: 0.4rem; justify-content: center; min-width: 3rem; padding: 0.4rem 0.7rem; position: relative; }
.controls button[off] { background: light-dark(#fbe4e2, #5c201c); border-color: light-dark(#b3261e, #f2b8b5); color: light-dark(#7a150f, #ffdad6); }
.controls button[on]:is([data-does='screen'], [data-does='chat']) { background: var(--accent); border-color: var(--accent); color: var(--on-accent); }
.controls .leave { background: #b3261e; border-color: #b3261e; color: #fff; }
[data-unread]:not([data-unread=''])::after {
  background: #b3261e;
  border-radius: 1rem;
  color: #fff;
  content: attr(data-unread);
  font-size: 0.75rem;
  min-width: 1.2rem;
  padding: 0 0.3rem;
  position: absolute;
  right: -0.2rem;
  text-align: center;
  top: -0.3rem;
}
.quality { align-items: end; display: flex; gap: 2px; height: 1.2rem; margin-left: 0.4rem; }
.quality span { background: currentcolor; border-radius: 1px; height: 25%; opacity: 0.25; width: 4px; }
.quality span:nth-child(2) { height: 50%; }
.quality span:nth-child(3) { height: 75%; }
.quality span:nth-child(4) { height: 100%; }
.quality .lit { opacity: 1; }
.quality:is([data-level='poor'], [data-level='critical']) .lit { background: light-dark(#b3261e, #f2b8b5); }
.chat { background: var(--surface); border: 1px solid var(--border); border-radius: 0.6rem; display: flex; flex: 0 0 19rem; flex-direction: column; min-height: 0; padding: 0.6rem; }
.head { align-items: center; display: flex; gap: 0.5rem; justify-content: space-between; }
.chat ol { flex: 1; list-style: none; margin: 0.4rem 0; min-height: 0; overflow-y: auto; padding: 0; }
.chat li { margin: 0.4rem 0; }
.chat li p { margin: 0; overflow-wrap: anywhere; white-space: pre-wrap; }
.chat li .head { font-size: 0.8rem; justify-content: flex-start; }
.from { font-weight: 600; }
li[own] .from { color: var(--accent); }
.say { display: flex; gap: 0.4rem; }
.say input { flex: 1; min-width: 0; }
dialog { background: var(--surface); border: 1px solid var(--border); border-radius: 0.8rem; color: var(--text); max-width: 26rem; padding: 1rem; width: calc(100% - 2rem); }
dialog::backdrop { background: rgb(0 0 0 / 50%); }
.choices { display: grid; gap: 0.8rem; margin: 0.8rem 0; }
.choices select { width: 100%; }
@container (max-width: 46rem) {
  .controls .words { clip-path: inset(50%); height: 1px; overflow: hidden; position: absolute; white-space: nowrap; width: 1px; }
  .controls { justify-content: space-between; }
  .controls button { min-width: 2.75rem; padding: 0.4rem; }
  .chat { inset: 0; position: absolute; z-index: 1; }
}
@media (hover: none) { .actions { opacity: 1; } }
@media (prefers-reduced-motion: no-preference) { .actions, .tile::after { transition: opacity 120ms, border-color 120ms; } }
`);
