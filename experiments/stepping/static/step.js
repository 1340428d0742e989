// Stepping by hand: what may happen as buttons, what has been tried as a tree. Every button says a line to the server.

/**
 * @typedef {{node: number, up: boolean, lines: string[], timers: {step: string, due: string}[], strike: string}} SteppedNode
 * @typedef {{number: number, text: string, open: boolean, steps: string[]}} PendingMessage
 * @typedef {{number: number, parent: number|null, text: string, on_path: boolean}} TriedBranch
 * @typedef {{scenario: string, seed: number, now: string, current: number, step: string, changed: string[],
 *   violations: string[], nodes: SteppedNode[], pending: PendingMessage[], cuts: string[], tree: TriedBranch[],
 *   left_out: number, message?: string}} Told
 */

/** @param {string} tag @param {{[name: string]: any}} attributes @param {...(Node|string)} content @returns {HTMLElement} */
function element(tag, attributes, ...content) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (value === true) made.setAttribute(name, "");
    else if (value !== false && value !== null) made.setAttribute(name, String(value));
  }
  made.append(...content);
  return made;
}

/** @param {string} id @returns {any} */
function part(id) {
  return document.getElementById(id);
}

/** Nodes that are ticked, to be cut off. @type {Set<number>} */
const ticked = new Set();
/** @type {Told|null} */
let last = null;

/** A button that says a line. @param {string} label @param {string} line @param {boolean} [disabled] */
function doing(label, line, disabled = false) {
  return element("button", {type: "button", title: line, "data-line": line, disabled, onclick: () => say(line)}, label);
}

/** Have the server do it, and show what there is then. @param {string} line */
async function say(line) {
  const answer = await fetch("do", {method: "POST", headers: {"Content-Type": "application/json"}, body: JSON.stringify(line)});
  if (!answer.ok) {
    part("message").textContent = `the server refuses: ${answer.status}`;
    return;
  }
  show(await answer.json());
}

/** @param {Told} told */
function show(told) {
  last = told;
  part("now").textContent = `at ${told.now}${told.cuts.length ? `, cut: ${told.cuts.join(" ")}` : ""}`;
  part("message").textContent = told.message || "";
  part("step").textContent = `${told.current}: ${told.step}`;
  part("changed").textContent = [...told.changed, ...told.violations.map((each) => `VIOLATED ${each}`)].join("\n");
  part("changed").className = told.violations.length ? "violations" : "";
  part("back").disabled = told.current === 0;
  part("mend").disabled = !told.cuts.length;
  part("nodes").replaceChildren(...told.nodes.map((each) => nodeCard(each, told)));
  part("pending").tBodies[0].replaceChildren(...told.pending.map((each) => element("tr", {},
    element("td", {class: "does"}, ...["deliver", "drop", "duplicate"].map((verb, place) =>
      doing(verb, each.steps[place], place === 0 && !each.open))),
    element("td", {}, each.text))));
  showTree(told);
  part("picture").src = `picture?${told.current}#bare=1`;
  document.documentElement.dataset.shown = String(told.current);
}

/** @param {SteppedNode} each @param {Told} told */
function nodeCard(each, told) {
  const tick = /** @type {HTMLInputElement} */ (element("input", {type: "checkbox", "aria-label": `tick node ${each.node}`, onchange: () => {
    if (tick.checked) ticked.add(each.node); else ticked.delete(each.node);
  }}));
  tick.checked = ticked.has(each.node);
  const changed = told.changed.some((line) => line.startsWith(`${each.node}:`) || line.startsWith(`${each.node} `));
  return element("div", {class: `node${each.up ? "" : " down"}${changed ? " struck" : ""}`, "data-node": each.node},
    element("h3", {}, tick, `node ${each.node}`, doing(each.up ? "crash" : "restart", each.strike)),
    element("div", {class: "holds"}, ...each.lines.map((line) => element("p", {}, line))),
    element("div", {class: "row"}, ...each.timers.map((timer) => doing(`${timer.step} (${timer.due})`, timer.step))));
}

/** What was tried; a chain without another way is not indented. @param {Told} told */
function showTree(told) {
  /** @type {Map<number|null, TriedBranch[]>} */
  const children = new Map();
  const known = new Set(told.tree.map((each) => each.number));
  for (const each of told.tree) {
    const parent = each.parent !== null && known.has(each.parent) ? each.parent : null;
    children.set(parent, [...(children.get(parent) || []), each]);
  }
  /** @type {HTMLElement[]} */
  const lines = [];
  const waiting = (children.get(null) || []).map((each) => /** @type {[TriedBranch, number]} */ ([each, 0])).reverse();
  while (waiting.length) {
    const [each, depth] = /** @type {[TriedBranch, number]} */ (waiting.pop());
    lines.push(element("li", {style: `--depth: ${Math.min(depth, 12)}`}, element("button", {type: "button",
      class: `link${each.on_path ? " on-path" : ""}`, "data-branch": each.number,
      "aria-current": each.number === told.current ? "step" : null, onclick: () => say(`jump ${each.number}`)},
      `${each.number} ${each.text}`)));
    const following = children.get(each.number) || [];
    for (const next of following.slice().reverse()) waiting.push([next, depth + (following.length > 1 ? 1 : 0)]);
  }
  if (told.left_out) lines.unshift(element("li", {}, `${told.left_out} earlier ones are not listed`));
  part("tree").replaceChildren(...lines);
  const current = part("tree").querySelector("[aria-current]");
  if (current) current.scrollIntoView({block: "nearest"});
}

part("back").addEventListener("click", () => say("back"));
part("go").addEventListener("click", () => say("go 20"));
part("pass").addEventListener("click", () => say("pass 10ms"));
part("mend").addEventListener("click", () => say("mend"));
part("cut").addEventListener("click", () => {
  const all = last ? last.nodes.map((each) => each.node) : [];
  const others = all.filter((node) => !ticked.has(node));
  if (ticked.size && others.length) say(`cut ${[...ticked].sort((a, b) => a - b).join(" ")} | ${others.join(" ")}`);
  else part("message").textContent = "tick the nodes that are to be cut off, some and not all";
});
part("say").addEventListener("submit", (/** @type {Event} */ event) => {
  event.preventDefault();
  say(part("line").value).then(() => { if (!part("message").textContent) part("line").value = ""; });
});
document.addEventListener("keydown", (event) => {
  if (/^(INPUT|SELECT|TEXTAREA)$/.test(/** @type {HTMLElement} */ (event.target).tagName) || event.ctrlKey || event.metaKey) return;
  if (event.key === "b") say("back");
  if (event.key === "g") say("go 20");
});
const dark = matchMedia("(prefers-color-scheme: dark)");
document.documentElement.dataset.theme = dark.matches ? "dark" : "light";
fetch("state").then(async (answer) => show(await answer.json()));
