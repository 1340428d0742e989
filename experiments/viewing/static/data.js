// What the page carries: columns of numbers and tables of texts, unpacked into typed arrays.

/**
 * @typedef {{name: string, count: number, width: number, base: number, rising: boolean}} ColumnForm
 * @typedef {{name: string, number: string, states: string[], columns: ColumnForm[]}} TrackForm
 * @typedef {{kind: string, from_ns: number, to_ns: number|null, nodes: number[], groups: number[][]}} Band
 * @typedef {{process: number, node: number, from: number, to: number|null, outcome: string, key: string, function: string,
 *   argument: string, result: string, stuck?: boolean, order?: number, under_way?: boolean}} Bar
 * @typedef {{property: string, time_ns: number, node: number, detail: string}} Violation
 * @typedef {{name: string, command: string, count: number, nodes: number, names: string[], kinds: string[],
 *   columns: ColumnForm[], labels: string[], reasons: string[],
 *   texts: {count: number, in_block: number, blocks: number}, bands: Band[], tracks: TrackForm[], bars: Bar[],
 *   history: string, log: boolean, ticks: boolean, violations: Violation[], report: string[][]}} RunForm
 * @typedef {{version: number, title: string, runs: RunForm[], parting: {rows: number[], text: string}|null}} About
 * @typedef {{name: string, number: string, states: string[], rows: Int32Array, state: Uint16Array,
 *   numbers: Float64Array}} Track
 */

const SEND = 0, DELIVER = 1, DROP = 2, TIMER = 3, START = 4, FAULT = 5, OBSERVE = 6, EVENT = 7;

/** The bytes that a base64 text stands for. @param {string} text @returns {Uint8Array<ArrayBuffer>} */
function bytesOf(text) {
  const whole = /** @type {any} */ (Uint8Array);
  if (whole.fromBase64) return whole.fromBase64(text);
  const raw = atob(text), bytes = new Uint8Array(raw.length);
  for (let i = 0; i < raw.length; i++) bytes[i] = raw.charCodeAt(i);
  return bytes;
}

