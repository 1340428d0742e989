// What clients asked and heard: a bar for each operation, from its call to its answer, on the time of the picture.

class Bars {
  /** @param {Run} run @param {HTMLCanvasElement} canvas @param {Looked} looked */
  constructor(run, canvas, looked) {
    this.run = run;
    this.canvas = canvas;
    this.looked = looked;
    this.context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
    const processes = [...new Set(run.form.bars.map((bar) => bar.process))].sort((a, b) => a - b);
    /** Process -> its line. Processes that follow each other on one node share a line where they do not overlap. */
    this.line = new Map();
    /** @type {number[]} */
    const ends = [];
    /** @type {Map<number, [number, number]>} */
    const spans = new Map();
    for (const bar of run.form.bars) {
      const [from, to] = spans.get(bar.process) || [Infinity, -Infinity];
      spans.set(bar.process, [Math.min(from, bar.from), Math.max(to, bar.to === null ? Infinity : bar.to)]);
    }
    for (const process of processes) {
      const [from, to] = /** @type {[number, number]} */ (spans.get(process));
      let line = ends.findIndex((end) => end < from);
      if (line < 0) line = ends.length;
      ends[line] = to;
      this.line.set(process, line);
    }
    this.lines = ends.length;
    this.high = Math.max(5, Math.min(18, 150 / Math.max(1, this.lines)));
    /** @type {Bar|null} */
    this.chosen = run.form.bars.find((bar) => bar.stuck) || null;
  }

  /** @param {Picture} picture whose places are kept to */
  draw(picture) {
    const {context, canvas, looked, run} = this, ratio = window.devicePixelRatio || 1;
    const width = canvas.clientWidth, height = Math.min(220, this.lines * this.high + 20);
    canvas.style.height = `${height}px`;
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.fillStyle = looked.ink("ground");
    context.fillRect(0, 0, width, height);
    context.font = "11px system-ui, sans-serif";
    context.textBaseline = "middle";
    context.fillStyle = looked.ink("faint");
    context.textAlign = "right";
    context.fillText("clients", GUTTER - 10, 9);
    context.textAlign = "left";
    for (const bar of run.form.bars) {
      if (looked.choice.key !== null && bar.key !== looked.choice.key) continue;
      const left = Math.max(GUTTER, picture.xOf(bar.from)), to = bar.to === null ? width : picture.xOf(bar.to);
      const right = Math.min(width, Math.max(to, left + 1.5));
      if (to < GUTTER || left > width) continue;
      const y = 16 + /** @type {number} */ (this.line.get(bar.process)) * this.high, high = this.high - 2;
      const colour = {ok: INK.sky, fail: looked.ink("line"), unknown: INK.yellow}[bar.outcome] || INK.sky;
      context.fillStyle = bar.stuck ? INK.red : colour;
      context.fillRect(left, y, right - left, high);
      if (bar.order !== undefined || bar.stuck || bar.under_way) {
        context.strokeStyle = bar.stuck ? INK.red : bar.under_way ? INK.orange : looked.ink("ink");
        context.strokeRect(left + 0.5, y + 0.5, right - left - 1, high - 1);
      }
      if (bar === this.chosen) {
        context.strokeStyle = looked.ink("chosen");
        context.lineWidth = 2;
        context.strokeRect(left - 1, y - 1, right - left + 2, high + 2);
        context.lineWidth = 1;
      }
      const text = `${bar.order === undefined ? "" : `${bar.order}: `}${barText(bar)}`;
      if (text.length * LABEL_PX < right - left - 4) {
        context.fillStyle = bar.stuck ? "#ffffff" : "#111111";
        context.fillText(text, left + 3, y + high / 2);
      }
    }
  }

  /** @param {Picture} picture @param {number} x @param {number} y @returns {Bar|null} */
  at(picture, x, y) {
    const line = Math.floor((y - 16) / this.high);
    let best = null;
    for (const bar of this.run.form.bars) {
      if (this.line.get(bar.process) !== line) continue;
      if (this.looked.choice.key !== null && bar.key !== this.looked.choice.key) continue;
      const left = picture.xOf(bar.from), right = bar.to === null ? Infinity : picture.xOf(bar.to);
      if (x >= left - 3 && x <= right + 3) best = bar;
    }
    return best;
  }

  /** The operation behind (1) or before (-1) the chosen one. @param {number} step */
  step(step) {
    const shown = this.run.form.bars.filter((bar) => this.looked.choice.key === null || bar.key === this.looked.choice.key);
    const at = this.chosen ? shown.indexOf(this.chosen) : step > 0 ? -1 : shown.length;
    this.chosen = shown[Math.min(Math.max(0, at + step), shown.length - 1)] || null;
    return this.chosen;
  }
}

/** An operation in a few words. @param {Bar} bar */
function barText(bar) {
  const heard = bar.outcome === "ok" ? (bar.result ? ` \u2192 ${bar.result}` : "") : ` ${bar.outcome}`;
  return `${bar.function} ${bar.key}${bar.argument ? ` ${bar.argument}` : ""}${heard}`;
}
