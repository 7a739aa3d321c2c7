// The report's sections, from the JSON that `syncopate run --json` writes too.

const run = JSON.parse(document.getElementById("data").textContent);
const CAUSES = [
  ["work", "multiplied two non-zero operands"], ["bubble", "multiplied by a zero"],
  ["imbalance", "waited for a slower lane"], ["underfill", "had no pair: fewer outputs than lanes, or a short tail"],
  ["index", "waited for index logic, or held a filler"], ["fill", "pipeline fill and drain"], ["memory", "waited for DRAM"]];
const STREAMS = [["neurons", "var(--s0)"], ["synapses", "var(--s1)"], ["index", "var(--s2)"], ["written", "var(--s9)"]];
const inputs = Math.max(1, run.input.count);
const machines = run.machines.map((m) => ({
  ...m, name: m.machine.name, hertz: m.machine.clock_mhz * 1e6, multipliers: m.machine.lanes * m.machine.multipliers_per_lane,
}));
const components = [...new Set(machines.flatMap((m) => m.total.energy.map((e) => e.component)))];
const component_color = (name) => {
  const dram = machines.some((m) => m.total.energy.some((e) => e.component === name && e.dram));
  const rest = components.filter((c) => c !== name || !dram);
  return dram ? "var(--memory)" : `var(--s${[0, 1, 2, 3, 5, 6, 7, 8, 9][rest.indexOf(name) % 9]})`;
};
const used_causes = CAUSES.filter(([key]) => machines.some((m) => m.total.multiplier_cycles[key] > 0));
const cause_legend = (scope) => legend(used_causes.map(([key, help]) => [key, key, `var(--${key})`, help]), scope);
const has_energy = machines.some((m) => m.total.energy.length > 0);

/// Seconds per inference spent by cause, over the whole array.
const cause_times = (m, stats) => CAUSES.map(([key]) => ({
  key, name: key, color: `var(--${key})`, value: stats.multiplier_cycles[key] / m.multipliers / m.hertz / inputs }));
const cause_shares = (stats) => {
  const all = Object.values(stats.multiplier_cycles).reduce((a, b) => a + b, 0) || 1;
  return CAUSES.map(([key]) => ({ key, name: key, color: `var(--${key})`, value: stats.multiplier_cycles[key] / all }));
};
const streams_of = (stats) => STREAMS.map(([key, color]) => ({ key, name: key, color, value: stats.dram_bytes[key] / inputs }));
const energy_of = (stats, dram) => components.map((name) => {
  const parts = stats.energy.filter((e) => e.component === name && (dram || !e.dram));
  return { key: name, name, color: component_color(name), value: parts.reduce((sum, e) => sum + e.pj, 0) / inputs };
});
const energy_total = (m, dram) => energy_of(m.total, dram).reduce((sum, part) => sum + part.value, 0);
const seconds = (m, stats) => stats.cycles / m.hertz / inputs;
const layer_note = (layer) => `${layer.kind} \u2192 ${layer.shape}`;
const strip = (stats) => h("div", { class: "strip" }, cause_shares(stats).filter((p) => p.value > 0).map((p) =>
  h("i", { style: `background:${p.color};flex:${p.value}`, title: `${p.name} ${format.percent(p.value)}` })));

// ---- top ----

function heading() {
  const checked = machines.reduce((sum, m) => sum + m.total.checked.tiles, 0);
  const chip = (text, kind) => h("span", { class: "chip " + (kind || "") }, text);
  return h("div", {}, top_bar(), h("h1", {}, run.model.name),
    h("p", { class: "sub" }, `Executed on ${machines.map((m) => m.name).join(", ")}. Input: ${run.input.description}.`),
    h("div", { class: "chips" },
      run.model.synthetic && chip("synthetic weights", "warn"), run.input.procedural && chip("made-up input", "warn"),
      chip(`${run.model.weight_bits}-bit weights, ${run.model.activation_bits}-bit activations`),
      chip(`${inputs} inference${inputs === 1 ? "" : "s"}`),
      run.check === "off" ? chip("not replayed in the clocked engine", "warn")
        : chip(`${format.grouped(checked)} tiles replayed in the clocked engine, all equal`, "good")));
}

