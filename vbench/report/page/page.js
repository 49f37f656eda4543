const NARROW_PX = 600;
const root = document.documentElement;
const plots = [...document.querySelectorAll("[data-figure]")];
let blob; // the figures and records of all charts
const config = { displaylogo: false, showSendToCloud: false, plotlyServerURL: "", displayModeBar: false, doubleClick: false, scrollZoom: false };
const near = new Set();

// --- the charts: unpacked once, drawn when they come near the visible part of the page ---

// A list that is part of the chart's records or table is written as a stretch of one of their columns (packing.py).
const expanded = (figure, key) => {
  const cells = document.getElementById(key).querySelector("tbody").rows;
  const { columns } = blob.records[key];
  const list = (stretch) => {
    const { from, to, without = [] } = stretch;
    const places = Array.from({ length: to - from }, (_, at) => from + at).filter((row) => !without.includes(row));
    return places.map((row) => ("cells" in stretch ? cells[row].cells[stretch.cells].textContent : columns[stretch.records][row]));
  };
  const isStretch = (value) => value !== null && typeof value === "object" && "from" in value;
  const whole = (trace) => Object.fromEntries(Object.entries(trace).map(([name, value]) => [name, isStretch(value) ? list(value) : value]));
  return { ...figure, data: figure.data.map(whole) };
};

// Colours are written as var(--name): the style sheet holds the palettes, the charts follow.
const resolved = (value, style) => {
  if (typeof value === "string") {
    const name = value.startsWith("var(") ? value.slice(4, -1) : "";
    return name ? style.getPropertyValue(name).trim() : value;
  }
  if (Array.isArray(value)) return value.map((inner) => resolved(inner, style));
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, resolved(inner, style)]));
};

// A phone has no room for the second axis and for annotations named "wide".
const narrowed = (figure, width) => {
  const { data, layout } = figure;
  const pair = Boolean(layout.xaxis2);
  const kept = (item) => item.name !== blob.wide && !(pair && item.xref === "x2");
  const named = layout.annotations || [];
  const annotations = named.filter(kept);
  const narrow = { ...layout, annotations, shapes: (layout.shapes || []).filter(kept) };
  if (annotations.length < named.length) narrow.margin = { ...layout.margin, r: 12 };
  if (layout.xaxis.type === "log") narrow.xaxis = thinned(layout.xaxis, width - narrow.margin.l - narrow.margin.r);
  if (data[0]?.type === "heatmap") {
    narrow.margin = { ...layout.margin, l: 0.84 * layout.margin.l };
    narrow.font = { size: 10 };
    return { data: [{ ...data[0], textfont: { ...data[0].textfont, size: 10 } }], layout: narrow };
  }
  if (!pair) return { data, layout: narrow };
  delete narrow.xaxis2;
  narrow.xaxis = { ...narrow.xaxis, domain: [0, 1] };
  return { data: data.filter((trace) => trace.xaxis !== "x2"), layout: narrow };
};

// If two labels would touch, only those at whole powers of ten are kept. With fewer than two of these every other one is.
const thinned = (axis, room) => {
  const { tickvals, ticktext, range } = axis;
  const at = tickvals.map((value) => (Math.log10(value) / (range[1] - range[0])) * room);
  const touch = (index) => at[index] - at[index - 1] < 3.4 * (ticktext[index].length + ticktext[index - 1].length) + 4;
  const few = !tickvals.some((_, index) => index && touch(index));
  const whole = (value) => Math.abs(Math.log10(value) - Math.round(Math.log10(value))) < 1e-9;
  const enough = tickvals.filter(whole).length > 1;
  const kept = tickvals.map((value, index) => few || (enough ? whole(value) : index % 2 === 0));
  const pick = (list) => list.filter((_, index) => kept[index]);
  return { ...axis, tickangle: 0, tickvals: pick(tickvals), ticktext: pick(ticktext) };
};

const draw = (plot) => {
  const figure = expanded(blob.figures[plot.dataset.figure], plot.dataset.figure);
  const width = plot.clientWidth;
  plot.dataset.width = width;
  if (!width) return; // folded: drawn when it has a width again
  const style = getComputedStyle(root);
  const { data, layout } = resolved(width < NARROW_PX ? narrowed(figure, width) : figure, style);
  const template = resolved(blob.template, style);
  Plotly.react(plot, data, { ...layout, template, width, height: figure.height }, config);
  plot.dataset.drawn = "yes";
};

const drawNear = () => near.forEach(draw);
const fit = () => {
  for (const plot of near) if (plot.clientWidth && plot.clientWidth !== Number(plot.dataset.width)) draw(plot);
};
const drawAll = () => {
  if (!window.Plotly) return;
  plots.forEach((plot) => near.add(plot));
  drawNear();
};

const watch = () => {
  const nearby = new IntersectionObserver((entries) => {
    for (const { isIntersecting, target } of entries) {
      if (!isIntersecting || near.has(target)) continue;
      nearby.unobserve(target);
      near.add(target);
      draw(target);
    }
  }, { rootMargin: "300px" });
  plots.forEach((plot) => nearby.observe(plot));
  new ResizeObserver(fit).observe(document.body);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawNear);
  if (root.classList.contains("paper")) drawAll();
};

const unpacked = async (id) => {
  const bytes = Uint8Array.from(atob(document.getElementById(id).textContent), (sign) => sign.charCodeAt(0));
  return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"))).text();
};

// The policy of the page allows a script by its hash alone, so plotly is unpacked and run as one more inline script.
const load = async () => {
  blob = JSON.parse(await unpacked("figures"));
  offerRecords();
  const script = document.createElement("script");
  script.textContent = await unpacked("plotly");
  document.head.append(script);
  if (!window.Plotly) throw new Error("plotly.js did not run");
  watch();
};

// For print all folds are opened and all charts shown. `refold` restores the page afterwards.
let refold = () => {};
const unfold = () => {
  const folds = [...document.querySelectorAll("details.fold:not([open]), .note details:not([open]), details.validation:not([open])")];
  const waiting = [...document.querySelectorAll(".chosen > [hidden]")];
  folds.forEach((fold) => { fold.open = true; });
  waiting.forEach((chart) => { chart.hidden = false; });
  refold = () => {
    folds.forEach((fold) => { fold.open = false; });
    waiting.forEach((chart) => { chart.hidden = true; });
  };
};

addEventListener("beforeprint", () => { refold(); root.classList.add("paper"); unfold(); drawAll(); });
addEventListener("afterprint", () => { root.classList.remove("paper"); refold(); refold = () => {}; drawNear(); });
