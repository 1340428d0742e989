// What is looked at: drawn, searched, and kept in the address.

/** What the page looks at. @implements {Looked} */
class Page {
  /** @param {About} about @param {Run[]} runs */
  constructor(about, runs) {
    this.about = about;
    this.runs = runs;
    this.parting = about.parting;
    this.choice = new Choice();
    this.found = runs.map((run) => new Found(run));
    this.align();
    /** @type {{run: Run, row: number}|null} */
    this.selected = null;
    /** @type {Light|null} */
    this.light = null;
    this.lighting = true;
    this.tracing = true;
    /** @type {number[]} */
    this.chain = [];
    this.waiting = 0;
    this.searching = 0;
    /** @type {{[name: string]: string}} */
    this.inks = {};
    /** Milliseconds that drawing took, the last ones. @type {number[]} */
    this.frames = [];
    this.ink = (/** @type {string} */ name) => this.inks[name];
    this.redraw = () => this.draw();
    this.scale = new Scale(0, 1);
    /** @type {Uint8Array[]} */
    this.shown = [];
    /** @type {Float64Array[]} */
    this.places = [];
    /** Events by pixel column of the strip, where it has been drawn. @type {Float64Array|null} */
    this.histogram = null;
    this.bad = new Uint8Array(0);
    this.saving = 0;
    /** Whether the picture stands alone, in another page. */
    this.bare = false;
    this.trouble = -1;
    this.makeScale();
    this.view = new View(this.scale);
    this.pictures = runs.map((run) => new Picture(run, this.canvasFor(run), this));
    const asked = runs.find((run) => run.form.bars.length);
    /** @type {Bars|null} */
    this.bars = asked ? new Bars(asked, part("bars"), this) : null;
    part("bars").hidden = !this.bars;
  }

  /** Where two runs part, both stand at one place. */
  align() {
    const [one, other] = this.runs, rows = this.parting ? this.parting.rows : [0, 0];
    if (other && rows[0] < one.count && rows[1] < other.count) other.shift = one.time[rows[0]] - other.time[rows[1]];
  }

  /** @param {Run} run */
  canvasFor(run) {
    const canvas = /** @type {HTMLCanvasElement} */ (element("canvas", {id: `run-${run.place}`, tabindex: 0, role: "application",
      "aria-label": `Space-time diagram of ${run.form.name}: a line for each node, time from left to right. ` +
        "Arrow keys pan, + and - zoom, full stop goes to the next event."}));
    part("runs").append(element("div", {}, this.runs.length > 1 ? element("h2", {}, run.form.name) : null, canvas));
    return canvas;
  }

  /** The time that all runs span, and the rows that are shown. */
  makeScale() {
    let from = Infinity, to = -Infinity;
    for (const run of this.runs) {
      if (!run.count) continue;
      from = Math.min(from, run.time[0] + run.shift);
      to = Math.max(to, run.time[run.count - 1] + run.shift);
    }
    this.scale = new Scale(isFinite(from) ? from : 0, isFinite(to) ? to : 1);
    this.shown = this.runs.map((run, i) => shownRows(run, this.choice, this.found[i]));
    if (this.choice.collapsed) {
      this.scale.collapse(this.runs.map((run, i) => run.time.filter((_, row) => this.shown[i][row] === 1).map((t) => t + run.shift)));
    }
    this.places = this.runs.map((run) => this.scale.placesOf(run.time, run.shift));
    this.histogram = null;
  }

  /** What is shown has changed: everything follows, and the same times stay in the picture. */
  chosenAnew() {
    const {left, right} = this.view, from = this.scale.time(left), to = this.scale.time(right);
    this.makeScale();
    this.view.scale = this.scale;
    this.view.show(this.scale.place(from) + Math.min(0, left), this.scale.place(to) + Math.max(0, right - this.scale.length));
    this.kept();
  }

  /** Draw, and keep in the address what is looked at. */
  kept() {
    this.draw();
    clearTimeout(this.saving);
    this.saving = setTimeout(() => history.replaceState(null, "", `#${this.address()}`), 150);
  }

