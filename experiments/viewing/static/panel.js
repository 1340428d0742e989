// Beside the picture, as text: the event, the run, what is shown, and the signs. Texts of a run are only ever shown as text.

/** An element with its attributes and content. @param {string} tag @param {{[name: string]: any}} attributes
 * @param {...(Node|string|null|undefined)} content @returns {HTMLElement} */
function element(tag, attributes, ...content) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (value === true) made.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) made.setAttribute(name, String(value));
  }
  for (const each of content) if (each !== null && each !== undefined) made.append(each);
  return made;
}

/** An element of the page that is there. @param {string} id @returns {any} */
function part(id) {
  const found = document.getElementById(id);
  if (!found) throw new Error(`the page lacks ${id}`);
  return found;
}

/** A row of a table. @param {string} name @param {string|Node} value */
function tableRow(name, value) {
  return element("tr", {}, element("th", {scope: "row"}, name), element("td", {}, value));
}

/** A JSON text as people read it. @param {string} text */
function spread(text) {
  if (!text) return "";
  try {
    const value = JSON.parse(text);
    return typeof value === "string" ? value : JSON.stringify(value, null, 1);
  } catch {
    return text;
  }
}

/** An event in one sentence, for the line below the picture and for who hears the page. @param {Run} run @param {number} row */
function sentence(run, row) {
  const label = run.form.labels[run.label[row]], peer = run.nodeName(run.peer[row]), reason = run.form.reasons[run.reason[row]];
  const why = reason ? ` (${reason})` : "";
  const did = [`sends ${label} to ${peer}`, `receives ${label} from ${peer}`, `${label} with ${peer} is dropped`,
    `timer ${label}`, "starts", `fault: ${label}`, `tells ${label}`,
    label, `asks ${label}`, `is answered ${label}`][run.what[row]];
  return `${run.eventName(row)} at ${duration(run.time[row])}: ${run.nodeName(run.node[row])} ${did}${why}`;
}

/** What a node had told by the beginning and by the end of the handling that an event belongs to, name by name.
 * @param {Run} run @param {number} row @returns {Promise<{name: string, before: string, after: string}[]>} */
async function stateOf(run, row) {
  const begin = [DELIVER, TIMER, START, FAULT].includes(run.what[row]) ? row : causeOf(run, row);
  if (begin < 0) return [];
  if (run.state[begin]) return fieldsOf(run, begin);
  /** @type {Map<string, {before: number, after: number}>} */
  const told = new Map();
  const entry = (/** @type {number} */ each) => {
    const name = run.form.labels[run.label[each]];
    const found = told.get(name) || {before: -1, after: -1};
    told.set(name, found);
    return found;
  };
  for (let each = run.beside(begin, 1); each >= 0 && !isHandled(run, each); each = run.beside(each, 1)) {
    if (run.what[each] === OBSERVE) entry(each).after = each;
  }
  for (let each = begin, steps = 0; each >= 0 && steps < 20000; each = run.beside(each, -1), steps++) {
    if (run.what[each] === START && each !== begin) break;
    if (run.what[each] === OBSERVE && each !== begin && entry(each).before < 0) entry(each).before = each;
  }
  const rows = [];
  for (const [name, {before, after}] of [...told].sort()) {
    const text = async (/** @type {number} */ each) => (each < 0 ? "" : run.textOf(run.text[each]));
    rows.push({name, before: await text(before), after: await text(after < 0 ? before : after)});
  }
  return rows.slice(0, 60);
}

/** The recorded fields of the node, before and after. @param {Run} run @param {number} begin */
async function fieldsOf(run, begin) {
  let next = run.beside(begin, 1);
  while (next >= 0 && !run.state[next]) next = run.beside(next, 1);
  const before = JSON.parse(await run.textOf(run.state[begin]));
  const after = next < 0 ? {} : JSON.parse(await run.textOf(run.state[next]));
  const names = [...new Set([...Object.keys(before), ...Object.keys(after)])];
  return names.map((name) => ({name, before: before[name] || "", after: next < 0 ? "" : after[name] || ""}));
}