function card(m) {
  const base = machines[0], ratio = seconds(base, base.total) / seconds(m, m.total);
  const badge = m === base ? h("span", { class: "badge" }, machines.length > 1 ? "reference" : m.machine.node_nm + " nm")
    : h("span", { class: "badge " + (ratio >= 1 ? "good" : "bad") }, format.ratio(ratio));
  const row = (name, value) => [h("dt", {}, name), h("dd", {}, value)];
  const traffic = streams_of(m.total).reduce((sum, p) => sum + p.value, 0);
  return h("div", { class: "panel card" }, h("h3", {}, m.name, badge),
    h("div", { class: "what" }, `${m.machine.lanes} \u00d7 ${m.machine.multipliers_per_lane} multipliers, ${m.machine.clock_mhz} MHz, ${m.dram.preset}`),
    h("div", { class: "big" }, format.time(seconds(m, m.total)), h("small", {}, "per inference")), strip(m.total),
    h("dl", {}, row("frames/s", format.count(m.frames_per_second)), row("utilization", format.percent(m.utilization)),
      row("pairs issued", format.percent(m.total.pairs.issued / Math.max(1, m.total.pairs.required))),
      row("DRAM traffic", format.bytes(traffic)),
      has_energy ? [row("energy, on chip", format.energy(energy_total(m, false))), row("energy with DRAM", format.energy(energy_total(m, true))),
        row("TOPS/W, on chip", digits(m.tops_per_watt.on_chip))] : null));
}

// ---- time ----

function causes_section() {
  const [panel, fill] = panel_with((root, share) => [cause_legend(() => root), chart((width) => stacked_rows(width,
    machines.map((m) => ({ name: m.name, note: "whole network, per inference", parts: cause_times(m, m.total) })), format.time, { share }))]);
  fill(false);
  return section("Where the time goes", "Every multiplier-cycle has exactly one cause. Only the first is useful; the others say what to improve.",
    tabs(["time", "share"], (i) => fill(i === 1)), panel);
}

function layers_section() {
  const [panel, fill] = panel_with((root, own) => {
    const top = Math.max(...machines.flatMap((m) => m.layers.map((l) => seconds(m, l))));
    return [cause_legend(() => root), machines.map((m, index) => [
      h("h3", { style: index ? "margin-top:14px" : "" }, m.name), chart((width) => stacked_columns(width,
        m.layers.map((l, i) => ({ name: run.layers[i].name, note: layer_note(run.layers[i]), parts: cause_times(m, l) })), format.time,
        own ? Math.max(...m.layers.map((l) => seconds(m, l))) : top, { names: index === machines.length - 1 }))])];
  });
  fill(false);
  return section("Layer by layer", "Time of each layer by cause.",
    machines.length > 1 ? tabs(["same scale", "own scale"], (i) => fill(i === 1)) : null, panel);
}

function occupancy_section() {
  const panel = h("div", { class: "panel" });
  const top = Math.max(...machines.map((m) => seconds(m, m.total)));
  panel.append(cause_legend(() => panel));
  machines.forEach((m, index) => panel.append(h("h3", { style: index ? "margin-top:10px" : "" }, m.name), chart((width) => occupancy(width,
    m.layers.map((l, i) => ({ name: run.layers[i].name, note: layer_note(run.layers[i]), value: seconds(m, l), parts: cause_shares(l) })),
    top, format.time, { axis: index === machines.length - 1 }))));
  return section("The array over time", "Time runs to the right on one scale for all machines; the height is the whole array. Area is multiplier-time.", null, panel);
}

