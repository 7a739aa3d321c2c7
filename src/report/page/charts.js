"use strict";
// Drawing: elements, scales, tooltips, and the few kinds of charts the report needs. Text always
// enters the page through text nodes, so names from a network can hold anything.

const SVG = "http://www.w3.org/2000/svg";

function element(space, tag, attributes, children) {
  const node = space ? document.createElementNS(space, tag) : document.createElement(tag);
  for (const [key, value] of Object.entries(attributes || {})) {
    if (value === undefined || value === null || value === false) continue;
    if (key.startsWith("on")) node.addEventListener(key.slice(2), value);
    else node.setAttribute(key, value === true ? "" : value);
  }
  for (const child of [children].flat(9)) {
    if (child === undefined || child === null || child === false) continue;
    node.append(child instanceof Node ? child : String(child));
  }
  return node;
}
const h = (tag, attributes, ...children) => element(null, tag, attributes, children);
const s = (tag, attributes, ...children) => element(SVG, tag, attributes, children);

// ---- numbers ----

const digits = (v) => Math.abs(v) >= 99.95 ? v.toFixed(0) : Math.abs(v) >= 9.995 ? v.toFixed(1) : v.toFixed(2);
function scaled(value, step, units) {
  let unit = 0;
  while (Math.abs(value) >= step * 0.9995 && unit + 1 < units.length) { value /= step; ++unit; }
  return digits(value) + "\u2009" + units[unit];
}
const format = {
  time: (v) => v === 0 ? "0 s" : scaled(v * 1e9, 1000, ["ns", "\u00b5s", "ms", "s"]),
  energy: (pj) => pj === 0 ? "0 J" : scaled(pj, 1000, ["pJ", "nJ", "\u00b5J", "mJ", "J"]),
  bytes: (v) => v < 1024 ? v.toFixed(0) + "\u2009B" : scaled(v / 1024, 1024, ["KiB", "MiB", "GiB", "TiB"]),
  count: (v) => Math.abs(v) < 999.5 ? (Number.isInteger(v) ? String(v) : digits(v)) : scaled(v / 1000, 1000, ["k", "M", "G", "T"]),
  grouped: (v) => Math.round(v).toString().replace(/\B(?=(\d{3})+$)/g, ","),
  percent: (f) => f === 0 ? "0\u2009%" : f < 0.0005 ? "<0.1\u2009%" : (f * 100).toFixed(1).replace(/\.0$/, "") + "\u2009%",
  ratio: (v) => digits(v) + "\u00d7",
};

/// A tick's label: as `show` gives it, without zeros behind the point.
const short = (show) => (v) => show(v).replace(/(\.\d*?)0+(?=\D|$)/, "$1").replace(/\.(?=\D|$)/, "");

/// Round steps that cover [0, top] in about `count` parts; powers of 1024 for bytes.
function ticks(top, count, show) {
  if (!(top > 0)) return [0];
  if (show === format.bytes && top > 1024) {
    const unit = 1024 ** Math.floor(Math.log2(top) / 10);
    return ticks(top / unit, count).map((v) => v * unit);
  }
  const raw = top / count, power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 2.5, 5, 10].map((m) => m * power).find((v) => v >= raw * 0.999);
  const result = [];
  for (let i = 0; i * step <= top * 1.0001; ++i) result.push(i * step);
  return result;
}

// ---- tooltip ----

const tip = {
  node: null,
  /// rows: [color or null, name, value]
  show(event, title, subtitle, rows) {
    this.node ||= document.getElementById("tip");
    this.node.replaceChildren(h("b", {}, title), subtitle ? h("em", {}, subtitle) : "",
      ...rows.map(([color, name, value]) => h("div", {},
        h("span", {}, color ? h("i", { style: "background:" + color }) : "", name), h("span", {}, value))));
    this.node.hidden = false;
    const box = this.node.getBoundingClientRect(), gap = 14;
    const right = event.clientX + gap + box.width < innerWidth;
    const x = right ? event.clientX + gap : Math.max(4, event.clientX - gap - box.width);
    const y = Math.min(event.clientY + gap, innerHeight - box.height - 6);
    this.node.style.left = x + "px";
    this.node.style.top = Math.max(4, y) + "px";
  },
  hide() { if (this.node) this.node.hidden = true; },
};
/// Attributes that show a tooltip over a mark; `describe` returns [title, subtitle, rows].
const hover = (describe) => ({
  onpointermove: (event) => tip.show(event, ...describe()),
  onpointerleave: () => tip.hide(),
});

// ---- pieces ----

