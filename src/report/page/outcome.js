"use strict";
// What a study gave: notes, plots and tables, from the JSON that `--json` writes too.

const outcome = JSON.parse(document.getElementById("data").textContent);
const color_of = (index) => `var(--s${[0, 4, 2, 3, 1, 5, 6, 7, 8, 9][index % 10]})`;

/// Marks shared by both kinds of plots: grid, axis titles, and dashed lines at figures of record.
function plot_frame(width, plot, y_of, range, area) {
  const marks = ticks(range, 5, digits).map((tick) => tick + plot.from).map((tick) => [
    s("line", { class: "grid", x1: area.left, x2: width - area.right, y1: y_of(tick), y2: y_of(tick) }),
    text_at(area.left - 8, y_of(tick) + 4, short(digits)(tick), { "text-anchor": "end", class: "faint" })]);
  for (const target of plot.targets) {
    marks.push(s("line", { class: "roof", x1: area.left, x2: width - area.right, y1: y_of(target.value), y2: y_of(target.value), "stroke-dasharray": "5 4" }),
      text_at(width - area.right - 2, y_of(target.value) - 5, target.name, { "text-anchor": "end", class: "ink" }));
  }
  marks.push(text_at(area.left, area.top - 10, plot.y_label), text_at((area.left + width - area.right) / 2, area.top + area.tall + 36, plot.x_label, { "text-anchor": "middle" }),
    s("line", { class: "axis", x1: area.left, x2: width - area.right, y1: area.top + area.tall, y2: area.top + area.tall }));
  return marks;
}

function draw_plot(width, plot) {
  const area = { left: 52, right: 10, top: 26, tall: 230 };
  const values = plot.series.flatMap((line) => line.values).concat(plot.targets.map((t) => t.value)).filter((v) => v !== null);
  const range = (Math.max(...values, plot.from + 1e-30) - plot.from) * 1.06;
  const y_of = (value) => area.top + area.tall * (1 - (value - plot.from) / range);
  const step = (width - area.left - area.right) / Math.max(1, plot.categories.length);
  const marks = plot_frame(width, plot, y_of, range, area);
  const bar = Math.min(26, step * 0.8 / plot.series.length);
  plot.series.forEach((line, n) => {
    const known = line.values.map((value, i) => ({ value, x: area.left + (i + 0.5) * step })).filter((p) => p.value !== null);
    if (plot.bars) {
      for (const point of known) marks.push(s("rect", { class: "mark", "data-key": line.name, rx: 2, fill: color_of(n),
        x: point.x + (n - plot.series.length / 2) * bar, width: Math.max(1, bar - 1), y: y_of(point.value), height: area.top + area.tall - y_of(point.value) }));
      return;
    }
    marks.push(s("path", { class: "mark", "data-key": line.name, fill: "none", stroke: color_of(n), "stroke-width": 1.8,
      d: known.map((p, i) => `${i ? "L" : "M"}${p.x},${y_of(p.value)}`).join("") }));
    for (const point of known) marks.push(s("circle", { class: "mark", "data-key": line.name, cx: point.x, cy: y_of(point.value), r: 3.4, fill: color_of(n) }));
  });
  plot.categories.forEach((name, i) => {
    const x = area.left + i * step;
    marks.push(text_at(x + step / 2, area.top + area.tall + 16, fitted(name, step), { "text-anchor": "middle", class: "faint" }),
      s("rect", { class: "hit", x, y: area.top, width: step, height: area.tall, ...hover(() => [name, plot.x_label,
        plot.series.map((line, n) => [line, n]).filter(([line]) => line.values[i] !== null).map(([line, n]) => [color_of(n), line.name, digits(line.values[i])])]) }));
  });
  return canvas(width, area.top + area.tall + 44, marks);
}

function plot_section(plot) {
  const panel = h("div", { class: "panel" });
  panel.append(legend(plot.series.map((line, n) => [line.name, line.name, color_of(n), "", !plot.bars]), () => panel),
    chart((width) => draw_plot(width, plot)), ...plot.notes.map((note) => h("p", { class: "note" }, note)));
  return section(plot.title, "", null, panel);
}

function table_section(table) {
  const show = (cell) => typeof cell === "number" ? (Number.isInteger(cell) ? format.grouped(cell) : Math.abs(cell) < 10 ? cell.toFixed(2) : digits(cell)) : cell;
  const side = (cell) => typeof cell === "number" ? "" : "left";
  const first = table.rows[0] || [];
  return section(table.title, "", null, h("div", { class: "panel" },
    h("div", { class: "tall" }, h("table", {},
      h("thead", {}, h("tr", {}, table.columns.map((name, i) => h("th", { class: side(first[i] === undefined ? "" : first[i]) }, name)))),
      h("tbody", {}, table.rows.map((row) => h("tr", {}, row.map((cell) => h("td", { class: side(cell) }, show(cell)))))))),
    table.notes.map((note) => h("p", { class: "note" }, note))));
}

const page = document.getElementById("page");
page.append(h("div", {}, top_bar(), h("h1", {}, outcome.title), outcome.notes.map((note) => h("p", { class: "sub" }, note))),
  ...outcome.plots.map(plot_section), ...outcome.tables.map(table_section),
  h("footer", {}, "Made by Syncopate. The JSON is inside this file."));
keep_painted();
