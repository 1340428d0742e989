// What is shown of a run: kinds, types, nodes, times and words; and what is found by words.

/** What the reader has chosen; the address keeps it. */
class Choice {
  constructor() {
    /** @type {Set<number>} */
    this.hiddenNodes = new Set();
    /** @type {Set<number>} */
    this.hiddenKinds = new Set();
    /** Names, so that it holds for two runs. @type {Set<string>} */
    this.hiddenLabels = new Set();
    this.fromNs = -Infinity;
    this.toNs = Infinity;
    this.words = "";
    this.only = false;
    this.collapsed = false;
    /** Name of the track that colours the nodes; empty: none; null: the first. @type {string|null} */
    this.track = null;
    /** The key whose operations are shown; null: all. @type {string|null} */
    this.key = null;
  }

  /** @param {number} node */
  hides(node) {
    return this.hiddenNodes.has(node);
  }
}

/** What words find in a run: a byte for each row. */
class Found {
  /** @param {Run} run */
  constructor(run) {
    this.run = run;
    this.rows = new Uint8Array(run.count);
    this.count = 0;
    this.words = "";
  }

  /** Look for events that have all the words somewhere: in what they carried, their type, kind, node or reason.
   * @param {string} words @param {() => boolean} outdated whether nobody waits for it any more */
  async look(words, outdated) {
    const {run, rows} = this;
    this.words = words;
    this.count = 0;
    rows.fill(0);
    const exact = run.rowOf(words);
    if (exact >= 0) {
      rows[exact] = 1;
      this.count = 1;
      return;
    }
    const sought = words.toLowerCase().split(/\s+/).filter(Boolean);
    if (!sought.length || sought.length > 8) return;
    const all = (1 << sought.length) - 1;
    const inTexts = await this.textsWith(sought, outdated);
    if (outdated()) return;
    /** @param {string[]} table */
    const having = (table) => Uint8Array.from(table, (each) => bitsOf(each.toLowerCase(), sought));
    const inLabels = having(run.form.labels), inReasons = having(run.form.reasons), inKinds = having(run.form.kinds);
    const inNodes = new Map();
    for (let node = -1; node < run.form.nodes; node++) inNodes.set(node, bitsOf(run.nodeName(node).toLowerCase(), sought));
    for (let i = 0; i < run.count; i++) {
      const bits = inTexts[run.text[i]] | inLabels[run.label[i]] | inReasons[run.reason[i]] | inKinds[run.what[i]] |
        inNodes.get(run.node[i]);
      if (bits === all) {
        rows[i] = 1;
        this.count++;
      }
    }
  }

  /** Which of the words each text has, as bits. @param {string[]} sought @param {() => boolean} outdated */
  async textsWith(sought, outdated) {
    const {count, in_block: size, blocks} = this.run.form.texts;
    const found = new Uint8Array(count);
    for (let block = 0; block < blocks; block++) {
      if (outdated()) break;
      const texts = await this.run.textBlock(block);
      for (let i = 0; i < texts.length; i++) found[block * size + i] = bitsOf(texts[i].toLowerCase(), sought);
    }
    return found;
  }

  /** The found row behind (1) or before (-1) a row, going round; -1 if nothing is found. @param {number} row @param {number} step */
  from(row, step) {
    const {count} = this.run;
    if (!this.count) return -1;
    for (let i = 1; i <= count; i++) {
      const each = (((row + step * i) % count) + count) % count;
      if (this.rows[each]) return each;
    }
    return -1;
  }
}

/** Which of the words a text has. @param {string} text @param {string[]} sought */
function bitsOf(text, sought) {
  let bits = 0;
  for (let i = 0; i < sought.length; i++) if (text.includes(sought[i])) bits |= 1 << i;
  return bits;
}

/** A byte for each row: whether it is shown. @param {Run} run @param {Choice} choice @param {Found} found */
function shownRows(run, choice, found) {
  const shown = new Uint8Array(run.count);
  const labels = Uint8Array.from(run.form.labels, (each) => (choice.hiddenLabels.has(each) ? 0 : 1));
  const kinds = Uint8Array.from(run.form.kinds, (_, kind) => (choice.hiddenKinds.has(kind) ? 0 : 1));
  const nodes = new Uint8Array(run.lanes).fill(1);
  for (const node of choice.hiddenNodes) if (node + 1 < run.lanes) nodes[node + 1] = 0;
  const only = choice.only && choice.words.trim() !== "";
  for (let i = 0; i < run.count; i++) {
    shown[i] = labels[run.label[i]] & kinds[run.what[i]] & nodes[run.node[i] + 1];
    if (only && !found.rows[i]) shown[i] = 0;
  }
  const from = firstAtLeast(run.time, choice.fromNs);
  shown.fill(0, 0, from);
  shown.fill(0, firstAtLeast(run.time, choice.toNs + 1));
  return shown;
}