/** The section about the chosen event. @param {Page} page */
async function showEvent(page) {
  const section = part("event"), selected = page.selected;
  if (!selected) {
    section.replaceChildren(element("p", {}, "Click an event, or press . to go to the first one in the picture."));
    return;
  }
  const {run, row} = selected, kind = run.what[row], label = run.form.labels[run.label[row]];
  const other = run.other[row], link = other < 0 ? null : eventButton(page, run, other);
  const body = element("tbody", {}, tableRow("time", duration(run.time[row])), tableRow("node", run.nodeName(run.node[row])));
  if (kind <= DROP) {
    const sender = kind === SEND || run.node[row] !== run.peer[row] && other >= 0 && run.node[other] === run.node[row];
    body.append(tableRow(sender ? "to" : "from", run.nodeName(run.peer[row])));
    if (link) body.append(tableRow(kind === SEND ? "ended as" : "sent as", link));
    if (link) body.append(tableRow("took", duration(Math.abs(run.time[other] - run.time[row]))));
    if (kind === SEND && other < 0) body.append(tableRow("ended", "not in what is shown"));
  }
  if (run.reason[row]) body.append(tableRow("reason", run.form.reasons[run.reason[row]]));
  const buttons = element("div", {class: "row"},
    element("button", {type: "button", id: "before", onclick: () => page.step(-1), title: "The node's event before (,)"}, "\u25c0 before"),
    element("button", {type: "button", id: "after", onclick: () => page.step(1), title: "The node's next event (.)"}, "next \u25b6"),
    element("button", {type: "button", id: "along", onclick: () => page.along(), title: "Along the message (m)", disabled: other < 0}, "message"),
    element("button", {type: "button", id: "lit", "aria-pressed": String(page.lighting), onclick: () => page.toggleLight(), title: "Causal past and future (l)"}, "light"),
    element("button", {type: "button", id: "why", "aria-pressed": String(page.tracing), onclick: () => page.toggleWhy(), title: "The chain that led to it (w)"}, "why"));
  const heading = element("h2", {}, `${run.eventName(row)} ${run.form.kinds[kind]}${kind === START ? "" : ` ${label}`}`);
  const [before, after] = (page.light || new Light(run, row)).sizes();
  const around = element("p", {}, `${before} events happened before it, ${after} after, ` +
    `${run.count - before - after - 1} are concurrent with it.`);
  const carriedText = element("pre", {id: "carried"}), state = element("div", {id: "state"});
  section.replaceChildren(heading, element("table", {}, body), carriedText, buttons, around, chainList(page, run, row), state,
    run.form.command ? element("p", {}, "Stop there: ", element("code", {}, stopCommand(run, row))) : "");
  carriedText.textContent = spread(await run.textOf(run.text[row]));
  carriedText.hidden = !carriedText.textContent;
  const rows = await stateOf(run, row);
  if (page.selected !== selected || !rows.length) return;
  const title = run.state.some((each) => each > 0) ? "What the node held" : "What the node had told";
  state.replaceChildren(element("h2", {}, `${title}, before and after`), element("table", {},
    element("thead", {}, element("tr", {}, element("th", {}, "name"), element("th", {}, "before"), element("th", {}, "after"))),
    element("tbody", {}, ...rows.map((each) => element("tr", each.before === each.after ? {} : {class: "changed"},
      element("th", {scope: "row"}, each.name), element("td", {}, short(each.before)), element("td", {}, short(each.after)))))));
}

/** @param {string} text */
function short(text) {
  return text.length > 160 ? `${text.slice(0, 159)}\u2026` : text;
}

/** @param {Run} run @param {number} row */
function stopCommand(run, row) {
  const node = run.node[row];
  return node < 0 ? run.form.command : `${run.form.command} --until ${run.eventName(row)} --inspect ${node}`;
}

