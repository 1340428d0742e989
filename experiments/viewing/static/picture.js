// The space-time diagram of one run: single events where few are in the picture, else counts by pixel column.

class Picture extends Ground {
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

  /** Counts by pixel column, a bar for each node. @param {number} first @param {number} last */
  drawCounts(first, last) {
    const {run, looked, dots} = this, wide = Math.max(1, Math.floor(this.width - GUTTER)), {shown, places} = this;
    const {what, node} = run, seen = Math.ceil(this.height);
    const slots = new Int32Array(run.lanes).fill(-1);
    let lanes = 0;
    for (const lane of this.visible) if (this.y(lane) > 0 && this.y(lane) < seen) slots[lane] = lanes++;
    const {counts, classes} = this.cells(lanes * wide);
    const bits = Uint8Array.of(1, 1, 2, 4, 4, 2, 8, 1, 1, 1), {left} = looked.view, by = wide / (looked.view.right - left);
    const lit = looked.light && looked.light.run === run ? looked.light.lit : null;
    for (let i = first; i < last; i++) {
      const slot = slots[node[i] + 1];
      if (!shown[i] || slot < 0 || (lit && !lit[i])) continue;
      const cell = slot * wide + Math.min(wide - 1, ((places[i] - left) * by) | 0);
      counts[cell]++;
      classes[cell] |= bits[what[i]];
    }
    const high = Math.max(1, Math.floor(Math.min(this.laneHeight * 0.6, 24)));
    const image = this.imageOf(wide, Math.max(1, lanes * high)), pixels = new Uint32Array(image.data.buffer);
    pixels.fill(0);
    const colours = Uint32Array.from({length: 16}, (_, each) =>
      each & 1 ? 0xb27200 : each & 8 ? 0x739e00 : each & 4 ? 0x888888 : 0x005ed5);
    for (let slot = 0; slot < lanes; slot++) {
      for (let x = 0; x < wide; x++) {
        const cell = slot * wide + x, count = counts[cell];
        if (!count) continue;
        const share = Math.min(1, 0.3 + Math.log2(count + 1) / 7), tall = Math.max(1, Math.round(high * share));
        const pixel = ((Math.round(150 + 105 * share) << 24) | colours[classes[cell]]) >>> 0;
        const top = slot * high + ((high - tall) >> 1), bad = classes[cell] & 2 ? top + Math.floor(tall * 0.6) : Infinity;
        for (let y = top; y < top + tall; y++) pixels[y * wide + x] = y < bad ? pixel : 0xff005ed5;
      }
    }
    /** @type {CanvasRenderingContext2D} */ (dots.getContext("2d")).putImageData(image, 0, 0);
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
    const x = this.xOfRow(send), y = this.y(from), toX = run.flight[send] ? this.xOf(run.time[send] + run.flight[send]) : x + 40;
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