/** What an element of the page carries, inflated. @param {string} id @returns {Promise<Uint8Array<ArrayBuffer>>} */
async function carried(id) {
  const element = document.getElementById(id);
  if (!element) throw new Error(`the page lacks its part ${id}`);
  if (typeof DecompressionStream === "undefined") throw new Error("this page needs a browser of 2023 or later");
  const stream = new Blob([bytesOf(element.textContent || "")]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

/** Numbers out of their planes. @template {Float64Array|Int32Array|Uint16Array|Uint8Array} T
 * @param {ColumnForm} form @param {Uint8Array} bytes @param {number} from @param {T} into @returns {T} */
function unpacked(form, bytes, from, into) {
  const {count, width, base, rising} = form;
  const p0 = bytes.subarray(from, from + count);
  const p1 = width > 1 ? bytes.subarray(from + count, from + 2 * count) : null;
  const p2 = width > 2 ? bytes.subarray(from + 2 * count, from + 3 * count) : null;
  let sum = 0;
  if (width === 1 && !rising) {
    for (let i = 0; i < count; i++) into[i] = base + p0[i];
    return into;
  }
  for (let i = 0; i < count; i++) {
    let value = base + p0[i];
    if (p1) value += p1[i] * 256;
    if (p2) value += p2[i] * 65536;
    for (let plane = 3, factor = 16777216; plane < width; plane++, factor *= 256) {
      value += bytes[from + plane * count + i] * factor;
    }
    if (rising) value = sum += value;
    into[i] = value;
  }
  return into;
}

/** One run: its events by row, and by lane. Lane 0 is the environment, lane 1 node 0. */
class Run {
  /** @param {RunForm} form @param {number} place @param {Uint8Array} bytes */
  constructor(form, place, bytes) {
    this.form = form;
    this.place = place;
    const count = this.count = form.count;
    this.lanes = form.nodes + 1;
    /** Added to its times, where it stands beside another run. */
    this.shift = 0;
    this.time = new Float64Array(count);
    this.node = new Int32Array(count);
    this.what = new Uint8Array(count);
    this.peer = new Int32Array(count);
    this.label = new Uint16Array(count);
    this.text = new Int32Array(count);
    this.reason = new Uint16Array(count);
    this.sent = new Int32Array(count);
    this.flight = new Float64Array(count);
    this.own = new Float64Array(count);
    this.state = new Int32Array(count);
    this.skipped = new Int32Array(count);
    /** One more than the node's running number as it began to handle this; 0: not known. */
    this.began = new Float64Array(count);
    /** Edges beside messages, by rows. */
    this.edges_from = new Int32Array(form.columns.filter((each) => each.name === "edges_from")[0].count);
    this.edges_to = new Int32Array(this.edges_from.length);
    let from = 0;
    for (const column of form.columns) {
      unpacked(column, bytes, from, /** @type {any} */ (this)[column.name]);
      from += column.count * column.width;
    }
    /** @type {Track[]} */
    this.tracks = form.tracks.map((track) => {
      const [rows, state, numbers] = track.columns.map((column, which) => {
        const arrays = [Int32Array, Uint16Array, Float64Array];
        const into = unpacked(column, bytes, from, new arrays[which](column.count));
        from += column.count * column.width;
        return into;
      });
      return {name: track.name, number: track.number, states: track.states, rows: /** @type {Int32Array} */ (rows),
        state: /** @type {Uint16Array} */ (state), numbers: /** @type {Float64Array} */ (numbers)};
    });
    /** @type {Map<number, string[]>} */
    this.blocks = new Map();
    /** Where the rows of each lane begin in `order`. */
    this.begin = new Int32Array(this.lanes + 1);
    /** Rows by lane, each lane's in order. */
    this.order = new Int32Array(count);
    /** Where a row stands in `order`. */
    this.at = new Int32Array(count);
    /** The number of an event at its node. */
    this.number = new Int32Array(count);
    /** Of a send, the row of its first delivery or of its drop; -1: none is known. Of these, the row of the send. */
    this.other = new Int32Array(count).fill(-1);
    /** Further deliveries of messages that the network doubled, by send. @type {Map<number, number[]>} */
    this.copies = new Map();
    /** The most rows that a message was under way. */
    this.longest = 0;
    /** @type {Map<number, number[]>|null} */
    this.edgesOut = null;
    /** @type {Map<number, number[]>|null} */
    this.edgesIn = null;
    this.derive();
  }

  /** What follows from the columns: rows by lane, numbers of events, and where each message ended. */
  derive() {
    const {count, node, what, sent, begin, order, at, number, other} = this;
    for (let i = 0; i < count; i++) begin[node[i] + 2]++;
    for (let lane = 0; lane < this.lanes; lane++) begin[lane + 1] += begin[lane];
    const next = begin.slice(), expected = new Int32Array(this.lanes);
    const counts = new Float64Array(this.lanes);
    for (let i = 0; i < count; i++) {
      const lane = node[i] + 1;
      at[i] = next[lane];
      order[next[lane]++] = i;
      number[i] = expected[lane] + this.skipped[i];
      expected[lane] = number[i] + 1;
      if (this.began[i]) {
        counts[lane] += this.began[i] - 1;
        this.began[i] = counts[lane] + 1;
      }
      if (sent[i] !== 0) {
        const send = i - sent[i];
        other[i] = send;
        if (other[send] < 0 || what[other[send]] === DROP) other[send] = i;
        else if (what[i] === DELIVER) this.copies.set(send, [...(this.copies.get(send) || []), i]);
        this.longest = Math.max(this.longest, Math.abs(sent[i]));
      }
    }
  }

  /** Edges beside messages by the row that they come from (out) or go to. @param {boolean} out @returns {Map<number, number[]>} */
  edges(out) {
    const kept = out ? this.edgesOut : this.edgesIn;
    if (kept) return kept;
    const [key, value] = out ? [this.edges_from, this.edges_to] : [this.edges_to, this.edges_from];
    /** @type {Map<number, number[]>} */
    const made = new Map();
    for (let i = 0; i < key.length; i++) {
      const found = made.get(key[i]);
      if (found) found.push(value[i]); else made.set(key[i], [value[i]]);
    }
    if (out) this.edgesOut = made; else this.edgesIn = made;
    return made;
  }

  /** Name of a node. @param {number} node */
  nodeName(node) {
    return node < 0 ? "environment" : this.form.names[node] || `node ${node}`;
  }

  /** Name of an event, as everywhere else: 4#112. @param {number} row */
  eventName(row) {
    const node = this.node[row];
    return `${node < 0 ? "environment" : this.form.names[node] || node}#${this.number[row]}`;
  }

  /** The row of that name, -1 if there is none. @param {string} name */
  rowOf(name) {
    const found = /^(.+)#(\d+)$/.exec(name.trim());
    if (!found) return -1;
    const named = this.form.names.indexOf(found[1]), number = Number(found[2]);
    const lane = found[1] === "environment" ? 0 : (named >= 0 ? named : /^\d+$/.test(found[1]) ? Number(found[1]) : NaN) + 1;
    if (!(lane < this.lanes)) return -1;
    let low = this.begin[lane], high = this.begin[lane + 1];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.number[this.order[middle]] < number) low = middle + 1; else high = middle;
    }
    return low < this.begin[lane + 1] && this.number[this.order[low]] === number ? this.order[low] : -1;
  }

  /** The row before (-1) or behind (1) at the same node, -1 if there is none. @param {number} row @param {number} step */
  beside(row, step) {
    const place = this.at[row] + step, lane = this.node[row] + 1;
    return place < this.begin[lane] || place >= this.begin[lane + 1] ? -1 : this.order[place];
  }

  /** A block of texts. @param {number} block @returns {Promise<string[]>} */
  async textBlock(block) {
    let texts = this.blocks.get(block);
    if (!texts) {
      texts = new TextDecoder().decode(await carried(`texts-${this.place}-${block}`)).split("\n");
      if (this.blocks.size > 40) this.blocks.clear();
      this.blocks.set(block, texts);
    }
    return texts;
  }

  /** A text by its number. @param {number} number @returns {Promise<string>} */
  async textOf(number) {
    const size = this.form.texts.in_block;
    return number === 0 ? "" : (await this.textBlock(Math.floor(number / size)))[number % size];
  }

  /** The text, if its block has been unpacked already, else null. @param {number} number */
  textAtHand(number) {
    const size = this.form.texts.in_block, block = this.blocks.get(Math.floor(number / size));
    return number === 0 ? "" : block ? block[number % size] : null;
  }
}

