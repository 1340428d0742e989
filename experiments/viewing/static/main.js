// Mouse, touch and keys; and the beginning of everything.

/** Mouse and touch on a picture. @param {Page} page @param {Picture} picture */
function takePointers(page, picture) {
  const {canvas} = picture;
  /** @type {Map<number, {x: number, y: number}>} */
  const down = new Map();
  let moved = 0;
  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    down.set(event.pointerId, {x: event.offsetX, y: event.offsetY});
    moved = down.size > 1 ? 100 : 0;
  });
  canvas.addEventListener("pointermove", (event) => {
    const before = down.get(event.pointerId), now = {x: event.offsetX, y: event.offsetY};
    if (!before) return;
    const wide = picture.width - GUTTER;
    if (down.size === 1) {
      moved += Math.abs(now.x - before.x) + Math.abs(now.y - before.y);
      if (moved > 4) {
        page.view.pan((before.x - now.x) / wide);
        picture.scroll += before.y - now.y;
        page.kept();
      }
    } else if (down.size === 2) {
      const other = /** @type {{x: number, y: number}} */ ([...down].filter(([id]) => id !== event.pointerId)[0][1]);
      const apart = Math.max(10, Math.abs(before.x - other.x)), then = Math.max(10, Math.abs(now.x - other.x));
      page.view.zoom(apart / then, Math.min(1, Math.max(0, ((before.x + other.x) / 2 - GUTTER) / wide)));
      page.view.pan((before.x - now.x) / 2 / wide);
      page.kept();
    }
    down.set(event.pointerId, now);
  });
  const up = (/** @type {PointerEvent} */ event) => {
    if (down.delete(event.pointerId) && moved <= 4 && event.type === "pointerup") {
      const row = picture.rowAt(event.offsetX, event.offsetY);
      if (row >= 0) page.choose(picture.run, row, true); else page.letGo();
    }
  };
  canvas.addEventListener("pointerup", up);
  canvas.addEventListener("pointercancel", up);
  canvas.addEventListener("wheel", (event) => {
    event.preventDefault();
    if (event.shiftKey) picture.scroll += event.deltaY || event.deltaX;
    else if (Math.abs(event.deltaX) > Math.abs(event.deltaY)) page.view.pan(event.deltaX / (picture.width - GUTTER));
    else page.view.zoom(Math.exp(Math.min(0.5, Math.max(-0.5, event.deltaY / 400))), Math.max(0, (event.offsetX - GUTTER) / (picture.width - GUTTER)));
    page.kept();
  }, {passive: false});
}

/** The strip above and the bars below the pictures. @param {Page} page */
function takeStrips(page) {
  const overview = part("overview"), bars = part("bars");
  const to = (/** @type {PointerEvent} */ event) => {
    const share = (event.offsetX - GUTTER) / (overview.clientWidth - GUTTER), span = page.view.right - page.view.left;
    page.view.show(share * page.scale.length - span / 2, share * page.scale.length + span / 2);
    page.kept();
  };
  overview.addEventListener("pointerdown", (/** @type {PointerEvent} */ event) => { overview.setPointerCapture(event.pointerId); to(event); });
  overview.addEventListener("pointermove", (/** @type {PointerEvent} */ event) => { if (event.buttons) to(event); });
  const told = (/** @type {Bar|null} */ bar) => {
    if (bar) part("told").textContent = `process ${bar.process}: ${barText(bar)}, from ${duration(bar.from)}` +
      `${bar.to === null ? ", without an answer" : ` to ${duration(bar.to)}`}` +
      `${bar.stuck ? ": no legal order has a place for it" : bar.order ? `: number ${bar.order} of the longest legal order` : ""}`;
    page.draw();
  };
  bars.addEventListener("pointerup", (/** @type {PointerEvent} */ event) => {
    if (!page.bars) return;
    page.bars.chosen = page.bars.at(page.pictures[page.bars.run.place], event.offsetX, event.offsetY);
    told(page.bars.chosen);
  });
  bars.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => {
    if (!page.bars || (event.key !== "." && event.key !== ",")) return;
    event.stopPropagation();
    const bar = page.bars.step(event.key === "." ? 1 : -1);
    if (bar) page.view.reveal(page.scale.place(bar.from + page.bars.run.shift));
    told(bar);
  });
}

