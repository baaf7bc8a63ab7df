"use strict";
// Draws the page from the data in it. Texts of the data are untrusted: they become text nodes and
// values of attributes, never markup, and only addresses of HTTP become links.
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const main = document.getElementById("main");
  const FAILED = 1, CAUSE = 2, CRITICAL = 4, INSTANT = 8;
  const SECOND = 1e6, MINUTE = 60 * SECOND, HOUR = 60 * MINUTE, DAY = 24 * HOUR;
  // Larger traces start without steps, so that the rows above them fit on a screen.
  const MOST_ROWS = 150;
  const FAR = 8.64e15; // milliseconds: the last time of a Date
  const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun",
    "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
  const text = (number) => data.texts[number];

  const make = (tag, properties, ...children) => {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(properties || {})) {
      if (value === undefined || value === null || value === false) continue;
      if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
      else if (name === "class") element.className = value;
      else element.setAttribute(name, value === true ? "" : value);
    }
    element.append(...children.filter((child) => child !== null && child !== undefined));
    return element;
  };
  const link = (address, shown) =>
    /^https?:\/\//.test(address)
      ? make("a", { href: address, target: "_blank", rel: "noopener noreferrer" }, shown)
      : null;

  // Times, in microseconds

  const pad = (number, digits = 2) => String(number).padStart(digits, "0");
  const duration = (time) => {
    if (time < 1000) return time ? `${Math.round(time)}µs` : "0s";
    if (time < SECOND) return `${Math.round(time / 1000)}ms`;
    if (time < 10 * SECOND && time % SECOND) return `${(time / SECOND).toFixed(1)}s`;
    let rest = Math.round(time / SECOND);
    const words = [];
    for (const [size, unit] of [[86400, "d"], [3600, "h"], [60, "m"], [1, "s"]]) {
      const count = Math.floor(rest / size);
      rest -= count * size;
      if (count || words.length) words.push(count ? count + unit : "");
      if (words.length === 2) break;
    }
    return words.filter(Boolean).join(" ") || "0s";
  };
  const date = (time) => new Date(Math.floor(time / 1000));
  const isDate = (time) => Math.abs(time / 1000) < FAR;
  const exact = (time) => {
    if (!isDate(time)) return `${time} µs`;
    const micros = ((time % SECOND) + SECOND) % SECOND;
    const fraction = micros ? "." + pad(micros, 6).replace(/(000)+$/, "") : "";
    return date(time).toISOString().slice(0, 19).replace("T", " ") + fraction + " UTC";
  };
  // Spans of one second have microseconds only to be in order.
  const wholeSecond = (time) => Math.floor(time / SECOND) * SECOND;
  const STEPS = [1, 2, 5, 10, 20, 50, 100, 200, 500].map((n) => n * 1000).concat(
    [1, 2, 5, 10, 15, 30].map((n) => n * SECOND), [1, 2, 5, 10, 15, 30].map((n) => n * MINUTE),
    [1, 2, 3, 6, 12].map((n) => n * HOUR), [1, 2, 7, 14, 28, 91, 182, 364].map((n) => n * DAY));
  const MONDAY = 4 * DAY; // 1970-01-05
  const roundTicks = (start, end, most) => {
    const least = (end - start) / Math.max(1, most);
    const step = STEPS.find((each) => each >= least) || Math.ceil(least / (364 * DAY)) * 364 * DAY;
    const offset = step >= 7 * DAY ? MONDAY : 0;
    const ticks = [];
    let tick = Math.ceil((start - offset) / step) * step + offset;
    for (; tick <= end && ticks.length <= 2 * most + 2; tick += step) ticks.push(tick);
    return [ticks, step];
  };
  const day = (time) => `${MONTHS[date(time).getUTCMonth()]} ${date(time).getUTCDate()}`;
  const clock = (time, step) => {
    const iso = date(time).toISOString();
    return step < SECOND ? iso.slice(14, 23) : step < MINUTE ? iso.slice(11, 19) : iso.slice(11, 16);
  };

  // Spans as trees; times are since 1970

  const byId = new Map();
  const traces = data.traces.map((raw, number) => {
    const nodes = raw.name.map((name, row) => ({
      raw, row, number, name: text(name), up: raw.up[row], children: [], depth: 0,
      meaning: raw.meaning[row], start: raw.start + raw.start_of[row],
      end: raw.start + raw.start_of[row] + raw.length[row], flags: raw.flags[row],
      title: text((raw.title || {})[row]) || "", note: text((raw.note || {})[row]) || "",
      error: text((raw.error || {})[row]) || "", element: null, folded: false,
    }));
    const roots = [];
    for (const node of nodes) {
      node.parent = nodes[node.up] || null;
      node.depth = node.parent ? node.parent.depth + 1 : 0;
      (node.parent ? node.parent.children : roots).push(node);
      if (!byId.has(raw.id[node.row])) byId.set(raw.id[node.row], node);
    }
    // How far the spans below reach, which says more of an opening than its own end.
    for (const node of [...nodes].reverse()) {
      node.far = Math.max(node.end, ...node.children.slice(0, 1).map((child) => child.far));
      for (const child of node.children) node.far = Math.max(node.far, child.far);
    }
    return { raw, nodes, roots, start: raw.start, end: Math.max(raw.end, raw.start + 1) };
  });
  const all = {
    nodes: traces.flatMap((trace) => trace.nodes), roots: traces.flatMap((trace) => trace.roots),
    start: Math.min(...traces.map((trace) => trace.start)),
    end: Math.max(...traces.map((trace) => trace.end)), raw: null,
  };
  const pairsOf = (numbers) =>
    numbers.map((pair) => [text(data.pairs[2 * pair]), text(data.pairs[2 * pair + 1])]);
  const attributesOf = (node) =>
    [...pairsOf(node.raw.own[node.row]), ...pairsOf(data.groups[node.raw.group[node.row]])];
  const label = (node) =>
    node.name + (node.title ? ` ${node.title}` : "") + (node.note ? ` (${node.note})` : "");
  const meaningOf = (node) => data.meanings[node.meaning][0];
  const colourOf = (node) => (node.flags & FAILED ? "failed" : meaningOf(node));
  const githubOf = (node) => {
    for (let each = node; each; each = each.parent) {
      const url = (each.raw.url || {})[each.row];
      if (url === undefined) continue;
      const step = (node.raw.step || {})[node.row];
      return text(url) + (each !== node && step !== undefined ? `#step:${step}:1` : "");
    }
    return "";
  };

  // State

  const state = {
    shown: all, scale: null, from: 0, to: 1, query: "", compress: false, critical: false,
    selected: null, focused: null,
  };
  const isWhole = (trace) => ["feature", "snapshot"].includes(trace.raw.kind);
  if (traces.length === 1 || (traces.length && isWhole(traces[0]))) state.shown = traces[0];

  // The scale: from times to places between 0 and 1. Compressed, what lies between steps, jobs and
  // deployments takes about a third of the width.

  const buildScale = () => {
    const { start, end, nodes } = state.shown;
    const pieces = [];
    if (state.compress) {
      const runs = nodes.filter((node) => meaningOf(node) === "run");
      const works = {
        // Of a job that waited for an approval only the steps are work.
        run: (node) => node.children.every((child) => meaningOf(child) === "wait"),
        deployment: (node) => !runs.some((run) => run.start <= node.end && node.start <= run.end),
      };
      works.job = works.step = works.run;
      const active = nodes
        .filter((node) => (works[meaningOf(node)] || (() => false))(node))
        .map((node) => [node.start, node.end]).sort((a, b) => a[0] - b[0]);
      const union = [];
      for (const [from, to] of active) {
        const last = union[union.length - 1];
        if (last && from <= last[1]) last[1] = Math.max(last[1], to);
        else union.push([from, to]);
      }
      const busy = union.reduce((sum, [from, to]) => sum + to - from, 0);
      const longest = busy / (2 * (union.length + 1));
      let time = start;
      const add = (from, to, gap) => {
        const last = pieces[pieces.length - 1];
        if (last && !last.gap && !gap) last.end = to;
        else if (to > from) pieces.push({ start: from, end: to, gap });
      };
      for (const [from, to] of [...union, [end, end]]) {
        if (from > time) add(time, from, from - time > longest);
        add(from, to, false);
        time = Math.max(time, to);
      }
      if (busy) for (const piece of pieces) piece.size = piece.gap ? longest : piece.end - piece.start;
      else pieces.length = 0;
    }
    if (!pieces.length) pieces.push({ start, end, gap: false, size: end - start });
    const total = pieces.reduce((sum, piece) => sum + piece.size, 0) || 1;
    let at = 0;
    for (const piece of pieces) {
      piece.from = at / total;
      at += piece.size;
      piece.to = at / total;
    }
    pieces[pieces.length - 1].to = 1;
    const find = (key, value) => {
      let low = 0, high = pieces.length - 1;
      while (low < high) {
        const middle = (low + high) >> 1;
        if (pieces[middle][key] < value) low = middle + 1;
        else high = middle;
      }
      return pieces[low];
    };
    state.scale = {
      pieces,
      place: (time) => {
        const piece = find("end", time);
        const share = (time - piece.start) / Math.max(1, piece.end - piece.start);
        return piece.from + Math.min(1, Math.max(0, share)) * (piece.to - piece.from);
      },
      time: (place) => {
        const piece = find("to", place);
        const share = (place - piece.from) / (piece.to - piece.from || 1);
        return piece.start + Math.min(1, Math.max(0, share)) * (piece.end - piece.start);
      },
    };
  };
  const percent = (place) => `${(100 * (place - state.from)) / (state.to - state.from)}%`;

  // The page: where the time went

  const goTo = (node) =>
    make("a", { href: `#span-${node.raw.id[node.row]}`, onclick: (event) => {
      event.preventDefault();
      reveal(node);
    } }, node.name, make("span", {}, owner(node)));
  const owner = (node) => {
    const owners = ["epic", "story", "change", "run", "job"];
    let each = node.parent;
    while (each && !owners.includes(meaningOf(each))) each = each.parent;
    return each ? ` · ${each.name}${each.title ? ` ${each.title}` : ""}` : "";
  };
  const at = ([trace, row]) => traces[trace].nodes[row];
  const places = (id, heading, nodes, describe, rest) =>
    nodes.length ? make("div", { id }, make("h3", {}, heading), make("ol", { class: "places" },
      ...nodes.map((node) => make("li", {}, goTo(node), describe(node)))),
      rest ? make("p", { class: "quiet" }, rest) : null) : null;

  const drawOverview = () => {
    const { bar, numbers, unread, waits, failures, failed } = data.overview;
    const styled = (share) => {
      const [name, part, time, percentage] = share;
      // A name has a margin, which would widen a small share beyond its size.
      const shown = part > 0.06 ? make("span", {}, `${name} ${percentage}`) : null;
      const part_ = make("div", { class: `s-${name.replace(/ /g, "-")}`,
        title: `${name}: ${time}, ${percentage}` }, shown);
      part_.style.flex = `${part} 0 0`;
      return part_;
    };
    const sorted = [...bar].sort((a, b) => b[1] - a[1]);
    const spoken = sorted.map(([name, , time, share]) => `${name} ${time}, ${share}`).join("; ");
    // Waits of one name are of several runs or days.
    const isLong = all.end - all.start > DAY;
    const when = (node) => (isLong && isDate(node.start) ? `, ${day(node.start)}` : "");
    main.append(make("section", { id: "went", "aria-labelledby": "went-h" },
      make("h2", { id: "went-h" }, "Where the time went"),
      bar.length ? make("div", { class: "share", role: "img", "aria-label": spoken },
        ...sorted.map(styled)) : null,
      make("ul", { class: "names" }, ...sorted.map(([name, , time, share]) => make("li", {},
        make("span", { class: `key s-${name.replace(/ /g, "-")}` }),
        name, make("span", { class: "quiet" }, ` ${time} · ${share}`)))),
      unread ? make("p", { class: "quiet" }, unread) : null,
      make("div", { class: "overview" },
        make("dl", { class: "numbers" }, ...numbers.map(([name, value, what]) => make("div", {},
          make("dt", {}, name), make("dd", {}, value, make("small", {}, what))))),
        places("waits", "Longest waits", waits.map(at), (node) =>
          make("span", { class: "quiet" }, ` · ${duration(node.end - node.start)}${when(node)}`)),
        places("failures", failed === 1 ? "1 failure" : `${failed} failures`, failures.map(at),
          (node) => make("span", { class: "failed" },
            node.error && node.error !== "failed" ? ` · ${node.error.slice(0, 160)}` : ""),
          failed > failures.length ? `and ${failed - failures.length} more` : ""))));
    if (data.notes.length) {
      main.append(make("ul", { class: "notes", "aria-label": "Notes" },
        ...data.notes.map((note) => make("li", {}, note))));
    }
  };

  // The page: the waterfall

  const parts = {};
  const nameOf = (trace) => {
    const root = trace.roots[0];
    const kind = trace.raw.kind ? `${trace.raw.kind} trace` : "trace";
    return `${kind}: ${root.name}${root.title ? ` ${root.title}` : ""} · ${trace.nodes.length} ` +
      (trace.nodes.length === 1 ? "span" : "spans");
  };
  const button = (shown, title, press) =>
    make("button", { type: "button", title, "aria-label": title, onclick: press }, shown);
  const toggle = (name, shown, title) => {
    const box = make("input", { type: "checkbox", onchange: () => {
      state[name] = box.checked;
      if (name === "compress") [state.from, state.to] = [0, 1];
      buildScale();
      draw();
    } });
    parts[name] = box;
    return make("label", { title }, box, shown);
  };

  const drawFrame = () => {
    parts.trace = make("select", { "aria-label": "Trace", onchange: () => show(
      parts.trace.value === "all" ? all : traces[Number(parts.trace.value)]) },
    ...(traces.length > 1 ? [make("option", { value: "all" }, `all ${traces.length} traces`)] : []),
    ...traces.map((trace, number) => make("option", { value: number }, nameOf(trace))));
    parts.search = make("input", { type: "search", placeholder: "Search", "aria-label":
      "Search names, titles and attributes", oninput: () => {
      state.query = parts.search.value.trim().toLowerCase();
      draw();
    } });
    parts.found = make("span", { class: "quiet", role: "status", "aria-live": "polite" });
    parts.depth = make("select", { "aria-label": "Levels shown", onchange: () => {
      fold(Number(parts.depth.value));
      draw();
    } });
    parts.map = make("div", { class: "map", tabindex: 0, role: "group", "aria-label":
      "Overview of the time: drag to zoom, arrow keys to move", onkeydown: pan });
    parts.axisLane = make("div", { class: "lane" });
    parts.axis = make("div", { class: "axis", "aria-hidden": "true" }, parts.axisLane);
    parts.lines = make("div", { class: "lines", "aria-hidden": "true" });
    parts.rows = make("div", { role: "treegrid", "aria-label": "Spans", "aria-readonly": "true",
      onkeydown: keyOnRow });
    parts.facts = make("p", { class: "quiet" });
    parts.tip = make("div", { class: "tip", hidden: true, "aria-hidden": "true" });
    parts.about = make("aside", { class: "about", hidden: true, "aria-label": "Selected span",
      tabindex: -1 });
    parts.help = makeHelp();
    main.append(make("section", { id: "spans", "aria-labelledby": "spans-h" },
      make("h2", { id: "spans-h" }, "Waterfall"),
      make("div", { class: "tools", role: "toolbar", "aria-label": "Waterfall" },
        parts.trace, parts.search, parts.found,
        make("label", {}, "Levels", parts.depth),
        button("+", "Zoom in (+)", () => zoomBy(0.5)), button("\u2212", "Zoom out (-)", () => zoomBy(2)),
        button("Whole time", "Show the whole time (0)", () => zoomTo(0, 1)),
        toggle("compress", "compress idle time", "Runs of minutes become visible beside days (c)"),
        toggle("critical", "critical path", "Mark the jobs that decided when a run ended (p)"),
        button("?", "Keys (?)", () => parts.help.showModal())),
      parts.facts,
      make("ul", { class: "names legend", "aria-label": "Colours" },
        ...data.meanings.map(([name, word]) => make("li", {},
          make("span", { class: `key c-${name}` }), word)),
        make("li", {}, make("span", { class: "key c-failed" }), "failed ✗")),
      parts.map,
      make("div", { class: "grid" }, parts.lines, parts.axis, parts.rows),
      parts.about), parts.tip, parts.help);
    drags(parts.map, () => [0, 1]);
    drags(parts.axisLane, () => [state.from, state.to]);
    parts.rows.addEventListener("pointerdown", (event) => {
      const lane = event.target.closest(".lane");
      if (lane) startDrag(event, lane, [state.from, state.to]);
    });
    parts.rows.addEventListener("click", (event) => {
      const node = nodeAt(event.target);
      if (!node) return;
      if (event.target.closest(".fold") && node.children.length) {
        node.folded = !node.folded;
        draw();
      } else if (!parts.dragged) select(node);
    });
    parts.rows.addEventListener("dblclick", (event) => {
      const node = nodeAt(event.target);
      if (node && !event.target.closest(".fold")) zoomToNode(node);
    });
    parts.rows.addEventListener("pointermove", tip);
    parts.rows.addEventListener("pointerleave", () => { parts.tip.hidden = true; });
    parts.rows.addEventListener("wheel", (event) => {
      if (!event.ctrlKey || !event.target.closest(".lane")) return;
      event.preventDefault();
      const box = parts.axisLane.getBoundingClientRect();
      zoomBy(event.deltaY > 0 ? 1.4 : 1 / 1.4, (event.clientX - box.left) / box.width);
    }, { passive: false });
  };

  const makeHelp = () => {
    const keys = [["↑ ↓", "another span"], ["→ ←", "open or close what is below, go up"],
      ["Enter", "all facts of the span"], ["z", "zoom to the span"], ["+ -", "zoom in, out"],
      ["0", "the whole time"], ["[ ]", "earlier, later"], ["/", "search"],
      ["c", "compress idle time"], ["p", "critical path"], ["Esc", "close the facts"]];
    const dialog = make("dialog", { "aria-label": "Keys" }, make("h3", {}, "Keys"),
      make("table", {}, ...keys.map(([key, what]) => make("tr", {},
        make("th", { scope: "row" }, make("kbd", {}, key)), make("td", {}, what)))),
      make("p", {}, "Drag over bars or the overview to zoom to a range; double-click a span to " +
        "zoom to it."), button("Close", "Close", () => dialog.close()));
    return dialog;
  };

  const nodes = new WeakMap();
  const nodeAt = (target) => {
    const row = target.closest(".row");
    return row ? nodes.get(row) : null;
  };

  const makeRow = (node) => {
    const failed = node.flags & FAILED;
    const name = make("div", { class: "name", role: "gridcell" },
      make("span", { class: node.children.length ? "fold has" : "fold", "aria-hidden": "true" }),
      failed ? make("span", { class: "x", title: "failed", "aria-hidden": "true" }, "✗") : null,
      make("bdi", {}, node.name),
      node.title ? make("bdi", { class: "title" }, node.title) : null,
      node.note ? make("span", { class: "note" }, node.note) : null);
    name.style.paddingLeft = `${Math.min(node.depth, 14) * 0.9}rem`;
    const instant = node.flags & INSTANT;
    const long = duration((instant ? node.far : node.end) - node.start);
    const lane = make("div", { class: "lane", role: "gridcell", "aria-hidden": "true" });
    node.bar = make("div", { class: `bar c-${colourOf(node)}${instant ? " open" : ""}` });
    lane.append(node.bar);
    if (instant) {
      node.begin = make("div", { class: `bar begin c-${colourOf(node)}` });
      lane.append(node.begin);
    }
    node.element = make("div", { class: "row", role: "row", tabindex: -1,
      "aria-level": node.depth + 1, "aria-label": `${label(node)}, ${long}, from ` +
      `${exact(node.start)} to ${exact(node.end)}${failed ? `, failed: ${node.error}` : ""}` },
    name, make("div", { class: "time", role: "gridcell" }, instant || node.end - node.start <= 1 ? "" : long), lane);
    nodes.set(node.element, node);
  };

  const hits = (node) => {
    if (node.text === undefined) {
      const facts = attributesOf(node).map((pair) => pair.join("="));
      node.text = [label(node), node.raw.id[node.row], node.error, ...facts].join("\n").toLowerCase();
    }
    return node.text.includes(state.query);
  };

  const visible = () => {
    const kept = new Set();
    let count = 0;
    if (state.query) {
      for (const node of state.shown.nodes) {
        if (!hits(node)) continue;
        count += 1;
        for (let each = node; each && !kept.has(each); each = each.parent) kept.add(each);
      }
    }
    parts.found.textContent = state.query ? `${count} found` : "";
    const rows = [], stack = [...state.shown.roots].reverse();
    while (stack.length) {
      const node = stack.pop();
      if (state.query && !kept.has(node)) continue;
      rows.push(node);
      if (state.query || !node.folded) stack.push(...[...node.children].reverse());
    }
    return rows;
  };

  const draw = () => {
    parts.visible = visible();
    for (const node of parts.visible) {
      if (!node.element) makeRow(node);
      const element = node.element, open = state.query !== "" || !node.folded;
      if (node.children.length) element.setAttribute("aria-expanded", String(open));
      element.classList.toggle("dim", state.critical && !(node.flags & CRITICAL));
      node.bar.classList.toggle("critical", state.critical && Boolean(node.flags & CRITICAL));
    }
    parts.rows.replaceChildren(...parts.visible.map((node) => node.element));
    if (!parts.visible.length) {
      parts.rows.append(make("p", { class: "empty" },
        traces.length ? "No span has this text." : "No spans to show."));
    }
    if (!parts.visible.includes(state.focused)) setFocus(parts.visible[0] || null);
    layout();
  };

  const layout = () => {
    const { place } = state.scale;
    for (const node of parts.visible || []) {
      const far = node.flags & INSTANT ? node.far : node.end;
      const left = place(node.start), right = place(far);
      const isOut = right < state.from || left > state.to;
      node.bar.hidden = isOut;
      if (node.begin) {
        node.begin.hidden = left < state.from || left > state.to;
        node.begin.style.left = percent(left);
      }
      if (isOut) continue;
      const begin = Math.max(left, state.from), finish = Math.min(right, state.to);
      node.bar.style.left = `min(${percent(begin)}, 100% - 2px)`;
      node.bar.style.width = `${(100 * (finish - begin)) / (state.to - state.from)}%`;
    }
    drawAxis();
    const { window: frame } = parts;
    if (frame) {
      frame.style.left = `${100 * state.from}%`;
      frame.style.width = `${100 * (state.to - state.from)}%`;
      frame.hidden = state.from === 0 && state.to === 1;
    }
  };

  const drawAxis = () => {
    const width = parts.axisLane.clientWidth || 600, ticks = [], lines = [];
    const apart = width < 300 ? 50 : 90;
    let before = "", free = 0;
    const zoomed = state.to - state.from;
    for (const piece of state.scale.pieces) {
      const from = Math.max(piece.from, state.from), to = Math.min(piece.to, state.to);
      const pixels = ((to - from) / zoomed) * width;
      if (to <= from) continue;
      if (piece.gap) {
        const line = make("i", { class: "gap" });
        line.style.left = percent(from);
        line.style.width = `${(100 * (to - from)) / zoomed}%`;
        lines.push(line);
        if (pixels > 44) {
          const shown = make("span", { class: "gap" }, `⋯ ${duration(piece.end - piece.start)}`);
          shown.style.left = percent(from);
          shown.style.width = line.style.width;
          ticks.push(shown);
          free = Math.max(free, ((to - state.from) / zoomed) * width);
        }
        continue;
      }
      const start = state.scale.time(from + (to - from) * 1e-9), end = state.scale.time(to);
      if (!isDate(start) || !isDate(end)) continue;
      const [times, step] = roundTicks(start, end, Math.max(1, Math.floor(pixels / apart)));
      // What begins after idle time has its own time first, if there is space for no round one.
      if (state.scale.pieces.length > 1 && pixels < 2 * apart) times.splice(0, times.length, start);
      for (const time of times) {
        const at_ = ((state.scale.place(time) - state.from) / zoomed) * width;
        const line = make("i", {});
        line.style.left = `${at_}px`;
        lines.push(line);
        if (at_ < free || at_ > width - 34) continue;
        const now = day(time), hours = step < DAY ? clock(time, times.length > 1 ? step : Math.max(step, MINUTE)) : "";
        const shown = step < DAY ? `${now === before ? "" : now}\n${hours}` : now;
        const tick = make("span", { class: "tick" }, shown);
        tick.style.left = `${at_}px`;
        before = now;
        free = at_ + 10 + 7 * Math.max(hours.length, now.length);
        ticks.push(tick);
      }
    }
    const start = state.scale.time(state.from);
    if (!ticks.length && isDate(start)) {
      const tick = make("span", { class: "tick" }, `${day(start)}\n${clock(start, MINUTE)}`);
      tick.style.left = "0";
      ticks.push(tick);
    }
    parts.axisLane.replaceChildren(...ticks);
    parts.lines.replaceChildren(...lines);
  };

  const drawMap = () => {
    // As many lines as fit: the spans that are not deep, in order of time.
    const chosen = state.shown.nodes.filter((node) => !(node.flags & INSTANT) && node.depth < 4)
      .slice(0, 400);
    const most = 17, marks = chosen.map((node, number) => {
      const mark = make("i", { class: `c-${colourOf(node)}` });
      const left = state.scale.place(node.start), right = state.scale.place(node.end);
      mark.style.left = `${100 * left}%`;
      mark.style.width = `${100 * (right - left)}%`;
      mark.style.top = `${3 + 2 * (chosen.length > most ? Math.floor(
        (number * most) / chosen.length) : number)}px`;
      return mark;
    });
    parts.window = make("div", { class: "window", hidden: true });
    parts.map.replaceChildren(...marks, parts.window);
  };

  // Zoom

  const zoomTo = (from, to) => {
    const least = 1e-9, width = Math.min(1, Math.max(least, to - from));
    state.from = Math.min(Math.max(0, from), 1 - width);
    state.to = state.from + width;
    layout();
  };
  const zoomBy = (factor, share = 0.5) => {
    const width = state.to - state.from, center = state.from + share * width;
    zoomTo(center - share * width * factor, center + (1 - share) * width * factor);
  };
  const zoomToNode = (node) => {
    const from = state.scale.place(node.start);
    const to = state.scale.place(node.flags & INSTANT ? node.far : node.end);
    const margin = Math.max((to - from) * 0.03, 1e-7);
    zoomTo(from - margin, to + margin);
  };
  const move = (share) => {
    const width = state.to - state.from;
    zoomTo(state.from + share * width, state.to + share * width);
  };
  function pan(event) {
    const keys = { ArrowLeft: -0.2, ArrowRight: 0.2 };
    if (event.key in keys) move(keys[event.key]);
    else return;
    event.preventDefault();
  }

  const startDrag = (event, lane, [from, to]) => {
    if (event.button !== 0) return;
    const box = lane.getBoundingClientRect(), begin = event.clientX;
    const range = make("div", { class: "range", hidden: true });
    const place = (x) => from + (to - from) * Math.min(1, Math.max(0, (x - box.left) / box.width));
    const host = lane === parts.map ? parts.map : parts.axisLane;
    host.append(range);
    parts.dragged = false;
    const follow = (moved) => {
      if (Math.abs(moved.clientX - begin) > 4) parts.dragged = true;
      range.hidden = !parts.dragged;
      const left = Math.max(0, Math.min(begin, moved.clientX) - box.left);
      range.style.left = `${left}px`;
      range.style.width = `${Math.min(box.width - left, Math.abs(moved.clientX - begin))}px`;
    };
    const done = (ended) => {
      range.remove();
      window.removeEventListener("pointermove", follow);
      window.removeEventListener("pointerup", done);
      window.removeEventListener("pointercancel", done);
      if (ended.type === "pointerup" && parts.dragged) {
        const ends = [place(begin), place(ended.clientX)].sort((a, b) => a - b);
        zoomTo(ends[0], ends[1]);
      }
      // The click that follows a drag is not a choice of a span.
      setTimeout(() => { parts.dragged = false; });
    };
    window.addEventListener("pointermove", follow);
    window.addEventListener("pointerup", done);
    window.addEventListener("pointercancel", done);
  };
  const drags = (lane, domain) =>
    lane.addEventListener("pointerdown", (event) => startDrag(event, lane, domain()));

  // Spans: focus, facts, tips, depth

  const setFocus = (node, now = false) => {
    if (state.focused && state.focused.element) state.focused.element.tabIndex = -1;
    state.focused = node;
    if (!node) return;
    node.element.tabIndex = 0;
    if (now) {
      node.element.focus({ preventScroll: true });
      node.element.scrollIntoView({ block: "nearest" });
    }
  };

  const table = (caption, pairs) =>
    pairs.length ? make("table", {}, make("caption", {}, caption),
      ...pairs.map(([name, value]) => make("tr", {}, make("th", { scope: "row" }, name),
        make("td", {}, make("bdi", {}, value))))) : null;

  const select = (node) => {
    if (state.selected && state.selected.element) {
      state.selected.element.removeAttribute("aria-selected");
    }
    state.selected = node;
    parts.about.hidden = !node;
    if (!node) return;
    node.element.setAttribute("aria-selected", "true");
    setFocus(node);
    const { raw, row } = node;
    const own = [["start", exact(node.start)], ["end", exact(node.end)],
      ["duration", duration(node.end - node.start)],
      ["after the start of the trace", duration(node.start - raw.start)],
      ["trace id", raw.trace], ["span id", raw.id[row]],
      ["parent span id", node.parent ? raw.id[node.parent.row] : (raw.parent || {})[row] || "none"]];
    const more = ((raw.more || {})[row] || []).map(([name, time, pairs]) =>
      table(text(name), [...(time ? [["time", exact(time)]] : []), ...pairsOf(pairs)]));
    const links = [link(githubOf(node), "Open on GitHub or in the tracker"),
      link(raw.href, "Open the trace")];
    parts.about.replaceChildren(make("header", {},
      make("h3", {}, make("bdi", {}, label(node))), ...links.filter(Boolean),
      button("Zoom", "Zoom to the span (z)", () => zoomToNode(node)),
      button("Close", "Close (Esc)", () => select(null))),
    ...(node.error ? [make("p", { class: "failed" }, `✗ ${node.error}`)] : []),
    make("div", { class: "tables" }, ...[table("Span", own),
      table("Attributes", attributesOf(node)), ...more,
      table("Resource", pairsOf(data.groups[raw.from[row]]))].filter(Boolean)));
  };

  const tip = (event) => {
    const node = event.buttons ? null : nodeAt(event.target);
    parts.tip.hidden = !node;
    if (!node) return;
    if (parts.tipped !== node) {
      parts.tipped = node;
      parts.tip.replaceChildren(make("strong", {}, label(node)), make("br"),
        `${duration(node.end - node.start)} · ${data.meanings[node.meaning][1]}`, make("br"),
        `${exact(node.start)} – ${exact(node.end)}`,
        ...(node.error ? [make("br"), make("span", { class: "failed" },
          `✗ ${node.error.slice(0, 300)}`)] : []));
    }
    const { width, height } = parts.tip.getBoundingClientRect();
    parts.tip.style.left = `${Math.max(4, Math.min(event.clientX + 14, innerWidth - width - 8))}px`;
    const below = event.clientY + 18;
    parts.tip.style.top = `${below + height > innerHeight ? event.clientY - height - 10 : below}px`;
  };

  const deepest = () => state.shown.nodes.reduce((most, node) => Math.max(most, node.depth), 0);
  const fold = (depth) => {
    for (const node of state.shown.nodes) node.folded = node.depth + 1 >= depth;
  };
  const show = (trace) => {
    state.shown = trace;
    [state.from, state.to] = [0, 1];
    parts.trace.value = trace === all ? "all" : String(traces.indexOf(trace));
    const levels = deepest() + 1;
    parts.depth.replaceChildren(...Array.from({ length: Math.min(levels, 12) }, (_, number) =>
      make("option", { value: number + 1 }, number + 1 === Math.min(levels, 12) ? "all" :
        String(number + 1))).map((option, number, options) => {
      if (number === options.length - 1) option.value = "9999";
      return option;
    }));
    fold(9999);
    let chosen = "9999";
    if (trace.nodes.length > MOST_ROWS) {
      // Successful jobs are closed, and runs too if there are hundreds of jobs.
      const close = (kind) => {
        for (const node of trace.nodes) {
          const failed = node.children.some((child) => child.flags & FAILED);
          if (meaningOf(node) === kind && !failed) node.folded = true;
        }
      };
      close("job");
      const open = trace.nodes.filter((node) => !node.parent || !node.parent.folded).length;
      if (open > 4 * MOST_ROWS) close("run");
      chosen = "";
    }
    parts.depth.prepend(...(chosen ? [] : [make("option", { value: "0", disabled: true }, "mixed")]));
    parts.depth.value = chosen || "0";
    const failed = trace.nodes.filter((node) => node.flags & CAUSE).length;
    const ids = trace === all ? null : make("span", {}, " · trace ", make("code", {}, trace.raw.trace));
    const to = trace === all || !trace.raw.href ? null : link(trace.raw.href, "open the trace");
    parts.facts.replaceChildren(...[
      `${trace.nodes.length} spans · ${duration(trace.end - trace.start)} · from ` +
      `${exact(wholeSecond(trace.start))} to ${exact(wholeSecond(trace.end))}`,
      failed ? make("strong", { class: "failed" }, ` · ${failed} failed`) : null, ids,
      to ? " · " : null, to].filter(Boolean));
    state.focused = null;
    select(null);
    buildScale();
    drawMap();
    draw();
  };

  const reveal = (node) => {
    if (state.shown !== all && state.shown !== traces[node.number]) show(traces[node.number]);
    if (state.query) {
      parts.search.value = state.query = "";
    }
    for (let each = node.parent; each; each = each.parent) each.folded = false;
    draw();
    select(node);
    setFocus(node, true);
    node.element.scrollIntoView({ block: "center" });
    history.replaceState(null, "", `#span-${node.raw.id[node.row]}`);
  };

  // Keys

  function keyOnRow(event) {
    const node = state.focused;
    if (!node || event.altKey || event.ctrlKey || event.metaKey) return;
    const index = parts.visible.indexOf(node);
    const goes = { ArrowDown: index + 1, ArrowUp: index - 1, Home: 0, End: parts.visible.length - 1 };
    if (event.key in goes) setFocus(parts.visible[goes[event.key]] || node, true);
    else if (event.key === "ArrowRight" && node.children.length) {
      if (!node.folded) setFocus(parts.visible[index + 1], true);
      else unfold(node, false);
    } else if (event.key === "ArrowLeft") {
      if (node.children.length && !node.folded) unfold(node, true);
      else if (node.parent) setFocus(node.parent, true);
    } else if (event.key === "Enter" || event.key === " ") select(node);
    else return;
    event.preventDefault();
  }
  const unfold = (node, folded) => {
    node.folded = folded;
    draw();
    setFocus(node, true);
  };
  const onKey = (event) => {
    if (event.altKey || event.ctrlKey || event.metaKey || parts.help.open) return;
    if (event.key === "Escape") {
      if (state.selected) {
        const node = state.selected;
        select(null);
        if (node.element.isConnected) setFocus(node, true);
      }
      return;
    }
    if (event.target.closest("input, select, textarea")) return;
    const flip = (name) => parts[name].click();
    const keys = {
      "+": () => zoomBy(0.5), "=": () => zoomBy(0.5), "-": () => zoomBy(2), 0: () => zoomTo(0, 1),
      "[": () => move(-0.25), "]": () => move(0.25), c: () => flip("compress"),
      p: () => flip("critical"), "/": () => parts.search.focus(),
      "?": () => parts.help.showModal(), z: () => state.focused && zoomToNode(state.focused),
    };
    if (!(event.key in keys)) return;
    event.preventDefault();
    keys[event.key]();
  };

  drawOverview();
  drawFrame();
  show(state.shown);
  document.addEventListener("keydown", onKey);
  new ResizeObserver(drawAxis).observe(parts.axisLane);
  const follow = () => {
    const node = byId.get(location.hash.replace(/^#span-/, ""));
    if (node) reveal(node);
  };
  addEventListener("hashchange", follow);
  follow();
})();
