// The ground of a space-time diagram: places on the canvas, the lines of nodes in their colours, bands, axis and names.

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

/** Where things stand in a picture, and what lies below its events. */
class Ground {
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
    /** @type {{counts: Uint32Array, classes: Uint8Array}|null} */
    this.kept = null;
    /** @type {ImageData|null} */
    this.image = null;
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

  /** Memory for so many cells, the same in each frame, emptied. @param {number} size */
  cells(size) {
    if (!this.kept || this.kept.counts.length !== size) {
      this.kept = {counts: new Uint32Array(size), classes: new Uint8Array(size)};
    }
    this.kept.counts.fill(0);
    this.kept.classes.fill(0);
    return this.kept;
  }

  /** An image of that size, the same in each frame. @param {number} wide @param {number} high */
  imageOf(wide, high) {
    if (!this.image || this.image.width !== wide || this.image.height !== high) {
      this.dots.width = wide;
      this.dots.height = high;
      this.image = new ImageData(wide, high);
    }
    return this.image;
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
      context.fillText(name.length > 13 ? `${name.slice(0, 12)}\u2026` : name, GUTTER - 10, y);
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
      track.rows.forEach((row, entry) => {
        const lane = grown[this.run.node[row] + 1], last = lane[lane.length - 1];
        const same = last !== undefined && track.state[last] === track.state[entry] && track.numbers[last] === track.numbers[entry];
        if (!same) lane.push(entry);
      });
      lanes = grown.map((each) => Int32Array.from(each));
      this.byLane.set(track, lanes);
    }
    return lanes;
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
  return MESSAGES[run.form.log ? 0 : run.label[row] % MESSAGES.length];
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