/// Keeps charts as wide as their container: draw(width) returns an svg.
const redraw = new Set();
function chart(draw) {
  const holder = h("div", { class: "plot" });
  const paint = () => {
    const width = holder.clientWidth;
    if (width > 0) holder.replaceChildren(draw(width));
  };
  redraw.add({ holder, paint });
  return holder;
}
function paint_all() {
  for (const entry of redraw) {
    if (entry.holder.isConnected) {
      entry.seen = true;
      entry.paint();
    } else if (entry.seen) {
      redraw.delete(entry);
    }
  }
}

/// Entries [key, name, color, help]; hovering one fades all others inside `scope()`.
function legend(entries, scope) {
  const light = (key) => {
    const root = scope && scope();
    if (!root) return;
    root.classList.toggle("dimmed", key !== null);
    for (const mark of root.querySelectorAll(".mark")) mark.classList.toggle("lit", mark.dataset.key === key);
  };
  return h("div", { class: "legend" }, entries.map(([key, name, color, help, line]) =>
    h("span", { title: help || "", onpointerenter: () => light(key), onpointerleave: () => light(null) },
      h("i", { style: "background:" + color, class: line ? "line" : "" }), name)));
}

/// A row of buttons of which one is pressed; change(index) redraws what depends on it.
function tabs(names, change, start) {
  const buttons = names.map((name, index) => h("button", {
    type: "button", "aria-pressed": index === (start || 0) ? "true" : "false",
    onclick: () => {
      buttons.forEach((b, i) => b.setAttribute("aria-pressed", i === index ? "true" : "false"));
      change(index);
    },
  }, name));
  return h("div", { class: "tabs", role: "group" }, buttons);
}

const canvas = (width, height, ...children) =>
  s("svg", { class: "chart", width, height, viewBox: `0 0 ${width} ${height}`, role: "img" }, children);

const text_at = (x, y, content, attributes) => s("text", { x, y, ...attributes }, content);

/// Cut to roughly `width` pixels.
function fitted(text, width, size) {
  const most = Math.floor(width / (size || 6.3));
  return text.length <= most ? text : most < 3 ? "" : text.slice(0, most - 1) + "\u2026";
}

// ---- charts ----

/// Horizontal stacked bars. bars: {name, note, parts: [{key, name, color, value}]}.
function stacked_rows(width, bars, show, options) {
  const left = Math.min(150, width * 0.28), right = 74, row = 44, top = 4;
  const totals = bars.map((bar) => bar.parts.reduce((sum, part) => sum + part.value, 0));
  const most = options && options.share ? 1 : Math.max(...totals, 1e-30);
  const span = width - left - right, height = top + bars.length * row + 24;
  const marks = [];
  for (const tick of ticks(most, width < 600 ? 3 : 6, show)) {
    const x = left + tick / most * span;
    marks.push(s("line", { class: "grid", x1: x, x2: x, y1: top, y2: height - 22 }),
      text_at(x, height - 6, options && options.share ? format.percent(tick) : short(show)(tick), { "text-anchor": "middle", class: "faint" }));
  }
  bars.forEach((bar, index) => {
    const y = top + index * row + 6, tall = row - 16;
    const unit = options && options.share ? (totals[index] ? 1 / totals[index] : 0) : 1;
    let x = left;
    marks.push(text_at(left - 12, y + tall / 2 + 4, fitted(bar.name, left - 14, 7), { "text-anchor": "end", class: "ink" }));
    for (const part of bar.parts) {
      const wide = part.value * unit / most * span;
      if (wide <= 0) continue;
      const rows = () => bar.parts.filter((p) => p.value > 0).map((p) =>
        [p.color, p.name, `${show(p.value)}  ${format.percent(p.value / totals[index])}`]);
      marks.push(s("rect", { class: "mark", "data-key": part.key, x, y, width: Math.max(0.5, wide - 1), height: tall, rx: 2, fill: part.color,
        ...hover(() => [bar.name, bar.note, rows()]) }));
      if (wide > 46) marks.push(text_at(x + wide / 2, y + tall / 2 + 4, format.percent(part.value / totals[index]), { class: "inside" + (/bubble|s2/.test(part.color) ? " on-light" : /underfill/.test(part.color) ? " on-gray" : ""), "text-anchor": "middle" }));
      x += wide;
    }
    marks.push(text_at(x + 8, y + tall / 2 + 4, show(totals[index]), { class: "strong" }));
  });
  return canvas(width, height, marks);
}