function roofline_section() {
  const kinds = [...new Set(run.layers.map((l) => l.kind.split(" ")[0]))];
  const color = (kind) => `var(--s${[0, 1, 2, 3, 4, 5, 6, 7][kinds.indexOf(kind.split(" ")[0]) % 8]})`;
  const points = (m, pairs) => m.layers.map((l, i) => {
    const bytes = Math.max(1, Object.values(l.dram_bytes).reduce((a, b) => a + b, 0)), time = l.cycles / m.hertz;
    const operations = 2 * l.pairs[pairs];
    return { name: run.layers[i].name, note: layer_note(run.layers[i]), x: operations / bytes, y: operations / time, size: l.cycles / m.total.cycles,
      color: color(run.layers[i].kind), rows: [[null, "reached", format.count(operations / time / 1e9) + " GOP/s"],
        [null, "of peak", format.percent(operations / time / (2 * m.multipliers * m.hertz))],
        [null, "per DRAM byte", digits(operations / bytes) + " op"], [null, "time", format.time(seconds(m, l))]] };
  }).filter((p) => p.x > 0 && p.y > 0);
  const grid = h("div", { class: "grid2" });
  const fill = (pairs) => {
    const all = machines.flatMap((m) => points(m, pairs));
    const peaks = machines.map((m) => 2 * m.multipliers * m.hertz);
    const xs = all.map((p) => p.x), ys = all.map((p) => p.y);
    const range = [Math.min(...xs, 1) / 1.6, Math.max(...xs, 100) * 1.6, Math.max(1e6, Math.min(...ys, ...peaks.map((p) => p / 100)) / 1.6), Math.max(...ys, ...peaks) * 2.2];
    grid.replaceChildren(...machines.map((m) => h("div", { class: "panel" }, h("h3", {}, m.name),
      chart((width) => roofline(width, points(m, pairs), 2 * m.multipliers * m.hertz, m.dram.peak_gbps * 1e9, range)))));
    paint_all();
  };
  fill("effectual");
  return section("Roofline", "Operations per second against operations per DRAM byte; the area of a dot is the layer's share of the time. Counting dense operations, a machine that skips zeros may rise above its own peak.",
    tabs(["effectual pairs", "dense pairs"], (i) => fill(i ? "required" : "effectual")), legend(kinds.map((k) => [k, k, color(k)])), grid);
}

// ---- energy and memory ----

function energy_section() {
  const [panel, fill] = panel_with((root, dram, share) => [
    legend(components.filter((c) => dram || machines.some((m) => m.total.energy.some((e) => e.component === c && !e.dram))).map((c) => [c, c, component_color(c)]), () => root),
    chart((width) => stacked_rows(width, machines.map((m) => ({ name: m.name, note: "per inference", parts: energy_of(m.total, dram) })), format.energy, { share }))]);
  fill(true, false);
  return section("Energy", "Counted actions times the energy of each, by component, per inference.",
    tabs(["with DRAM", "on chip", "on chip, share"], (i) => fill(i === 0, i === 2)), panel);
}

function dram_section() {
  const entries = STREAMS.map(([key, color]) => [key, key, color]);
  const [panel, fill] = panel_with((root, which) => {
    const m = machines[which], bars = m.layers.map((l, i) => ({ name: run.layers[i].name, note: layer_note(run.layers[i]), parts: streams_of(l) }));
    const most = Math.max(...bars.map((bar) => bar.parts.reduce((sum, p) => sum + p.value, 0)));
    return [legend(entries, () => root), chart((width) => stacked_rows(width, machines.map((each) => ({ name: each.name, note: "per inference", parts: streams_of(each.total) })), format.bytes)),
      h("h3", { style: "margin-top:12px" }, `${m.name}, by layer`), chart((width) => stacked_columns(width, bars, format.bytes, most, { names: true, height: 130 }))];
  });
  fill(machines.length - 1);
  return section("DRAM traffic", "Bytes moved per inference, by what they carry.",
    machines.length > 1 ? tabs(machines.map((m) => m.name), fill, machines.length - 1) : null, panel);
}

function matrix_section() {
  const measures = [["time", (m) => seconds(m, m.total)], ["DRAM bytes", (m) => streams_of(m.total).reduce((sum, p) => sum + p.value, 0)]];
  if (has_energy) measures.splice(1, 0, ["energy, on chip", (m) => energy_total(m, false)], ["energy with DRAM", (m) => energy_total(m, true)]);
  const shade = (value) => {
    const strength = Math.min(1, Math.abs(Math.log2(value)) / 3) * 52;
    return `background:color-mix(in srgb, var(${value >= 1 ? "--good" : "--bad"}) ${strength.toFixed(0)}%, var(--wash))`;
  };
  const matrix = ([name, of]) => h("div", { class: "panel" }, h("h3", {}, name), h("div", { class: "scroll" }, h("table", { class: "matrix" },
    h("thead", {}, h("tr", {}, h("th", { class: "left" }, ""), machines.map((m) => h("th", {}, m.name)))),
    h("tbody", {}, machines.map((row) => h("tr", {}, h("th", { class: "left" }, row.name), machines.map((column) => {
      const value = of(row) === 0 ? NaN : of(column) / of(row);
      return row === column ? h("td", { style: "color:var(--faint)" }, "1") : h("td", { style: Number.isFinite(value) && value > 0 ? shade(value) : "" }, Number.isFinite(value) ? format.ratio(value) : "\u2013");
    })))))));
  return section("Against each other", "How many times less a row's machine needs than a column's.", null, h("div", { class: "grid2 wide" }, measures.map(matrix)));
}

