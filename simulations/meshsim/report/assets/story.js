// Walks through the frames of one repair; all of them were worked out by meshsim.
(() => {
  const source = document.getElementById("story-data");
  if (!source) return;
  const story = JSON.parse(source.textContent);
  const box = document.getElementById("story");
  const picture = box.querySelector("svg");
  const slider = box.querySelector("input");
  const said = box.querySelector(".said");
  const time = box.querySelector(".time");
  const play = box.querySelector("[data-go=play]");
  const SVG = "http://www.w3.org/2000/svg";
  const columns = Math.max(...story.nodes.map((node) => node.x)) + 1;
  const rows = Math.max(...story.nodes.map((node) => node.y)) + 1;
  const width = Math.max(720, columns * 26 + 60);
  const rowHeight = 84;
  const height = rows * rowHeight + 20;
  const place = new Map();
  for (const node of story.nodes) {
    const x = 30 + ((node.x + 0.5) / columns) * (width - 60);
    place.set(node.id, { x, y: 34 + node.y * rowHeight });
  }
  picture.setAttribute("viewBox", `0 0 ${width} ${height}`);

  const make = (name, attributes, parent) => {
    const element = document.createElementNS(SVG, name);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    return parent.appendChild(element);
  };
  const edges = make("g", {}, picture);
  const arrow = make("path", { class: "asks" }, picture);
  const groups = new Map();
  const size = { strong: 11, middle: 9, thin: 7 };
  for (const node of story.nodes) {
    const { x, y } = place.get(node.id);
    const group = make("g", {}, picture);
    make("circle", { cx: x, cy: y, r: size[node.kind] || 9 }, group);
    make("text", { x, y: y + 24 }, group).textContent = node.id;
    const title = node.id === story.origin ? "the publisher's node" : `a ${node.kind} node`;
    make("title", {}, group).textContent = `${node.id}: ${title}`;
    groups.set(node.id, group);
  }

  const curve = (from, to) => {
    const a = place.get(from);
    const b = place.get(to);
    if (!a || !b) return "";
    const bend = a.y === b.y ? a.y - 46 : (a.y + b.y) / 2;
    return `M${a.x},${a.y} C${a.x},${bend} ${b.x},${bend} ${b.x},${b.y}`;
  };

  const at = (step) => {
    const states = new Map(story.nodes.map((node) => [node.id, "fed"]));
    const parents = new Map(Object.entries(story.parent).map(([k, v]) => [Number(k), v]));
    for (const frame of story.frames.slice(0, step + 1)) {
      for (const [id, state] of Object.entries(frame.states)) states.set(Number(id), state);
      for (const [id, parent] of Object.entries(frame.parents)) parents.set(Number(id), parent);
    }
    return { states, parents };
  };

  const show = (step) => {
    const frame = story.frames[step];
    const { states, parents } = at(step);
    edges.replaceChildren();
    for (const [child, parent] of parents) {
      const off = states.get(child) !== "fed" || states.get(parent) === "dead";
      make("path", { class: off ? "edge off" : "edge", d: curve(parent, child) }, edges);
    }
    for (const [id, group] of groups) {
      const now = id === frame.node ? " now" : "";
      group.setAttribute("class", `n-${states.get(id)}${now}`);
    }
    const asks = frame.other !== null && frame.other !== undefined;
    arrow.setAttribute("d", asks ? curve(frame.node, frame.other) : "");
    said.textContent = frame.text;
    time.textContent = `${frame.t_ms.toFixed(0)} ms`;
    slider.value = step;
  };

  let timer = 0;
  const stop = () => {
    clearInterval(timer);
    timer = 0;
    play.textContent = "play";
  };
  const go = (step) => show(Math.min(story.frames.length - 1, Math.max(0, step)));
  const start = () => {
    if (Number(slider.value) >= story.frames.length - 1) go(0);
    play.textContent = "pause";
    timer = setInterval(() => {
      if (Number(slider.value) >= story.frames.length - 1) stop();
      else go(Number(slider.value) + 1);
    }, 700);
  };
  const actions = {
    back: () => (stop(), go(Number(slider.value) - 1)),
    next: () => (stop(), go(Number(slider.value) + 1)),
    play: () => (timer ? stop() : start()),
  };
  slider.max = story.frames.length - 1;
  slider.addEventListener("input", () => (stop(), go(Number(slider.value))));
  box.addEventListener("click", (event) => actions[event.target.dataset.go]?.());
  document.addEventListener("keydown", (event) => {
    if (event.target === slider) return;
    if (event.key === "ArrowRight") actions.next();
    if (event.key === "ArrowLeft") actions.back();
  });
  go(0);
})();