/** Keys, wherever no text is written. @param {Page} page */
function takeKeys(page) {
  const zoomed = (/** @type {number} */ factor) => {
    const at = page.selected ? (page.places[page.selected.run.place][page.selected.row] - page.view.left) / (page.view.right - page.view.left) : 0.5;
    page.view.zoom(factor, at > 0 && at < 1 ? at : 0.5);
    page.kept();
  };
  const panned = (/** @type {number} */ share) => { page.view.pan(share); page.kept(); };
  const scrolled = (/** @type {number} */ share) => { for (const each of page.pictures) each.scroll += share * each.height; page.kept(); };
  /** @type {{[key: string]: () => void}} */
  const keys = {
    ArrowLeft: () => panned(-0.15), ArrowRight: () => panned(0.15), "+": () => zoomed(0.7), "=": () => zoomed(0.7),
    "-": () => zoomed(1.43), 0: () => { page.view.all(); page.kept(); }, ".": () => page.step(1), ",": () => page.step(-1),
    ArrowUp: () => page.toLane(-1), ArrowDown: () => page.toLane(1), m: () => page.along(), l: () => page.toggleLight(),
    w: () => page.toggleWhy(), v: () => page.toTrouble(), c: () => part("quiet").click(), "/": () => part("find").focus(),
    n: () => page.toFound(1), N: () => page.toFound(-1), Escape: () => page.letGo(), "?": () => part("help").click(),
    PageUp: () => scrolled(-0.8), PageDown: () => scrolled(0.8), h: () => hideNode(page),
  };
  document.addEventListener("keydown", (event) => {
    const target = /** @type {HTMLElement} */ (event.target);
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    if (/^(INPUT|SELECT|TEXTAREA)$/.test(target.tagName) && /** @type {HTMLInputElement} */ (target).type !== "checkbox") {
      if (event.key === "Escape") target.blur();
      return;
    }
    const scrolls = target.closest("aside") && /^(Arrow|Page)/.test(event.key);
    if (!scrolls && Object.hasOwn(keys, event.key)) {
      event.preventDefault();
      keys[event.key]();
    }
  });
  part("zoom-in").addEventListener("click", keys["+"]);
  part("zoom-out").addEventListener("click", keys["-"]);
  part("fit").addEventListener("click", keys[0]);
}

/** Hide the node of the chosen event, or show all again. @param {Page} page */
function hideNode(page) {
  if (page.selected) {
    page.choice.hiddenNodes.add(page.selected.run.node[page.selected.row]);
    page.letGo();
  } else page.choice.hiddenNodes.clear();
  page.chosenAnew();
  showChoices(page);
}

/** The head of the page. @param {Page} page */
function takeHead(page) {
  let wait = 0;
  part("find").addEventListener("input", () => {
    clearTimeout(wait);
    wait = setTimeout(() => page.find(part("find").value).catch((error) => page.failed(error)), 200);
  });
  part("search").addEventListener("submit", async (/** @type {Event} */ event) => {
    event.preventDefault();
    clearTimeout(wait);
    if (page.choice.words !== part("find").value) await page.find(part("find").value);
    page.toFound(1);
  });
  part("find").addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => {
    if (event.key === "Enter" && event.shiftKey) {
      event.preventDefault();
      page.toFound(-1);
    }
  });
  part("find-back").addEventListener("click", () => page.toFound(-1));
  part("only").addEventListener("change", () => { page.choice.only = part("only").checked; page.chosenAnew(); });
  part("quiet").addEventListener("click", () => {
    page.choice.collapsed = !page.choice.collapsed;
    part("quiet").setAttribute("aria-pressed", String(page.choice.collapsed));
    page.chosenAnew();
  });
  part("help").addEventListener("click", () => {
    part("keys").hidden = !part("keys").hidden;
    part("help").setAttribute("aria-expanded", String(!part("keys").hidden));
    page.draw();
  });
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const themed = (/** @type {boolean} */ isDark) => {
    document.documentElement.dataset.theme = isDark ? "dark" : "light";
    page.readInks();
    showLegend(page);
    page.draw();
  };
  themed(dark.matches);
  dark.addEventListener("change", () => themed(dark.matches));
  part("theme").addEventListener("click", () => themed(document.documentElement.dataset.theme !== "dark"));
}

async function begin() {
  const {about, runs} = await readRuns(), page = new Page(about, runs);
  page.readInks();
  takeHead(page);
  for (const picture of page.pictures) takePointers(page, picture);
  takeStrips(page);
  takeKeys(page);
  showReport(page);
  await page.follow();
  window.addEventListener("hashchange", () => page.follow());
  new ResizeObserver(() => page.draw()).observe(part("pictures"));
  requestAnimationFrame(() => {
    page.drawNow();
    document.documentElement.dataset.ready = String(Math.round(performance.now()));
  });
  /** @type {any} */ (window).simclockPage = page;
}

begin().catch((error) => {
  part("told").textContent = `The page cannot be shown: ${error.message || error}`;
  console.error(error);
});