/// Vertical stacked bars, one per layer. bars as above; `most` is the common top of the axis.
function stacked_columns(width, bars, show, most, options) {
  const left = 58, right = 6, top = 8, bottom = options.names ? 86 : 14, tall = options.height || 150;
  const span = width - left - right, height = top + tall + bottom;
  const step = span / Math.max(1, bars.length), gap = step > 6 ? Math.min(5, step * 0.22) : 0.4;
  const y_of = (value) => top + tall - value / most * tall;
  const marks = ticks(most, 4, show).map((tick) => [
    s("line", { class: "grid", x1: left, x2: width - right, y1: y_of(tick), y2: y_of(tick) }),
    text_at(left - 8, y_of(tick) + 4, short(show)(tick), { "text-anchor": "end", class: "faint" })]);
  bars.forEach((bar, index) => {
    const x = left + index * step + gap / 2;
    let base = 0;
    for (const part of bar.parts) {
      if (!(part.value > 0)) continue;
      const y = y_of(base + part.value), high = y_of(base) - y;
      marks.push(s("rect", { class: "mark", "data-key": part.key, x, y, width: Math.max(0.6, step - gap), height: high, fill: part.color }));
      base += part.value;
    }
    const total = base;
    marks.push(s("rect", { class: "hit", x: left + index * step, y: top, width: step, height: tall,
      ...hover(() => [bar.name, bar.note, bar.parts.filter((p) => p.value > 0).map((p) =>
        [p.color, p.name, `${show(p.value)}  ${format.percent(p.value / total)}`]).concat([[null, "all", show(total)]])]) }));
    if (options.names && (step >= 11 || index % Math.ceil(11 / step) === 0)) {
      const at = left + (index + 0.5) * step;
      marks.push(text_at(at, top + tall + 10, fitted(bar.name, 112), { "text-anchor": "end", class: "faint", transform: `rotate(-42 ${at} ${top + tall + 10})` }));
    }
  });
  marks.push(s("line", { class: "axis", x1: left, x2: width - right, y1: top + tall, y2: top + tall }));
  return canvas(width, height, marks);
}

/// Time runs to the right, lanes fill the height: area is multiplier-time. spans: {name, note,
/// value, parts: [{key, name, color, value}]} where parts are shares of the span.
function occupancy(width, spans, most, show, options) {
  const left = 58, right = 6, top = 6, tall = 96, bottom = options.axis ? 26 : 8;
  const scale = (width - left - right) / most, marks = [];
  for (const part of [0, 0.5, 1]) {
    const y = top + tall * (1 - part);
    marks.push(s("line", { class: "grid", x1: left, x2: width - right, y1: y, y2: y }),
      text_at(left - 8, y + 4, format.percent(part), { "text-anchor": "end", class: "faint" }));
  }
  let x = left;
  for (const span of spans) {
    const wide = span.value * scale;
    let y = top + tall;
    for (const part of span.parts) {
      if (!(part.value > 0)) continue;
      const high = part.value * tall;
      y -= high;
      marks.push(s("rect", { class: "mark", "data-key": part.key, x, y, width: Math.max(0.2, wide - (wide > 3 ? 0.7 : 0)), height: high, fill: part.color }));
    }
    marks.push(s("rect", { class: "hit", x, y: top, width: Math.max(1, wide), height: tall, ...hover(() =>
      [span.name, span.note, span.parts.filter((p) => p.value > 0).map((p) => [p.color, p.name, format.percent(p.value)]).concat([[null, "time", show(span.value)]])]) }));
    x += wide;
  }
  marks.push(s("line", { class: "roof", x1: x, x2: x, y1: top - 4, y2: top + tall + 4 }));
  if (options.axis) {
    for (const tick of ticks(most, width < 600 ? 3 : 8, show)) {
      marks.push(text_at(left + tick * scale, top + tall + 20, short(show)(tick), { "text-anchor": "middle", class: "faint" }));
    }
  }
  return canvas(width, top + tall + bottom, marks);
}

