"use strict";
(() => {
  const NARROW_PX = 600;
  const root = document.documentElement;
  const plots = [...document.querySelectorAll("[data-figure]")];
  const blob = JSON.parse(document.getElementById("figures").textContent);
  const config = { displaylogo: false, showSendToCloud: false, plotlyServerURL: "", displayModeBar: false, doubleClick: false, scrollZoom: false };
  const seen = new Set();

  // --- charts ---

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

  // The second axis and what is named "wide" have no room on a phone.
  const narrowed = (figure) => {
    const { data, layout } = figure;
    const pair = Boolean(layout.xaxis2);
    const kept = (item) => item.name !== blob.wide && !(pair && item.xref === "x2");
    const named = layout.annotations || []; // plotly leaves out a list that is empty
    const annotations = named.filter(kept);
    const narrow = { ...layout, annotations, shapes: (layout.shapes || []).filter(kept) };
    if (layout.xaxis.type === "log") narrow.xaxis = thinned(layout.xaxis);
    if (annotations.length < named.length) narrow.margin = { ...layout.margin, r: 12 };
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

  const thinned = (axis) => {
    const few = axis.tickvals.length < 6;
    const kept = axis.tickvals.map((value) => few || Number.isInteger(Math.log10(value)));
    const pick = (list) => list.filter((_, place) => kept[place]);
    return { ...axis, tickangle: 0, tickvals: pick(axis.tickvals), ticktext: pick(axis.ticktext) };
  };

  const draw = (plot) => {
    const figure = blob.figures[plot.dataset.figure];
    const width = plot.clientWidth;
    const style = getComputedStyle(root);
    const { data, layout } = resolved(width < NARROW_PX ? narrowed(figure) : figure, style);
    const template = resolved(blob.template, style);
    plot.dataset.width = width;
    Plotly.react(plot, data, { ...layout, template, width, height: figure.height }, config);
    plot.dataset.drawn = "yes";
  };

  const drawSeen = () => seen.forEach(draw);
  const drawAll = () => {
    if (!window.Plotly) return;
    plots.forEach((plot) => seen.add(plot));
    drawSeen();
  };

  const watch = () => {
    const nearby = new IntersectionObserver((entries) => {
      for (const { isIntersecting, target } of entries) {
        if (!isIntersecting || seen.has(target)) continue;
        nearby.unobserve(target);
        seen.add(target);
        draw(target);
      }
    }, { rootMargin: "300px" });
    plots.forEach((plot) => nearby.observe(plot));
    new ResizeObserver(() => {
      for (const plot of seen) if (plot.clientWidth !== Number(plot.dataset.width)) draw(plot);
    }).observe(document.body);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawSeen);
    if (root.classList.contains("paper")) drawAll();
  };

  // The policy of the page allows a script by its hash alone, so plotly is unpacked and run as one more inline script.
  const load = async () => {
    const packed = atob(document.getElementById("plotly").textContent);
    const bytes = Uint8Array.from(packed, (sign) => sign.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
    const script = document.createElement("script");
    script.textContent = await new Response(stream).text();
    document.head.append(script);
    if (!window.Plotly) throw new Error("plotly.js did not run");
    watch();
  };

  addEventListener("beforeprint", () => { root.classList.add("paper"); drawAll(); });
  addEventListener("afterprint", () => { root.classList.remove("paper"); drawSeen(); });
  if (plots.length) load().catch((error) => {
    console.error(error);
    document.getElementById("no-charts").hidden = false;
  });

  // --- table ---

  const table = document.getElementById("costs");
  const body = table.tBodies[0];
  const rows = [...body.rows];
  const heads = [...table.tHead.rows[0].cells];

  const valueOf = (row, column) => {
    const cell = row.cells[column];
    if (!("value" in cell.dataset)) return cell.textContent.trim();
    const value = parseFloat(cell.dataset.value);
    return Number.isFinite(value) ? value : null;
  };

  const compare = (a, b) => (typeof a === "number" ? a - b : a.localeCompare(b));

  const sortBy = (column) => {
    const up = heads[column].getAttribute("aria-sort") !== "ascending";
    heads.forEach((head) => head.removeAttribute("aria-sort"));
    heads[column].setAttribute("aria-sort", up ? "ascending" : "descending");
    const known = rows.filter((row) => valueOf(row, column) !== null);
    const unknown = rows.filter((row) => valueOf(row, column) === null); // last, whichever way
    known.sort((a, b) => (up ? 1 : -1) * compare(valueOf(a, column), valueOf(b, column)));
    body.append(...known, ...unknown);
  };

  heads.forEach((head, column) => head.querySelector("button").addEventListener("click", () => sortBy(column)));

  const more = document.getElementById("more");
  const showMore = () => table.classList.toggle("all", more.checked);
  more.addEventListener("change", showMore);
  showMore(); // a reloaded page keeps its ticks

  const filter = document.getElementById("filter");
  filter.addEventListener("input", () => {
    const words = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
    for (const row of rows) {
      const text = row.textContent.toLowerCase();
      row.hidden = !words.every((word) => text.includes(word));
    }
    const left = rows.filter((row) => !row.hidden).length;
    document.getElementById("shown").textContent = words.length ? `${left} of ${rows.length} rows` : "";
  });
})();
