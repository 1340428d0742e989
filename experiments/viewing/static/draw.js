// The space-time diagram of one run, on a canvas: single events where few are in the picture, else counts by pixel column.

/** Okabe and Ito's colours, which the colour-blind tell apart. */
const INK = {orange: "#e69f00", sky: "#56b4e9", green: "#009e73", yellow: "#f0e442", blue: "#0072b2", red: "#d55e00",
  purple: "#cc79a7"};
const MESSAGES = [INK.blue, INK.green, INK.purple, INK.orange, INK.sky];
const STATES = [INK.sky, INK.purple, INK.yellow, INK.blue, INK.orange, INK.green];
/** @type {{[name: string]: string}} */
const NAMED = {leader: INK.green, primary: INK.green, master: INK.green, coordinator: INK.green, holder: INK.green,
  candidate: INK.orange, follower: INK.sky, backup: INK.sky};
const GUTTER = 96, AXIS = 22, SINGLE_MAX = 3000, LABEL_PX = 6.2;

/** @typedef {{choice: Choice, view: View, light: Light|null, chain: number[], selected: {run: Run, row: number}|null,
 *   found: Found[], shown: Uint8Array[], places: Float64Array[], redraw: () => void, parting: {rows: number[]}|null,
 *   ink: (name: string) => string}} Looked */

class Picture {
  /** @param {Run} run @param {HTMLCanvasElement} canvas @param {Looked} looked */
  constructor(run, canvas, looked) {
    this.run = run;
    this.canvas = canvas;
    this.looked = looked;
    this.context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
    this.dots = document.createElement("canvas");
    this.scroll = 0;
    this.width = this.height = 0;
    /** Lanes in the picture, from above. @type {number[]} */
    this.visible = [];
    this.slot = new Int32Array(run.lanes);
    this.laneHeight = 0;
    /** Rows of each track by lane. @type {Map<Track, Int32Array[]>} */
    this.byLane = new Map();
    this.single = this.sparse = false;
  }

  /** Sizes and lanes, as they are now. */
  layout() {
    const ratio = window.devicePixelRatio || 1;
    this.width = this.canvas.clientWidth;
    this.height = this.canvas.clientHeight;
    const wide = Math.round(this.width * ratio), high = Math.round(this.height * ratio);
    if (this.canvas.width !== wide || this.canvas.height !== high) {
      this.canvas.width = wide;
      this.canvas.height = high;
    }
    this.context.setTransform(ratio, 0, 0, ratio, 0, 0);
    this.visible = [];
    this.slot.fill(-1);
    for (let lane = 0; lane < this.run.lanes; lane++) {
      if (this.looked.choice.hides(lane - 1) || (lane === 0 && this.run.begin[1] === 0)) continue;
      this.slot[lane] = this.visible.length;
      this.visible.push(lane);
    }
    const room = this.height - AXIS, count = Math.max(1, this.visible.length);
    this.laneHeight = Math.min(90, Math.max(room / count, 9));
    this.scroll = Math.min(Math.max(0, this.scroll), Math.max(0, this.laneHeight * count - room));
  }

  /** @param {number} lane */
  y(lane) {
    return AXIS + (this.slot[lane] + 0.5) * this.laneHeight - this.scroll;
  }

  /** @param {number} place */
  x(place) {
    const {left, right} = this.looked.view;
    return GUTTER + ((place - left) / (right - left)) * (this.width - GUTTER);
  }

  /** @param {number} x */
  placeAt(x) {
    const {left, right} = this.looked.view;
    return left + ((x - GUTTER) / (this.width - GUTTER)) * (right - left);
  }

  /** @param {number} time of the run itself */
  xOf(time) {
    return this.x(this.looked.view.scale.place(time + this.run.shift));
  }

  /** @param {number} row */
  xOfRow(row) {
    return this.x(this.places[row]);
  }

  get places() {
    return this.looked.places[this.run.place];
  }

  get shown() {
    return this.looked.shown[this.run.place];
  }

  draw() {
    this.layout();
    const {context, looked} = this;
    context.fillStyle = looked.ink("ground");
    context.fillRect(0, 0, this.width, this.height);
    const first = firstAtLeast(this.places, looked.view.left), last = firstAtLeast(this.places, looked.view.right);
    context.save();
    context.beginPath();
    context.rect(GUTTER, 0, this.width - GUTTER, this.height);
    context.clip();
    this.drawQuiet();
    this.drawBands();
    this.drawLanes();
    this.single = this.countShown(first, last) <= SINGLE_MAX;
    if (this.single) {
      this.drawMessages(first, last);
      this.drawEdges();
      this.drawEvents(first, last);
    } else this.drawCounts(first, last);
    this.drawChain();
    this.drawViolations();
    this.drawSelected();
    context.restore();
    this.drawAxis();
    this.drawNames();
  }