  draw() {
    if (this.waiting) return;
    this.waiting = requestAnimationFrame(() => {
      this.waiting = 0;
      this.drawNow();
    });
  }

  drawNow() {
    const began = performance.now();
    for (const picture of this.pictures) picture.draw();
    if (this.bars) this.bars.draw(this.pictures[this.bars.run.place]);
    this.drawOverview();
    this.frames.push(performance.now() - began);
    if (this.frames.length > 1000) this.frames.shift();
  }

  /** The whole run in one strip, and the part that is looked at. */
  drawOverview() {
    const canvas = part("overview"), ratio = window.devicePixelRatio || 1, wide = canvas.clientWidth, high = 36;
    canvas.width = Math.round(wide * ratio);
    canvas.height = Math.round(high * ratio);
    const context = canvas.getContext("2d"), span = wide - GUTTER, whole = this.scale.length;
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    if (!this.histogram || this.histogram.length !== span) {
      this.histogram = new Float64Array(Math.max(1, span));
      this.bad = new Uint8Array(Math.max(1, span));
      for (const run of this.runs) {
        const places = this.places[run.place], shown = this.shown[run.place], by = (span - 1) / whole;
        for (let i = 0; i < run.count; i++) {
          if (!shown[i]) continue;
          const x = (places[i] * by) | 0;
          this.histogram[x]++;
          if (run.what[i] === FAULT || run.what[i] === DROP) this.bad[x] |= run.what[i] === FAULT ? 2 : 1;
        }
      }
    }
    const most = Math.max(1, ...this.histogram), {bad} = this;
    for (let x = 0; x < span; x++) {
      if (!this.histogram[x]) continue;
      const tall = 2 + Math.log(this.histogram[x] + 1) / Math.log(most + 1) * (high - 8);
      context.fillStyle = INK.blue;
      context.fillRect(GUTTER + x, high - tall, 1, tall);
      if (bad[x]) {
        context.fillStyle = bad[x] & 2 ? INK.red : INK.orange;
        context.fillRect(GUTTER + x, high - 7, 1, 7);
      }
    }
    const at = (/** @type {number} */ place) => GUTTER + Math.min(1, Math.max(0, place / whole)) * span;
    for (const run of this.runs) {
      for (const violation of run.form.violations) {
        context.fillStyle = INK.red;
        context.fillRect(at(this.scale.place(violation.time_ns + run.shift)) - 1, 0, 3, high);
      }
    }
    context.strokeStyle = this.ink("chosen");
    context.lineWidth = 1.5;
    const left = at(this.view.left), right = Math.max(left + 2, at(this.view.right));
    context.strokeRect(left + 0.75, 0.75, right - left - 1.5, high - 1.5);
    context.fillStyle = this.ink("faint");
    context.font = "11px system-ui, sans-serif";
    context.textAlign = "right";
    context.textBaseline = "middle";
    context.fillText("all", GUTTER - 10, high / 2);
  }

  /** Choose an event, or none. @param {Run} run @param {number} row @param {boolean} [stay] whether the picture stays */
  choose(run, row, stay = false) {
    if (row < 0) return this.letGo();
    this.selected = {run, row};
    this.lightUp();
    if (!stay) {
      this.view.reveal(this.places[run.place][row]);
      this.revealLane(run, row);
    }
    part("told").textContent = sentence(run, row);
    showEvent(this).catch((error) => this.failed(error));
    return this.kept();
  }

  /** @param {Run} run @param {number} row */
  revealLane(run, row) {
    const picture = this.pictures[run.place];
    picture.layout();
    const y = picture.y(run.node[row] + 1);
    if (y < AXIS + 10) picture.scroll -= AXIS + 30 - y;
    else if (y > picture.height - 10) picture.scroll += y - picture.height + 30;
  }