// ---- network ----

function sparsity_section() {
  const panel = h("div", { class: "panel" });
  // Layers that multiply by weights; sums and copies between them have little to skip.
  const weighted = run.layers.map((_, i) => i).filter((i) => run.layers[i].weights > 0);
  const shown = weighted.length ? weighted : run.layers.map((_, i) => i);
  const effectual = shown.map((i) => machines.length && machines[0].layers[i].pairs.required > 0 ? machines[0].layers[i].pairs.effectual / machines[0].layers[i].pairs.required : null);
  const series = [
    { key: "pairs", name: "pairs with both operands non-zero", color: "var(--s0)", area: true, values: effectual },
    { key: "weights", name: "non-zero weights", color: "var(--s1)", values: shown.map((i) => run.layers[i].weights > 0 ? run.layers[i].weight_density : null) },
    { key: "inputs", name: "non-zero inputs", color: "var(--s2)", values: shown.map((i) => run.layers[i].input_density) }];
  panel.append(legend(series.map((l) => [l.key, l.name, l.color, "", !l.area]), () => panel), chart((width) =>
    densities(width, shown.map((i) => run.layers[i].name), shown.map((i) => layer_note(run.layers[i])), series)));
  return section("What there is to skip", "Density of weights and inputs of each layer with weights, and what is left of the dense work when zeros are skipped.", null, panel);
}

function answers_section() {
  const shown = run.answers.slice(0, 8);
  if (shown.length === 0) return null;
  const list = (title, guesses, color) => {
    const best = Math.max(...guesses.map((g) => Math.abs(g.value)), 1e-30);
    return h("div", {}, h("h3", { style: "color:var(--soft);margin-bottom:6px" }, title), h("div", { class: "guess" }, guesses.map((g) => [
      h("span", {}, g.label || "class " + g.class), h("span", { class: "track" }, h("i", { style: `width:${(Math.max(0, g.value) / best * 100).toFixed(1)}%;background:${color}` })),
      h("span", { class: "v" }, g.value.toPrecision(4))])));
  };
  return section("Answers", "The float network's answer beside the one the machines compute in fixed point.", null,
    h("div", { class: "grid2" }, shown.map((a) => h("div", { class: "panel" },
      h("h3", {}, a.input, " ", a.float.length ? h("span", { class: "badge " + (a.same_top1 ? "good" : "bad") }, a.same_top1 ? "same top-1" : "different top-1") : ""),
      a.float.length ? h("div", { class: "pair" }, list("fixed point", a.fixed, "var(--s0)"), list("float", a.float, "var(--s9)")) : "",
      h("p", { class: "note" }, `relative error ${format.percent(a.relative_error)}, at most ${a.max_error.toPrecision(3)}`)))),
    run.answers.length > shown.length ? h("p", { class: "note" }, `${run.answers.length - shown.length} more in the JSON.`) : null);
}

function table_section() {
  let sorted = null, down = true;
  const [panel, fill] = panel_with((root, which) => {
    const m = machines[which];
    const columns = [["layer", (l, n) => n.name, (v) => v], ["kind", (l, n) => n.kind, (v) => v], ["output", (l, n) => n.shape, (v) => v],
      ["cycles", (l) => l.cycles / inputs, format.grouped], ["time", (l) => l.cycles / m.total.cycles, format.percent],
      ["utilization", (l) => cause_shares(l)[0].value, format.percent], ["effectual", (l) => l.pairs.required ? l.pairs.effectual / l.pairs.required : 0, format.percent],
      ["issued", (l) => l.pairs.required ? l.pairs.issued / l.pairs.required : 0, format.percent], ["causes", null],
      ["DRAM", (l) => streams_of(l).reduce((sum, p) => sum + p.value, 0), format.bytes],
      ...(has_energy ? [["energy", (l) => energy_of(l, true).reduce((sum, p) => sum + p.value, 0), format.energy]] : [])];
    const order = m.layers.map((_, i) => i);
    if (sorted !== null) {
      const of = (i) => columns[sorted][1](m.layers[i], run.layers[i]);
      order.sort((a, b) => (of(a) < of(b) ? -1 : of(a) > of(b) ? 1 : a - b) * (down ? -1 : 1));
    }
    const sort_by = (index) => () => { down = sorted === index ? !down : true; sorted = index; fill(which); };
    const left = (i) => i < 3 || columns[i][1] === null ? "left" : "";
    return h("div", { class: "tall" }, h("table", {},
      h("thead", {}, h("tr", {}, columns.map(([name, of], i) => h("th", { class: left(i), "aria-sort": sorted === i ? (down ? "descending" : "ascending") : null },
        of ? h("button", { type: "button", onclick: sort_by(i) }, name, sorted === i ? (down ? " \u2193" : " \u2191") : "") : name)))),
      h("tbody", {}, order.map((i) => h("tr", {}, columns.map(([, of, show], c) => of
        ? h("td", { class: left(c) + (c === 0 ? " name" : ""), title: c === 0 ? run.layers[i].name : null }, show(of(m.layers[i], run.layers[i]))) : h("td", {}, strip(m.layers[i])))))),
      h("tfoot", {}, h("tr", {}, columns.map(([, of, show], c) => c === 0 ? h("td", {}, "total") : c < 3 ? h("td", {}, "")
        : of ? h("td", {}, show(of(m.total, {}))) : h("td", {}, strip(m.total)))))));
  });
  fill(machines.length - 1);
  return section("All layers", "Per inference. Click a heading to sort.", machines.length > 1 ? tabs(machines.map((m) => m.name), fill, machines.length - 1) : null, panel);
}