  /** How many events are to be drawn, counted no further than matters. @param {number} first @param {number} last */
  countShown(first, last) {
    let count = 0;
    for (let i = first; i < last && count <= SINGLE_MAX; i++) count += this.shown[i];
    return count;
  }

  drawAxis() {
    const {context, looked} = this;
    context.fillStyle = looked.ink("panel");
    context.fillRect(0, 0, this.width, AXIS - 2);
    context.font = "11px system-ui, sans-serif";
    context.textAlign = "center";
    context.textBaseline = "middle";
    let last = GUTTER;
    for (const [time, text] of ticks(looked.view, Math.max(2, (this.width - GUTTER) / 110))) {
      const x = this.x(looked.view.scale.place(time)), half = text.length * LABEL_PX / 2;
      if (x < GUTTER) continue;
      context.fillStyle = looked.ink("line");
      context.fillRect(x, AXIS - 6, 1, 5);
      if (x - half < last || x + half > this.width) continue;
      context.fillStyle = looked.ink("faint");
      context.fillText(text, x, AXIS / 2 - 2);
      last = x + half + 8;
    }
  }

  drawNames() {
    const {context, looked, run} = this;
    context.fillStyle = looked.ink("ground");
    context.fillRect(0, 0, GUTTER - 4, this.height);
    context.textAlign = "right";
    context.textBaseline = "middle";
    context.font = "12px system-ui, sans-serif";
    const every = Math.ceil(12 / this.laneHeight);
    for (let i = 0; i < this.visible.length; i += every) {
      const lane = this.visible[i], y = this.y(lane);
      if (y < AXIS - 4 || y > this.height + 6) continue;
      const selected = looked.selected && looked.selected.run === run && run.node[looked.selected.row] + 1 === lane;
      context.fillStyle = looked.ink(selected ? "ink" : "faint");
      const name = run.nodeName(lane - 1);
      context.fillText(name.length > 14 ? `${name.slice(0, 13)}\u2026` : name, GUTTER - 10, y);
    }
    if (this.laneHeight * this.visible.length > this.height - AXIS + 1) {
      context.fillStyle = looked.ink("line");
      const share = (this.height - AXIS) / (this.laneHeight * this.visible.length);
      context.fillRect(0, AXIS + this.scroll * share, 4, (this.height - AXIS) * share);
    }
  }

  /** Stretches that are collapsed, as zigzags. */
  drawQuiet() {
    const {context, looked} = this;
    context.fillStyle = looked.ink("panel");
    for (const [from, to] of looked.view.scale.quiet) {
      const left = this.x(looked.view.scale.place(from)), right = this.x(looked.view.scale.place(to));
      if (right < GUTTER || left > this.width) continue;
      context.fillRect(left, AXIS, right - left, this.height);
      if (right - left > 20) this.write(`${duration(to - from)} quiet`, left + 2, this.height - 8, "faint", right - left - 4);
    }
  }

  drawBands() {
    const {run, context, looked} = this;
    for (const band of run.form.bands) {
      const left = Math.max(GUTTER, this.xOf(band.from_ns)), end = band.to_ns;
      const right = Math.min(this.width, end === null ? this.width : Math.max(this.xOf(end), left + 1));
      if (right < GUTTER || left > this.width) continue;
      const name = band.kind;
      if (name === "partition" || name === "silence") this.drawPartition(band, left, right);
      else if (name === "cut" || (name === "clogged" && band.nodes.length === 2)) {
        for (const node of band.nodes) this.ribbon(node + 1, left, right, 3, INK.red, 0.5, this.laneHeight * 0.36);
      } else {
        for (const node of band.nodes) {
          const high = Math.min(this.laneHeight * 0.62, 30);
          this.ribbon(node + 1, left, right, high, name === "down" ? looked.ink("ink") : INK.purple, name === "down" ? 0.16 : 0.3, 0);
          if (name === "down") this.hatch(node + 1, left, right, high);
          if (this.slot[node + 1] >= 0) this.write(name, left + 3, this.y(node + 1) + high / 2 - 4, "faint", right - left - 6);
        }
      }
    }
    context.globalAlpha = 1;
  }