/// Log-log roofline. points: {name, note, x, y, size 0..1, color, rows}; roofs: peak (ops/s), slope (bytes/s or 0).
function roofline(width, points, peak, slope, range) {
  const left = 52, right = 10, top = 10, bottom = 38, height = 270;
  const [x0, x1, y0, y1] = range.map(Math.log10);
  const px = (v) => left + (Math.log10(v) - x0) / (x1 - x0) * (width - left - right);
  const py = (v) => height - bottom - (Math.log10(v) - y0) / (y1 - y0) * (height - top - bottom);
  const marks = [];
  const every = Math.max(1, Math.ceil((x1 - x0) / Math.max(2, width / 90)));
  for (let d = Math.ceil(x0); d <= x1; d += every) marks.push(
    s("line", { class: "grid", x1: px(10 ** d), x2: px(10 ** d), y1: top, y2: height - bottom }),
    text_at(px(10 ** d), height - bottom + 15, short(format.count)(10 ** d), { "text-anchor": "middle", class: "faint" }));
  for (let d = Math.ceil(y0); d <= y1; ++d) marks.push(
    s("line", { class: "grid", x1: left, x2: width - right, y1: py(10 ** d), y2: py(10 ** d) }),
    text_at(left - 7, py(10 ** d) + 4, short(format.count)(10 ** d), { "text-anchor": "end", class: "faint" }));
  const low = range[0], high = range[1];
  if (slope > 0) {
    const ridge = Math.min(Math.max(peak / slope, low), high), start = Math.max(low, range[2] / slope);
    marks.push(s("path", { class: "roof", d: `M${px(start)},${py(start * slope)} L${px(ridge)},${py(ridge * slope)} L${px(high)},${py(Math.min(peak, high * slope))}` }));
  } else {
    marks.push(s("line", { class: "roof", x1: px(low), x2: px(high), y1: py(peak), y2: py(peak) }));
  }
  marks.push(text_at(width - right - 2, py(peak) - 6, `peak ${format.count(peak / 1e9)} GOP/s`.replace(/\u2009/, " "), { "text-anchor": "end" }));
  for (const point of [...points].sort((a, b) => b.size - a.size)) {
    marks.push(s("circle", { class: "dot", cx: px(Math.max(point.x, low)), cy: py(Math.max(point.y, range[2])), r: 2.5 + 13 * Math.sqrt(point.size),
      fill: point.color, "fill-opacity": 0.62, stroke: point.color, ...hover(() => [point.name, point.note, point.rows]) }));
  }
  marks.push(text_at(left + 4, top + 2, "op/s"), text_at((left + width - right) / 2, height - 4, "operations per DRAM byte", { "text-anchor": "middle" }),
    s("line", { class: "axis", x1: left, x2: width - right, y1: height - bottom, y2: height - bottom }));
  return canvas(width, height, marks);
}

/// Lines with dots over layers, values 0..1. series: {key, name, color, values (null where absent), dash}.
function densities(width, names, notes, series) {
  const left = 58, right = 6, top = 8, tall = 190, bottom = 86;
  const step = (width - left - right) / Math.max(1, names.length);
  const x_of = (i) => left + (i + 0.5) * step, y_of = (v) => top + tall * (1 - v);
  const marks = [0, 0.25, 0.5, 0.75, 1].map((tick) => [
    s("line", { class: "grid", x1: left, x2: width - right, y1: y_of(tick), y2: y_of(tick) }),
    text_at(left - 8, y_of(tick) + 4, format.percent(tick), { "text-anchor": "end", class: "faint" })]);
  for (const line of series) {
    const known = line.values.map((v, i) => [v, i]).filter(([v]) => v !== null);
    if (line.area) {
      const bar = Math.max(0.8, step * 0.62);
      for (const [v, i] of known) marks.push(s("rect", { class: "mark", "data-key": line.key, x: x_of(i) - bar / 2, y: y_of(v), width: bar, height: tall * v, rx: 2, fill: line.color, opacity: 0.3 }));
      continue;
    }
    marks.push(s("path", { class: "mark", "data-key": line.key, fill: "none", stroke: line.color, "stroke-width": 1.6, opacity: 0.55,
      d: known.map(([v, i], n) => `${n ? "L" : "M"}${x_of(i)},${y_of(v)}`).join("") }));
    for (const [v, i] of known) marks.push(s("circle", { class: "mark", "data-key": line.key, cx: x_of(i), cy: y_of(v), r: step > 9 ? 3.2 : 1.8, fill: line.color }));
  }
  names.forEach((name, i) => {
    marks.push(s("rect", { class: "hit", x: left + i * step, y: top, width: step, height: tall, ...hover(() =>
      [name, notes[i], series.filter((l) => l.values[i] !== null).map((l) => [l.color, l.name, format.percent(l.values[i])])]) }));
    if (step >= 11 || i % Math.ceil(11 / step) === 0) {
      marks.push(text_at(x_of(i), top + tall + 10, fitted(name, 112), { "text-anchor": "end", class: "faint", transform: `rotate(-42 ${x_of(i)} ${top + tall + 10})` }));
    }
  });
  return canvas(width, top + tall + bottom, marks);
}