/** @param {Page} page @param {Run} run @param {number} row */
function eventButton(page, run, row) {
  return element("button", {type: "button", class: "link", onclick: () => page.choose(run, row)}, run.eventName(row));
}

/** Why did this happen: the chain of causes, the root first. @param {Page} page @param {Run} run @param {number} row */
function chainList(page, run, row) {
  const chain = chainOf(run, row), most = 14, left = Math.max(0, chain.length - most);
  const shown = left ? [chain[0], ...chain.slice(left + 1)] : chain;
  return element("details", {open: true}, element("summary", {}, `Why: ${chain.length - 1} steps from its root`),
    left ? element("p", {}, `The first and the last ${most - 1}; the picture has all.`) : null,
    element("ol", {id: "chain"}, ...shown.map((each) => element("li", {},
      element("button", {type: "button", onclick: () => page.choose(run, each)}, sentence(run, each))))));
}

/** The sections about the runs: violations, the report, the clients' history. @param {Page} page */
function showReport(page) {
  const body = part("report");
  body.replaceChildren();
  if (page.about.parting) {
    body.append(element("div", {class: "violation"}, element("pre", {}, page.about.parting.text),
      element("button", {type: "button", onclick: () => page.toParting()}, "to where the runs part")));
  }
  for (const run of page.runs) {
    if (page.runs.length > 1) body.append(element("h2", {}, run.form.name));
    for (const violation of run.form.violations) {
      body.append(element("div", {class: "violation"},
        element("button", {type: "button", class: "link", onclick: () => page.toTime(run, violation.time_ns)},
          `${violation.property} violated at ${duration(violation.time_ns)}`), element("div", {}, violation.detail)));
    }
    if (run.form.history) body.append(element("div", {class: "violation"}, element("pre", {}, run.form.history)));
    body.append(element("table", {}, element("tbody", {}, tableRow("events", run.count.toLocaleString("en")),
      ...run.form.report.map(([name, text]) => tableRow(name, text)))));
  }
}

/** The choices of what is shown. @param {Page} page */
function showChoices(page) {
  const {choice, runs} = page, body = part("choices");
  const kinds = new Map(), labels = new Map(), nodes = new Map();
  /** @param {Map<any, number>} into @param {any} value @param {number} count */
  const counted = (into, value, count) => { if (count) into.set(value, (into.get(value) || 0) + count); };
  for (const run of runs) {
    const ofKind = new Uint32Array(run.form.kinds.length), ofLabel = new Uint32Array(run.form.labels.length);
    for (let i = 0; i < run.count; i++) {
      ofKind[run.what[i]]++;
      ofLabel[run.label[i]]++;
    }
    ofKind.forEach((count, kind) => counted(kinds, kind, count));
    ofLabel.forEach((count, label) => counted(labels, run.form.labels[label], count));
    for (let lane = 0; lane < run.lanes; lane++) counted(nodes, lane - 1, run.begin[lane + 1] - run.begin[lane]);
  }
  const changed = () => page.chosenAnew();
  const kindNames = [...kinds].sort((a, b) => a[0] - b[0]).map(([kind, count]) =>
    /** @type {[any, string, number]} */ ([kind, runs[0].form.kinds[kind], count]));
  const labelNames = [...labels].sort((a, b) => b[1] - a[1]).map(([label, count]) =>
    /** @type {[any, string, number]} */ ([label, label, count]));
  const nodeNames = [...nodes].sort((a, b) => a[0] - b[0]).map(([node, count]) =>
    /** @type {[any, string, number]} */ ([node, runs[0].nodeName(node), count]));
  const tracks = [...new Set(runs.flatMap((run) => run.tracks.map((track) => track.name)))];
  const keys = [...new Set(runs.flatMap((run) => run.form.bars.map((bar) => bar.key)))].sort();
  const current = choice.track === null ? tracks[0] || "" : choice.track;
  body.replaceChildren(
    element("fieldset", {}, element("legend", {}, "time"), element("div", {class: "row"},
      timeInput("from", choice.fromNs, (ns) => { choice.fromNs = isNaN(ns) ? -Infinity : ns; changed(); }),
      timeInput("to", choice.toNs, (ns) => { choice.toNs = isNaN(ns) ? Infinity : ns; changed(); }))),
    checks("kinds", kindNames, choice.hiddenKinds, changed),
    checks("types of messages, timers, observations", labelNames.slice(0, 400), choice.hiddenLabels, changed),
    checks("nodes", nodeNames.slice(0, 1000), choice.hiddenNodes, changed),
    choosing("colour of nodes", tracks, current, (name) => { choice.track = name; page.kept(); }),
    ...(keys.length ? [choosing("clients' key", keys, choice.key || "", (key) => { choice.key = key || null; page.kept(); })] : []));
}