  /** @param {Band} band @param {number} left @param {number} right */
  drawPartition(band, left, right) {
    const {context} = this;
    for (const lane of this.visible) {
      let group = band.groups.findIndex((each) => each.includes(lane - 1));
      if (lane === 0 || (group < 0 && band.groups.length > 1)) continue;
      if (group < 0) group = 1;
      context.globalAlpha = 0.16;
      context.fillStyle = STATES[(group + 2) % STATES.length];
      const y = this.y(lane) - this.laneHeight / 2;
      context.fillRect(left, y, right - left, this.laneHeight);
      if (group % 2) {
        context.globalAlpha = 0.35;
        for (let x = left; x < right; x += 9) context.fillRect(x, y, 1, this.laneHeight);
      }
    }
    context.globalAlpha = 1;
    this.write(band.kind, left + 3, AXIS + 6, "faint", right - left - 6);
  }

  /** @param {number} lane @param {number} left @param {number} right @param {number} high @param {string} colour
   * @param {number} alpha @param {number} below */
  ribbon(lane, left, right, high, colour, alpha, below) {
    if (this.slot[lane] < 0) return;
    this.context.globalAlpha = alpha;
    this.context.fillStyle = colour;
    this.context.fillRect(left, this.y(lane) + below - high / 2, right - left, high);
    this.context.globalAlpha = 1;
  }

  /** @param {number} lane @param {number} left @param {number} right @param {number} high */
  hatch(lane, left, right, high) {
    if (this.slot[lane] < 0) return;
    const {context, looked} = this, top = this.y(lane) - high / 2;
    context.save();
    context.beginPath();
    context.rect(left, top, right - left, high);
    context.clip();
    context.strokeStyle = looked.ink("faint");
    context.beginPath();
    for (let x = left - high; x < right; x += 8) {
      context.moveTo(x, top + high);
      context.lineTo(x + high, top);
    }
    context.stroke();
    context.restore();
  }

  /** A line for each node, in the colours of what it is. */
  drawLanes() {
    const {context, looked, run} = this;
    context.fillStyle = looked.ink("line");
    for (const lane of this.visible) context.fillRect(GUTTER, this.y(lane), this.width - GUTTER, 1);
    const track = trackOf(run, looked.choice);
    if (!track) return;
    const lanes = this.laneRows(track), bold = this.laneHeight > 14 ? 1 : 0.5;
    for (const lane of this.visible) {
      const entries = lanes[lane], y = this.y(lane);
      if (y < 0 || y > this.height + 20) continue;
      let i = Math.max(0, this.entryAt(track, entries, looked.view.left) - 1);
      while (i < entries.length) {
        const place = this.places[track.rows[entries[i]]], left = Math.max(GUTTER, this.x(place));
        if (left > this.width) break;
        const next = i + 1 < entries.length ? this.places[track.rows[entries[i + 1]]] : Infinity;
        const right = Math.min(this.width, next === Infinity ? this.width : this.x(next));
        const state = track.state[entries[i]];
        if (state && right > left) {
          const name = track.states[state], style = stateStyle(track, state);
          context.fillStyle = style.colour;
          const high = style.high * bold;
          context.fillRect(left, y - high / 2, Math.max(right - left, 1), high);
          const number = track.numbers[entries[i]];
          this.write(number >= 0 ? `${name} ${number}` : name, left + 4, y + style.high + 5, "ink", right - left - 8);
        }
        i = right - left < 1 ? Math.max(i + 1, this.entryAt(track, entries, this.placeAt(left + 1)) - 1) : i + 1;
      }
    }
  }