  letGo() {
    this.selected = this.light = null;
    this.chain = [];
    part("told").textContent = "";
    showEvent(this);
    this.kept();
  }

  lightUp() {
    const selected = this.selected;
    this.light = selected && this.lighting ? new Light(selected.run, selected.row) : null;
    this.chain = selected && this.tracing ? chainOf(selected.run, selected.row) : [];
  }

  toggleLight() {
    this.lighting = !this.lighting;
    this.toggled("lit", this.lighting);
  }

  toggleWhy() {
    this.tracing = !this.tracing;
    this.toggled("why", this.tracing);
  }

  /** @param {string} id @param {boolean} on */
  toggled(id, on) {
    const button = document.getElementById(id);
    if (button) button.setAttribute("aria-pressed", String(on));
    this.lightUp();
    this.kept();
  }

  /** To the next (1) or previous (-1) shown event of the node; without one, to the first in the picture. @param {number} step */
  step(step) {
    if (!this.selected) {
      const run = this.runs[0], shown = this.shown[0];
      for (let row = firstAtLeast(this.places[0], this.view.left); row < run.count; row++) {
        if (shown[row]) return this.choose(run, row);
      }
      return undefined;
    }
    const {run} = this.selected;
    let row = run.beside(this.selected.row, step);
    while (row >= 0 && !this.shown[run.place][row]) row = run.beside(row, step);
    return row >= 0 ? this.choose(run, row) : undefined;
  }

  /** To the nearest event of the node above (-1) or below (1). @param {number} step */
  toLane(step) {
    if (!this.selected) return this.step(1);
    const {run, row} = this.selected, picture = this.pictures[run.place], place = this.places[run.place][row];
    for (let slot = picture.slot[run.node[row] + 1] + step; slot >= 0 && slot < picture.visible.length; slot += step) {
      const near = picture.rowNear(picture.visible[slot], -Infinity, place, Infinity);
      if (near >= 0) return this.choose(run, near);
    }
    return undefined;
  }

  along() {
    const selected = this.selected;
    if (selected && selected.run.other[selected.row] >= 0) this.choose(selected.run, selected.run.other[selected.row]);
  }

  /** @param {Run} run @param {number} time */
  toTime(run, time) {
    const row = Math.min(run.count - 1, firstAtLeast(run.time, time)), span = Math.min(this.view.right - this.view.left, this.scale.length / 8);
    const place = this.scale.place(time + run.shift);
    this.view.show(place - span / 2, place + span / 2);
    if (row >= 0) this.choose(run, row, true);
  }

  toParting() {
    if (!this.parting) return;
    const run = this.parting.rows[0] < this.runs[0].count ? this.runs[0] : this.runs[1], row = this.parting.rows[run.place];
    if (row < run.count) this.toTime(run, run.time[row]);
  }

  /** To the next violation behind what is chosen, going round; or to where the runs part. */
  toTrouble() {
    const all = this.runs.flatMap((run) => run.form.violations.map((each) => ({run, time: each.time_ns})));
    for (const run of this.runs) for (const bar of run.form.bars) if (bar.stuck) all.push({run, time: bar.from});
    if (!all.length) return this.toParting();
    this.trouble = (this.trouble + 1) % all.length;
    return this.toTime(all[this.trouble].run, all[this.trouble].time);
  }

  /** Look for the words. @param {string} words */
  async find(words) {
    const mine = ++this.searching, told = part("found");
    this.choice.words = words;
    told.textContent = words.trim() ? "looking\u2026" : "";
    for (const found of this.found) await found.look(words, () => mine !== this.searching);
    if (mine !== this.searching) return;
    const count = this.found.reduce((sum, each) => sum + each.count, 0);
    told.textContent = words.trim() ? `${count.toLocaleString("en")} found` : "";
    if (this.choice.only) this.chosenAnew(); else this.kept();
  }