/** @param {string} name @param {number} ns @param {(ns: number) => void} set */
function timeInput(name, ns, set) {
  const input = /** @type {HTMLInputElement} */ (element("input", {id: `time-${name}`, size: 8, placeholder: "2.5s",
    value: isFinite(ns) ? duration(ns) : "", onchange: () => set(durationOf(input.value))}));
  return element("label", {}, `${name} `, input);
}

/** @param {string} title @param {[any, string, number][]} entries @param {Set<any>} hidden @param {() => void} changed */
function checks(title, entries, hidden, changed) {
  const set = (/** @type {boolean} */ all) => {
    for (const [value] of entries) if (all) hidden.delete(value); else hidden.add(value);
    for (const box of list.querySelectorAll("input")) box.checked = all;
    changed();
  };
  const list = element("div", {class: "list", role: "group", "aria-label": title}, ...entries.map(([value, name, count]) => {
    const box = /** @type {HTMLInputElement} */ (element("input", {type: "checkbox", "data-value": value, onchange: () => {
      if (box.checked) hidden.delete(value); else hidden.add(value);
      changed();
    }}));
    box.checked = !hidden.has(value);
    return element("label", {}, box, ` ${name} `, element("span", {class: "count"}, count.toLocaleString("en")));
  }));
  return element("fieldset", {"data-of": title.split(" ")[0]}, element("legend", {}, title, " ",
    element("button", {type: "button", class: "link", onclick: () => set(true)}, "all"), " ",
    element("button", {type: "button", class: "link", onclick: () => set(false)}, "none")), list);
}

/** @param {string} title @param {string[]} names @param {string} current @param {(name: string) => void} set */
function choosing(title, names, current, set) {
  const select = /** @type {HTMLSelectElement} */ (element("select", {onchange: () => set(select.value)},
    element("option", {value: ""}, title.startsWith("clients") ? "all" : "none"),
    ...names.map((name) => element("option", {value: name}, name))));
  select.value = current;
  return element("div", {class: "row"}, element("label", {}, `${title} `, select));
}

/** What the signs mean. @param {Page} page */
function showLegend(page) {
  const body = part("legend");
  body.replaceChildren();
  /** @param {(context: CanvasRenderingContext2D) => void} draw @param {string} text */
  const line = (draw, text) => {
    const canvas = /** @type {HTMLCanvasElement} */ (element("canvas", {width: 40, height: 16, style: "width:40px", "aria-hidden": "true"}));
    draw(/** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d")));
    body.append(element("div", {}, canvas, text));
  };
  const names = ["a message leaves", "arrives", "is lost: the stub says why", "a timer", "a start", "a fault", "an observation"];
  names.forEach((name, kind) => line((context) => drawMark(context, kind, 20, 8, 4, page.ink), name));
  for (const run of page.runs) {
    const track = trackOf(run, page.choice);
    if (!track) continue;
    track.states.forEach((name, state) => {
      if (!state) return;
      const style = stateStyle(track, state);
      line((context) => {
        context.fillStyle = style.colour;
        context.fillRect(2, 8 - style.high / 2, 36, style.high);
      }, short(name));
    });
    break;
  }
}