// LUT, FF, DSP and block RAM of one machine, beside its board's limits where it has a board.
function fpga_rows(m) {
  if (!m.fpga) return {};
  const limit = (name) => m.fpga.limits ? ` of ${format.grouped(m.fpga.limits[name])}` : "";
  return { ...Object.fromEntries(Object.entries(m.fpga.total).map(([name, used]) => ["FPGA " + name, format.grouped(Math.ceil(used)) + limit(name)])),
    "FPGA basis": m.fpga.basis + (m.fpga.board ? `; limits of the ${m.fpga.board}` : "") };
}

function origin_section() {
  const pairs = (object) => h("dl", { style: "grid-template-columns:auto 1fr" }, Object.entries(object || {}).map(([k, v]) => [h("dt", {}, k), h("dd", { style: "text-align:left" }, String(v))]));
  const phases = { name: "host time", note: "on the computer that made this report", parts: run.phases.map((p, i) => ({ key: p.name, name: p.name, color: `var(--s${i % 10})`, value: p.seconds })) };
  return section("How this was made", "", null, h("div", { class: "panel" }, run.command ? h("code", { class: "command" }, run.command) : "",
    h("p", { class: "note" }, `Network from ${run.model.source}. Seed ${run.seed}. Peak memory ${format.bytes(run.peak_memory_bytes)}.`),
    h("div", { style: "margin-top:12px" }, legend(phases.parts.map((p) => [p.key, `${p.name} ${format.time(p.value)}`, p.color])), chart((width) => stacked_rows(width, [phases], format.time)))),
    machines.map((m) => h("div", { class: "panel" }, h("details", {}, h("summary", {}, `${m.name}: parameters`),
      h("p", { class: "note", style: "margin:0 0 10px" }, m.machine.description), h("div", { class: "pair" }, pairs(m.machine.params),
        pairs({ ...Object.fromEntries(Object.entries(m.machine.buffers || {}).map(([k, v]) => [k, format.bytes(v)])), DRAM: m.dram.preset, "weights in memory": format.bytes(m.program.image_bytes), instructions: format.grouped(m.program.instructions), node: m.machine.node_nm + " nm",
          ...fpga_rows(m),
          ...(m.area_mm2 ? { area: digits(Object.values(m.area_mm2).reduce((a, b) => a + b, 0)) + "\u2009mm\u00b2" } : {}) }))))));
}

const page = document.getElementById("page");
page.append(heading());
if (machines.length > 0) {
  page.append(section("At a glance", inputs > 1 ? `Averages over ${inputs} inferences.` : "One inference.", null, h("div", { class: "cards" }, machines.map(card))),
    causes_section(), layers_section(), occupancy_section(), roofline_section());
  if (has_energy) page.append(energy_section());
  page.append(dram_section());
  if (machines.length > 1) page.append(matrix_section());
  page.append(sparsity_section(), table_section());
}
page.append(...[answers_section(), origin_section()].filter(Boolean),
  h("footer", {}, `Made by Syncopate. Data format ${run.format}, version ${run.version}; the JSON is inside this file.`));
keep_painted();
