// What every page has: sections, panels, the bar at the top.

function section(title, explanation, controls, ...body) {
  return h("section", {}, h("header", {}, h("div", {}, h("h2", {}, title), h("p", {}, explanation)), controls), body);
}
/// A panel whose plots are redrawn when a tab changes.
function panel_with(build) {
  const panel = h("div", { class: "panel" });
  const fill = (...choice) => { panel.replaceChildren(...[build(panel, ...choice)].flat(9)); paint_all(); };
  return [panel, fill];
}

// ---- top ----

function top_bar() {
  const root = document.documentElement;
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const apply = (theme) => { root.dataset.theme = theme; };
  apply(dark.matches ? "dark" : "light");
  dark.addEventListener("change", () => apply(dark.matches ? "dark" : "light"));
  const heights = [8, 16, 0, 12, 18, 0, 10];
  const logo = s("svg", { class: "logo", viewBox: "0 0 27 20" }, heights.map((tall, i) =>
    s("rect", { x: i * 4, y: 19 - (tall || 2), width: 2.6, height: tall || 2, rx: 1, fill: "currentColor", opacity: tall ? 1 : 0.35 })));
  return h("div", { class: "bar" }, logo, h("span", { class: "name" }, "Syncopate"), h("span", { class: "grow" }),
    h("button", { class: "icon", type: "button", onclick: () => apply(root.dataset.theme === "dark" ? "light" : "dark") }, "light / dark"));
}

/// Draws what was added to the page, now and whenever its width changes.
function keep_painted() {
  paint_all();
  addEventListener("resize", () => requestAnimationFrame(paint_all));
}