  /** To the next (1) or previous (-1) found event. @param {number} step */
  toFound(step) {
    const start = this.selected ? this.selected.run.place : 0;
    for (let i = 0; i <= this.runs.length; i++) {
      const run = this.runs[(start + i) % this.runs.length], found = this.found[run.place];
      const from = this.selected && this.selected.run === run ? this.selected.row : step > 0 ? -1 : run.count;
      const row = found.from(from, step);
      if (row >= 0) return this.choose(run, row);
    }
    return undefined;
  }

  /** What is looked at, as it stands in the address. */
  address() {
    const {choice, view, scale} = this, words = new URLSearchParams();
    words.set("t", `${Math.round(scale.time(view.left) + Math.min(0, view.left))},${Math.round(scale.time(view.right) + Math.max(0, view.right - scale.length))}`);
    if (this.selected) words.set("e", `${this.selected.run.place}:${this.selected.run.eventName(this.selected.row)}`);
    /** @type {[string, Set<any>][]} */
    const sets = [["nodes", choice.hiddenNodes], ["kinds", choice.hiddenKinds], ["types", choice.hiddenLabels]];
    for (const [name, hidden] of sets) if (hidden.size) words.set(`no-${name}`, [...hidden].map(encodeURIComponent).join(","));
    if (isFinite(choice.fromNs)) words.set("from", String(choice.fromNs));
    if (isFinite(choice.toNs)) words.set("to", String(choice.toNs));
    if (choice.words.trim()) words.set("find", choice.words);
    if (choice.only) words.set("only", "1");
    if (choice.collapsed) words.set("quiet", "1");
    if (choice.track !== null) words.set("colour", choice.track);
    if (choice.key !== null) words.set("key", choice.key);
    if (!this.lighting) words.set("light", "0");
    if (!this.tracing) words.set("why", "0");
    if (this.bare) words.set("bare", "1");
    return words.toString();
  }

  /** Look at what the address says; what it does not say, stays as it is at first. */
  async follow() {
    const words = new URLSearchParams(location.hash.slice(1)), {choice} = this;
    const list = (/** @type {string} */ name) => (words.get(`no-${name}`) || "").split(",").filter(Boolean).map(decodeURIComponent);
    choice.hiddenNodes = new Set(list("nodes").map(Number));
    choice.hiddenKinds = new Set(list("kinds").map(Number));
    choice.hiddenLabels = new Set(list("types"));
    choice.fromNs = words.has("from") ? Number(words.get("from")) : -Infinity;
    choice.toNs = words.has("to") ? Number(words.get("to")) : Infinity;
    choice.only = words.has("only");
    choice.collapsed = words.has("quiet");
    choice.track = words.get("colour");
    choice.key = words.get("key");
    this.lighting = words.get("light") !== "0";
    this.tracing = words.get("why") !== "0";
    this.bare = words.has("bare");
    document.body.classList.toggle("bare", this.bare);
    part("only").checked = choice.only;
    part("quiet").setAttribute("aria-pressed", String(choice.collapsed));
    part("find").value = words.get("find") || "";
    if (words.has("find")) await this.find(words.get("find") || "");
    this.makeScale();
    this.view.scale = this.scale;
    const [from, to] = (words.get("t") || "").split(",").map(Number);
    if (words.has("t") && isFinite(from) && isFinite(to) && from < to) {
      this.view.show(this.scale.place(from), this.scale.place(to));
    } else this.view.all();
    showChoices(this);
    const named = /^(\d+):(.+)$/.exec(words.get("e") || ""), run = named ? this.runs[Number(named[1])] : undefined;
    if (named && run && run.rowOf(named[2]) >= 0) this.choose(run, run.rowOf(named[2]), true);
    else this.letGo();
  }

  /** @param {unknown} error */
  failed(error) {
    part("told").textContent = `The page has failed: ${error}`;
    throw error;
  }

  /** The colours of the page as they are now. */
  readInks() {
    const style = getComputedStyle(document.documentElement);
    for (const name of ["ground", "ink", "faint", "line", "panel", "chosen"]) this.inks[name] = style.getPropertyValue(`--${name}`).trim();
  }
}