/** The runs that the page carries. @returns {Promise<{about: About, runs: Run[]}>} */
async function readRuns() {
  const element = document.getElementById("about-runs");
  /** @type {About} */
  const about = JSON.parse((element && element.textContent) || "");
  const runs = [];
  inTicks = about.runs.length > 0 && about.runs.every((form) => form.ticks);
  for (const [place, form] of about.runs.entries()) runs.push(new Run(form, place, await carried(`columns-${place}`)));
  return {about, runs};
}

/** The first place in a rising array whose value is at least that. @param {Float64Array} values @param {number} value */
function firstAtLeast(values, value) {
  let low = 0, high = values.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (values[middle] < value) low = middle + 1; else high = middle;
  }
  return low;
}

/** Whether what the page calls times are ticks of a Lamport clock, a second each. */
let inTicks = false;

/** Nanoseconds as people write them, exactly: 1.5s. @param {number} ns */
function duration(ns) {
  if (inTicks) return `tick ${Math.round(ns / 1e7) / 100}`;
  if (ns === 0) return "0s";
  const size = Math.abs(ns), sign = ns < 0 ? "-" : "";
  for (const [unit, unitNs, places] of /** @type {[string, number, number][]} */ (
    [["s", 1e9, 9], ["ms", 1e6, 6], ["us", 1e3, 3]])) {
    if (size >= unitNs) {
      const whole = Math.floor(size / unitNs), rest = Math.round(size - whole * unitNs);
      const decimals = String(rest).padStart(places, "0").replace(/0+$/, "");
      return `${sign}${whole}${decimals ? "." + decimals : ""}${unit}`;
    }
  }
  return `${sign}${size}ns`;
}

/** A duration as people write it, in ns; NaN if it is none. @param {string} text */
function durationOf(text) {
  if (inTicks) return Math.round(Number(text.replace("tick", "")) * 1e9);
  const found = /^\s*(-?\d+(?:\.\d+)?)\s*(ns|us|ms|s|m|h)?\s*$/.exec(text);
  if (!found) return NaN;
  const units = {ns: 1, us: 1e3, ms: 1e6, s: 1e9, m: 6e10, h: 3.6e12};
  return Math.round(Number(found[1]) * units[/** @type {keyof typeof units} */ (found[2] || "s")]);
}
