// What came before what: the happens-before relation of Lamport 1978, by rows of a run.

/** Causes and effects of one event. */
class Light {
  /** @param {Run} run @param {number} row */
  constructor(run, row) {
    this.run = run;
    this.row = row;
    /** By lane, the place in `order` behind its last event that came before; and that of its first that came after. */
    this.past = run.begin.slice(0, run.lanes);
    this.future = run.begin.slice(1);
    /** @type {Uint8Array|null} */
    this.mask = null;
    this.spreadBack();
    this.spreadOn();
  }

  /** Every event before: of its own node, and of who sent what these have received. */
  spreadBack() {
    const {run, past} = this, {order, node, what, other, at} = run, edges = run.edges(false);
    const waiting = [this.row];
    while (waiting.length) {
      const row = /** @type {number} */ (waiting.pop()), lane = node[row] + 1;
      const from = past[lane], to = at[row] + 1;
      if (to <= from) continue;
      past[lane] = to;
      for (let place = from; place < to; place++) {
        const each = order[place];
        if (what[each] === DELIVER && other[each] >= 0) waiting.push(other[each]);
        if (edges.has(each)) waiting.push(.../** @type {number[]} */ (edges.get(each)));
      }
    }
  }

  /** Every event after. A message that came twice is followed to both. */
  spreadOn() {
    const {run, future} = this, {order, node, what, other, at} = run, edges = run.edges(true);
    const waiting = [this.row];
    while (waiting.length) {
      const row = /** @type {number} */ (waiting.pop()), lane = node[row] + 1;
      const from = at[row], to = future[lane];
      if (from >= to) continue;
      future[lane] = from;
      for (let place = from; place < to; place++) {
        const each = order[place], end = what[each] === SEND ? other[each] : -1;
        if (end >= 0 && what[end] === DELIVER) waiting.push(end);
        if (edges.has(each)) waiting.push(.../** @type {number[]} */ (edges.get(each)));
        if (end >= 0 && run.copies.has(each)) waiting.push(.../** @type {number[]} */ (run.copies.get(each)));
      }
    }
  }

  /** -1 if the row came before the event, 1 if after, 0 if neither: they are concurrent. @param {number} row */
  side(row) {
    const lane = this.run.node[row] + 1, place = this.run.at[row];
    if (row === this.row || place < this.past[lane]) return -1;
    return place >= this.future[lane] ? 1 : 0;
  }

  /** A byte for each row: whether it is in the past or the future. Made once. */
  get lit() {
    if (!this.mask) {
      const {run, past, future} = this, {order, begin} = run, mask = this.mask = new Uint8Array(run.count);
      for (let lane = 0; lane < run.lanes; lane++) {
        for (let place = begin[lane]; place < past[lane]; place++) mask[order[place]] = 1;
        for (let place = future[lane]; place < begin[lane + 1]; place++) mask[order[place]] = 1;
      }
    }
    return this.mask;
  }

  /** How many events are in the past, and in the future, without the event itself. @returns {[number, number]} */
  sizes() {
    let before = -1, after = -1;
    for (let lane = 0; lane < this.run.lanes; lane++) {
      before += this.past[lane] - this.run.begin[lane];
      after += this.run.begin[lane + 1] - this.future[lane];
    }
    return [before, after];
  }
}

/** What led to an event directly, -1 if nothing is known: of a delivery or drop its send; of what a handler did, what the
 * handler was called for; of a timer, the call in which it was set; of what a log tells, who caused it, else the event before.
 * @param {Run} run @param {number} row @returns {number} */
function causeOf(run, row) {
  const what = run.what[row], edges = run.edges(false).get(row);
  if (what === DELIVER || what === DROP) return run.other[row] >= 0 ? run.other[row] : edges ? Math.max(...edges) : -1;
  if (edges) return Math.max(...edges);
  if (what >= EVENT || run.form.log) return run.beside(row, -1);
  if (what === START) return isAt(run, run.beside(row, -1), FAULT);
  return what === FAULT ? -1 : what === TIMER ? setterOf(run, row) : handledBefore(run, row);
}

/** The row if it is of that kind, else -1. @param {Run} run @param {number} row @param {number} kind */
function isAt(run, row, kind) {
  return row >= 0 && run.what[row] === kind ? row : -1;
}

/** What the node had been called for last before a row, -1 if nothing. @param {Run} run @param {number} row */
function handledBefore(run, row) {
  let before = run.beside(row, -1);
  while (before >= 0 && !isHandled(run, before)) before = run.beside(before, -1);
  return before;
}

/** Whether it is something that the node was called for. @param {Run} run @param {number} row */
function isHandled(run, row) {
  return run.what[row] === DELIVER || run.what[row] === TIMER || run.what[row] === START || run.what[row] === FAULT;
}

/** The event in whose handling a timer was set: the last that began at a smaller number than the timer's. Where the run was
 * not looked at, that of the last that was sent or told with a smaller number: the first of those that it may have been.
 * @param {Run} run @param {number} row @returns {number} */
function setterOf(run, row) {
  let first = -1;
  for (let before = run.beside(row, -1); before >= 0; before = run.beside(before, -1)) {
    if (isHandled(run, before)) {
      first = before;
      if (run.began[before] && run.began[before] - 1 < run.own[row]) return before;
    } else if ((run.what[before] === SEND || run.what[before] === OBSERVE) && run.own[before] < run.own[row]) {
      return handledBefore(run, before);
    }
  }
  return first;
}

/** The chain of causes of an event, from its root to it. @param {Run} run @param {number} row @returns {number[]} */
function chainOf(run, row) {
  const chain = [row];
  for (let cause = causeOf(run, row); cause >= 0 && chain.length < 10000; cause = causeOf(run, cause)) chain.push(cause);
  return chain.reverse();
}

/** What stands for a message through hidden nodes: the visible send that reached the hidden node last before it sent this
 * one. -1 if there is none near. @param {Run} run @param {number} row of a delivery @param {(node: number) => boolean} hidden */
function throughHidden(run, row, hidden) {
  let send = run.other[row];
  for (let steps = 0; send >= 0 && steps < 64; steps++) {
    if (!hidden(run.node[send])) return send;
    let before = run.beside(send, -1);
    for (let back = 0; back < 256 && before >= 0 && run.what[before] !== DELIVER; back++) before = run.beside(before, -1);
    if (before < 0 || run.what[before] !== DELIVER) return -1;
    send = run.other[before];
  }
  return -1;
}