  /** The first of a lane's entries at or behind a place. @param {Track} track @param {Int32Array} entries @param {number} place */
  entryAt(track, entries, place) {
    let low = 0, high = entries.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.places[track.rows[entries[middle]]] <= place) low = middle + 1; else high = middle;
    }
    return low;
  }

  /** @param {Track} track @returns {Int32Array[]} */
  laneRows(track) {
    let lanes = this.byLane.get(track);
    if (!lanes) {
      /** @type {number[][]} */
      const grown = Array.from({length: this.run.lanes}, () => []);
      track.rows.forEach((row, entry) => grown[this.run.node[row] + 1].push(entry));
      lanes = grown.map((each) => Int32Array.from(each));
      this.byLane.set(track, lanes);
    }
    return lanes;
  }

  /** Counts by pixel column, a bar for each node. @param {number} first @param {number} last */
  drawCounts(first, last) {
    const {run, looked, dots} = this, wide = Math.max(1, Math.floor(this.width - GUTTER)), {shown, places} = this;
    const {what, node} = run, seen = Math.ceil(this.height);
    const slots = new Int32Array(run.lanes).fill(-1);
    let lanes = 0;
    for (const lane of this.visible) if (this.y(lane) > 0 && this.y(lane) < seen) slots[lane] = lanes++;
    const counts = new Uint32Array(lanes * wide), classes = new Uint8Array(lanes * wide);
    const bits = Uint8Array.of(1, 1, 2, 4, 4, 2, 8, 1, 1, 1), {left} = looked.view, by = wide / (looked.view.right - left);
    const lit = looked.light && looked.light.run === run ? looked.light : null;
    for (let i = first; i < last; i++) {
      const slot = slots[node[i] + 1];
      if (!shown[i] || slot < 0 || (lit && !lit.side(i))) continue;
      const cell = slot * wide + Math.min(wide - 1, ((places[i] - left) * by) | 0);
      counts[cell]++;
      classes[cell] |= bits[what[i]];
    }
    const high = Math.max(1, Math.floor(Math.min(this.laneHeight * 0.6, 24)));
    dots.width = wide;
    dots.height = Math.max(1, lanes * high);
    const context = /** @type {CanvasRenderingContext2D} */ (dots.getContext("2d"));
    const image = context.createImageData(dots.width, dots.height), pixels = new Uint32Array(image.data.buffer);
    const colours = Uint32Array.from({length: 16}, (_, each) =>
      each & 2 ? 0x005ed5 : each & 1 ? 0xb27200 : each & 8 ? 0x739e00 : 0x888888);
    for (let slot = 0; slot < lanes; slot++) {
      for (let x = 0; x < wide; x++) {
        const cell = slot * wide + x, count = counts[cell];
        if (!count) continue;
        const share = Math.min(1, 0.3 + Math.log2(count + 1) / 7), tall = Math.max(1, Math.round(high * share));
        const pixel = ((Math.round(150 + 105 * share) << 24) | colours[classes[cell]]) >>> 0;
        const top = slot * high + ((high - tall) >> 1);
        for (let y = top; y < top + tall; y++) pixels[y * wide + x] = pixel;
      }
    }
    context.putImageData(image, 0, 0);
    this.context.imageSmoothingEnabled = false;
    for (const lane of this.visible) {
      const slot = slots[lane];
      if (slot >= 0) this.context.drawImage(dots, 0, slot * high, wide, high, GUTTER, this.y(lane) - high / 2, wide, high);
    }
  }

  /** Messages as arrows, losses as stubs. @param {number} first @param {number} last */
  drawMessages(first, last) {
    const {run, shown} = this, {what, other} = run;
    const back = Math.max(0, first - Math.min(run.longest, 30000));
    for (let i = back; i < last; i++) {
      if (what[i] === SEND && shown[i]) {
        if (other[i] >= 0) {
          if (i >= first || other[i] >= first) this.drawMessage(i, other[i]);
        } else if (i >= first) this.drawUnderWay(i);
      } else if (i >= first && what[i] === DELIVER && other[i] >= 0 && shown[i]) {
        if (other[other[i]] !== i || other[i] < back || !shown[other[i]]) this.drawMessage(other[i], i);
      } else if (i >= first && what[i] === DROP && shown[i] && (other[i] < 0 || !shown[other[i]])) this.drawLost(other[i], i);
    }
  }

  /** What a log says happened before something else. */
  drawEdges() {
    const {edges_from: from, edges_to: to} = this.run, {shown} = this;
    for (let i = 0; i < from.length; i++) {
      if (shown[from[i]] && shown[to[i]]) this.arrow(from[i], to[i], false);
    }
  }

  /** @param {number} send @param {number} end */
  drawMessage(send, end) {
    const {run, looked} = this;
    if (run.what[end] === DROP) return this.drawLost(send, end);
    const from = run.node[send] + 1, to = run.node[end] + 1;
    if (this.slot[to] < 0) return undefined;
    if (this.slot[from] < 0) {
      const first = throughHidden(run, end, (node) => looked.choice.hides(node));
      if (first >= 0) this.arrow(first, end, true);
      return undefined;
    }
    this.arrow(send, end, false);
    return undefined;
  }

  /** @param {number} send @param {number} end @param {boolean} dashed */
  arrow(send, end, dashed) {
    const {run, context} = this;
    const x = this.xOfRow(send), y = this.y(run.node[send] + 1), toX = this.xOfRow(end), toY = this.y(run.node[end] + 1);
    if (Math.max(x, toX) < GUTTER || Math.min(x, toX) > this.width) return;
    context.strokeStyle = context.fillStyle = messageColour(run, send);
    context.globalAlpha = this.fade(send, end);
    context.setLineDash(dashed ? [5, 4] : []);
    context.lineWidth = 1.1;
    context.beginPath();
    context.moveTo(x, y);
    context.lineTo(toX, toY);
    context.stroke();
    context.setLineDash([]);
    const angle = Math.atan2(toY - y, toX - x), long = Math.hypot(toX - x, toY - y);
    if (long > 12) {
      const size = 6;
      context.beginPath();
      context.moveTo(toX, toY);
      context.lineTo(toX - size * Math.cos(angle - 0.4), toY - size * Math.sin(angle - 0.4));
      context.lineTo(toX - size * Math.cos(angle + 0.4), toY - size * Math.sin(angle + 0.4));
      context.fill();
    }
    const label = run.form.labels[run.label[send]];
    if (Math.abs(toX - x) > label.length * LABEL_PX + 40 && this.laneHeight > 30) {
      context.save();
      context.translate((x + toX) / 2, (y + toY) / 2);
      context.rotate(toX < x ? angle + Math.PI : angle);
      context.textAlign = "center";
      context.font = "10px system-ui, sans-serif";
      context.fillText(label, 0, -5);
      context.restore();
    }
    context.globalAlpha = 1;
  }

  /** How strongly a message is drawn: what is not lit steps back. @param {number} send @param {number} end */
  fade(send, end) {
    const {light} = this.looked;
    return !light || light.run !== this.run || (light.side(send) && light.side(end)) ? 0.85 : 0.1;
  }

  /** A stub that ends in a cross, with the reason where there is room. @param {number} send -1 if unknown @param {number} end */
  drawLost(send, end) {
    const {run, context} = this;
    const atSender = send >= 0 && run.node[send] === run.node[end];
    const from = send >= 0 ? run.node[send] + 1 : run.peer[end] + 1, target = atSender ? run.peer[send] + 1 : run.node[end] + 1;
    if (this.slot[from] < 0 || this.slot[target] < 0) return;
    const x = this.xOfRow(send >= 0 ? send : end), y = this.y(from), toY = this.y(target);
    const share = atSender ? 0.4 : 0.86, endX = atSender ? x + 14 : x + (this.xOfRow(end) - x) * share;
    const endY = y + (toY - y) * share;
    context.strokeStyle = INK.red;
    context.globalAlpha = this.fade(send >= 0 ? send : end, end);
    context.lineWidth = 1.2;
    context.beginPath();
    context.moveTo(x, y);
    context.lineTo(endX, endY);
    context.moveTo(endX - 4, endY - 4);
    context.lineTo(endX + 4, endY + 4);
    context.moveTo(endX + 4, endY - 4);
    context.lineTo(endX - 4, endY + 4);
    context.stroke();
    this.write(run.form.reasons[run.reason[end]], endX + 6, endY, "ink", this.laneHeight > 24 && this.sparse ? 60 : 0);
    context.globalAlpha = 1;
  }

  /** A message of which nothing more is known. @param {number} send */
  drawUnderWay(send) {
    const {run, context} = this, from = run.node[send] + 1, to = run.peer[send] + 1;
    if (this.slot[from] < 0 || this.slot[to] < 0) return;
    const x = this.xOfRow(send), y = this.y(from), toX = this.xOf(run.time[send] + run.flight[send]);
    context.strokeStyle = messageColour(run, send);
    context.globalAlpha = this.fade(send, send);
    context.setLineDash([2, 3]);
    context.beginPath();
    context.moveTo(x, y);
    context.lineTo(x + (toX - x) * 0.9, y + (this.y(to) - y) * 0.9);
    context.stroke();
    context.setLineDash([]);
    context.globalAlpha = 1;
  }

  /** Single events, each kind with a shape of its own. @param {number} first @param {number} last */
  drawEvents(first, last) {
    const {run, shown, looked} = this, {what, node} = run;
    this.sparse = last - first < 400;
    const free = new Float64Array(run.lanes).fill(-Infinity), light = looked.light && looked.light.run === run ? looked.light : null;
    const found = looked.found[run.place], size = this.laneHeight > 20 ? 3.6 : 2.4;
    const blocks = new Set();
    for (let i = first; i < last; i++) {
      const lane = node[i] + 1;
      if (!shown[i] || this.slot[lane] < 0) continue;
      const x = this.xOfRow(i), y = this.y(lane);
      if (y < 0 || y > this.height) continue;
      this.context.globalAlpha = light && !light.side(i) ? 0.14 : 1;
      this.mark(what[i], x, y, size);
      if (found.count && found.rows[i]) this.ring(x, y, size + 4, INK.orange);
      if (this.laneHeight > 26 && (what[i] >= FAULT) && x > free[lane]) {
        let text = run.form.labels[run.label[i]];
        if (this.sparse && what[i] === OBSERVE) {
          const value = run.textAtHand(run.text[i]);
          if (value === null) blocks.add(Math.floor(run.text[i] / run.form.texts.in_block));
          else if (value && value !== "null") text += ` ${value.length > 26 ? value.slice(0, 25) + "\u2026" : value}`;
        }
        this.write(text, x - 2, y - 13, what[i] === FAULT ? "ink" : "faint", 400);
        free[lane] = x + text.length * LABEL_PX + 6;
      }
      this.context.globalAlpha = 1;
    }
    if (blocks.size && blocks.size < 8) {
      Promise.all([...blocks].map((block) => run.textBlock(block))).then(() => looked.redraw());
    }
  }

  /** @param {number} kind @param {number} x @param {number} y @param {number} size */
  mark(kind, x, y, size) {
    drawMark(this.context, kind, x, y, size, this.looked.ink);
  }

  /** @param {number} x @param {number} y @param {number} radius @param {string} colour */
  ring(x, y, radius, colour) {
    this.context.strokeStyle = colour;
    this.context.lineWidth = 2;
    this.context.beginPath();
    this.context.arc(x, y, radius, 0, 7);
    this.context.stroke();
  }

  /** Text in one line, left out where it has no room. @param {string} text @param {number} x @param {number} y
   * @param {string} ink @param {number} room */
  write(text, x, y, ink, room) {
    if (text.length * LABEL_PX > room) return;
    this.context.font = "11px system-ui, sans-serif";
    this.context.textAlign = "left";
    this.context.textBaseline = "middle";
    this.context.fillStyle = this.looked.ink(ink);
    this.context.fillText(text, x, y);
  }

  /** The chain that led to the event. */
  drawChain() {
    const {run, context, looked} = this;
    if (!looked.selected || looked.selected.run !== run || looked.chain.length < 2) return;
    context.strokeStyle = INK.orange;
    context.lineWidth = 3;
    context.beginPath();
    let begun = false;
    for (const row of looked.chain) {
      if (this.slot[run.node[row] + 1] < 0) continue;
      const x = this.xOfRow(row), y = this.y(run.node[row] + 1);
      if (begun) context.lineTo(x, y); else context.moveTo(x, y);
      begun = true;
    }
    context.stroke();
  }

  /** A line through all nodes at each violation, and where two runs part. */
  drawViolations() {
    const {run, looked} = this;
    for (const violation of run.form.violations) this.upright(this.xOf(violation.time_ns), violation.property, INK.red);
    if (looked.parting) {
      const row = looked.parting.rows[run.place];
      const x = row < run.count ? this.xOfRow(row) : this.xOf(run.count ? run.time[run.count - 1] : 0);
      this.upright(x, row < run.count ? "here the runs part" : "here it ends", INK.purple);
    }
  }

  /** @param {number} x @param {string} text @param {string} colour */
  upright(x, text, colour) {
    if (x < GUTTER || x > this.width) return;
    const {context} = this;
    context.fillStyle = colour;
    context.fillRect(x - 1, AXIS, 2, this.height);
    context.font = "bold 11px system-ui, sans-serif";
    context.textBaseline = "middle";
    const wide = context.measureText(text).width + 8, left = Math.min(x, this.width - wide);
    context.fillRect(left, this.height - 18, wide, 16);
    context.fillStyle = "#ffffff";
    context.textAlign = "left";
    context.fillText(text, left + 4, this.height - 10);
  }

  drawSelected() {
    const {run, looked} = this, selected = looked.selected;
    if (!selected || selected.run !== run || this.slot[run.node[selected.row] + 1] < 0) return;
    const x = this.xOfRow(selected.row), y = this.y(run.node[selected.row] + 1);
    this.mark(run.what[selected.row], x, y, 5);
    this.ring(x, y, 9, looked.ink("chosen"));
  }

  /** The event at a point, -1 if none is near. @param {number} x @param {number} y */
  rowAt(x, y) {
    const {run} = this;
    if (x < GUTTER || y < AXIS || !this.visible.length) return -1;
    const slot = Math.floor((y - AXIS + this.scroll) / this.laneHeight);
    if (slot < 0 || slot >= this.visible.length) return -1;
    const reach = this.single ? 14 : 4;
    let best = -1, nearest = reach;
    for (const near of [slot, slot - 1, slot + 1]) {
      const lane = this.visible[near];
      if (lane === undefined || Math.abs(this.y(lane) - y) > Math.max(16, this.laneHeight * 0.5)) continue;
      const row = this.rowNear(lane, this.placeAt(x - reach), this.placeAt(x), this.placeAt(x + reach));
      const away = row < 0 ? Infinity : Math.hypot(this.xOfRow(row) - x, (this.y(lane) - y) / 4);
      if (away < nearest) {
        nearest = away;
        best = row;
      }
    }
    return best;
  }

  /** The shown row of a lane nearest to a place, between two others. @param {number} lane @param {number} from
   * @param {number} place @param {number} to */
  rowNear(lane, from, place, to) {
    const {run, places, shown} = this;
    let low = run.begin[lane], high = run.begin[lane + 1];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (places[run.order[middle]] < from) low = middle + 1; else high = middle;
    }
    let best = -1;
    for (; low < run.begin[lane + 1] && places[run.order[low]] <= to; low++) {
      const row = run.order[low];
      if (shown[row] && (best < 0 || Math.abs(places[row] - place) < Math.abs(places[best] - place))) best = row;
    }
    return best;
  }
}

