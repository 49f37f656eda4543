"use strict";
(() => {
  const table = document.getElementById("runs");
  if (!table) return;
  const body = table.tBodies[0];
  const rows = [...body.rows];
  const heads = [...table.tHead.rows[0].cells];

  const valueOf = (row, column) => {
    const cell = row.cells[column];
    if (!cell || cell.colSpan > 1) return null; // a damaged run has only a name
    const text = cell.dataset.value ?? cell.textContent.trim();
    if (text === "–" || text === "") return null;
    return /^[0-9.]+$/.test(text) ? Number(text) : text;
  };
  const compare = (a, b) => (typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b)));

  const sortBy = (column) => {
    const up = heads[column].getAttribute("aria-sort") !== "ascending";
    heads.forEach((head) => head.removeAttribute("aria-sort"));
    heads[column].setAttribute("aria-sort", up ? "ascending" : "descending");
    const known = rows.filter((row) => valueOf(row, column) !== null);
    const unknown = rows.filter((row) => valueOf(row, column) === null); // last in both directions
    known.sort((a, b) => (up ? 1 : -1) * compare(valueOf(a, column), valueOf(b, column)));
    body.append(...known, ...unknown);
  };
  heads.forEach((head, column) => head.querySelector("button")?.addEventListener("click", () => sortBy(column)));

  const filter = document.getElementById("filter");
  const state = document.getElementById("state");
  const show = () => {
    const words = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
    for (const row of rows) {
      const text = row.textContent.toLowerCase();
      const fits = !state.value || row.dataset.state === state.value;
      row.hidden = !(fits && words.every((word) => text.includes(word)));
    }
    const left = rows.filter((row) => !row.hidden).length;
    document.getElementById("shown").textContent = words.length || state.value ? `${left} of ${rows.length} runs` : "";
  };
  filter.addEventListener("input", show);
  state.addEventListener("change", show);

  const chosen = [];
  const choose = (box) => {
    const index = chosen.indexOf(box.value);
    if (index >= 0) chosen.splice(index, 1);
    if (box.checked) chosen.push(box.value); // the first chosen run is the reference
    document.getElementById("compare").hidden = chosen.length < 2;
    document.getElementById("compare-command").textContent = `vbench compare ${chosen.join(" ")}`;
  };
  body.querySelectorAll("input[type=checkbox]").forEach((box) => {
    box.addEventListener("change", () => choose(box));
    if (box.checked) choose(box); // a reloaded page keeps its ticks
  });
  show();
})();