/** @param {CanvasRenderingContext2D} context @param {number} kind @param {number} x @param {number} y @param {number} size
 * @param {(name: string) => string} ink */
function drawMark(context, kind, x, y, size, ink) {
  context.fillStyle = context.strokeStyle = [INK.blue, INK.blue, INK.red, ink("faint"), ink("ink"), INK.red, INK.green, INK.blue,
    INK.purple, INK.purple][kind];
  context.lineWidth = 1.5;
  context.beginPath();
  switch (kind) {
    case SEND:
      context.arc(x, y, size - 0.6, 0, 7);
      context.fillStyle = ink("ground");
      context.fill();
      context.stroke();
      return;
    case DELIVER:
    case EVENT:
    case EVENT + 1:
    case EVENT + 2: context.arc(x, y, size, 0, 7); break;
    case TIMER: context.rect(x - size + 1, y - size + 1, 2 * size - 2, 2 * size - 2); break;
    case START:
      context.moveTo(x - size, y + size);
      context.lineTo(x + size, y);
      context.lineTo(x - size, y - size);
      break;
    case OBSERVE:
      context.moveTo(x, y - size - 1);
      context.lineTo(x + size + 1, y);
      context.lineTo(x, y + size + 1);
      context.lineTo(x - size - 1, y);
      break;
    default:
      context.moveTo(x - size, y - size);
      context.lineTo(x + size, y + size);
      context.moveTo(x + size, y - size);
      context.lineTo(x - size, y + size);
      context.stroke();
      return;
  }
  context.fill();
}

/** @param {Run} run @param {number} row */
function messageColour(run, row) {
  return MESSAGES[run.label[row] % MESSAGES.length];
}

/** The track that colours the nodes, if one does. @param {Run} run @param {Choice} choice @returns {Track|undefined} */
function trackOf(run, choice) {
  return choice.track === null ? run.tracks[0] : run.tracks.find((each) => each.name === choice.track);
}

/** Colour and thickness of a state. @param {Track} track @param {number} state */
function stateStyle(track, state) {
  const name = track.states[state].toLowerCase(), colour = NAMED[name];
  if (colour) return {colour, high: colour === INK.green ? 9 : colour === INK.orange ? 6 : 4};
  return {colour: STATES[(state - 1) % STATES.length], high: 6};
}
