// --- the table of every number: what is shown stands in the address, so that it can be passed on ---

const byId = (id) => document.getElementById(id);
const table = byId("costs");
const rows = [...table.tBodies].flatMap((group) => [...group.rows]);
const heads = [...table.tHead.rows[0].cells];
const keys = heads.map((head) => head.dataset.key);
const isNumber = heads.map((head) => head.classList.contains("number"));
// What the rows of a metric share stands at their group; the sorted table has one group.
for (const row of rows) {
  Object.assign(row.dataset, row.parentElement.dataset);
  row.cells[keys.indexOf("verdict")].title = row.cells[keys.indexOf("reason")].textContent;
}
const body = document.createElement("tbody");
body.append(...rows);
table.replaceChildren(table.tHead, body);
const FIELDS = { text: byId("filter"), family: byId("of-family"), environment: byId("of-arm"), verdict: byId("of-verdict"), least: byId("least"), order: byId("order") };
const more = byId("more");
const controls = byId("controls"); // the control's rows: noise, and folded away unless they are asked for
let order = ""; // a column's key, with a minus in front from the largest down; empty: the suite's

const valueOf = (row, column) => {
  const cell = row.cells[column];
  if (!isNumber[column]) return cell.textContent.trim();
  const value = parseFloat(cell.dataset.value ?? cell.textContent);
  return Number.isFinite(value) ? value : null;
};

const compare = (a, b) => (typeof a === "number" ? a - b : a.localeCompare(b));

// What is unknown stands last, whichever way.
const sort = () => {
  const up = !order.startsWith("-");
  const column = keys.indexOf(up ? order : order.slice(1));
  heads.forEach((head) => head.removeAttribute("aria-sort"));
  if (column < 0) return body.append(...rows);
  heads[column].setAttribute("aria-sort", up ? "ascending" : "descending");
  const known = rows.filter((row) => valueOf(row, column) !== null);
  const unknown = rows.filter((row) => valueOf(row, column) === null);
  known.sort((a, b) => (up ? 1 : -1) * compare(valueOf(a, column), valueOf(b, column)));
  return body.append(...known, ...unknown);
};

// Slower or faster, and by at least this share either way.
const isLarge = (row, least) => {
  const cost = valueOf(row, keys.indexOf("cost"));
  const judged = ["slower", "faster"].includes(row.dataset.verdict);
  return judged && cost !== null && Math.max(cost, 1 / cost) - 1 >= least / 100 - 1e-9;
};

const leastOf = () => (FIELDS.least.value.trim() === "" || !(Number(FIELDS.least.value) >= 0) ? null : Number(FIELDS.least.value));

const show = () => {
  const words = FIELDS.text.value.toLowerCase().split(/\s+/).filter(Boolean);
  const { family, environment, verdict } = FIELDS;
  const least = leastOf();
  for (const row of rows) {
    const { dataset } = row;
    const text = words.length ? row.textContent.toLowerCase() : "";
    const folded = row.classList.contains("control") && !controls.checked && environment.value !== dataset.arm;
    row.hidden = folded || !(words.every((word) => text.includes(word))
      && (!family.value || dataset.family === family.value)
      && (!environment.value || dataset.arm === environment.value)
      && (!verdict.value || dataset.verdict === verdict.value)
      && (least === null || isLarge(row, least)));
  }
  // A name in plain words stands once for the rows of one metric.
  let before = "";
  for (const row of [...body.rows].filter((one) => !one.hidden)) {
    const name = JSON.stringify([row.dataset.benchmark, row.dataset.metric]);
    row.classList.toggle("again", name === before);
    before = name;
  }
  const left = rows.filter((row) => !row.hidden).length;
  byId("shown").textContent = `${left} of ${rows.length} rows`;
};

const showMore = () => table.classList.toggle("all", more.checked);

// --- the address ---

const state = () => {
  const found = new URLSearchParams();
  for (const [name, field] of Object.entries(FIELDS)) {
    const value = name === "order" ? order : field.value.trim();
    if (value) found.set(name, value);
  }
  if (more.checked) found.set("columns", "all");
  if (controls.checked) found.set("controls", "shown");
  return found.toString();
};

// An address may come from anyone: a value is a text to look for, one of a list, or a number; all else is left out.
const restore = () => {
  const found = new URLSearchParams(location.hash.slice(1));
  for (const [name, field] of Object.entries(FIELDS)) {
    const value = (found.get(name) || "").slice(0, 200);
    if (field.tagName !== "SELECT") field.value = value;
    else field.value = [...field.options].some((option) => option.value === value && !option.disabled) ? value : "";
  }
  const wanted = found.get("order") || "";
  order = keys.includes(wanted.replace(/^-/, "")) ? wanted : "";
  more.checked = found.get("columns") === "all";
  controls.checked = found.get("controls") === "shown";
};

const showOrder = () => {
  const listed = [...FIELDS.order.options].some((option) => option.value === order && !option.disabled);
  FIELDS.order.value = listed ? order : "other";
};

const isState = () => location.hash.includes("=");

const refresh = () => { sort(); showOrder(); show(); showMore(); };

let writing = 0;
const changed = () => {
  refresh();
  clearTimeout(writing);
  writing = setTimeout(() => history.replaceState(null, "", `#${state() || "numbers"}`), 250);
};

heads.forEach((head, column) => head.querySelector("button").addEventListener("click", () => {
  order = head.getAttribute("aria-sort") === "ascending" ? `-${keys[column]}` : keys[column];
  changed();
}));
FIELDS.order.addEventListener("change", () => { order = FIELDS.order.value; changed(); });
for (const name of ["text", "family", "environment", "verdict", "least"]) FIELDS[name].addEventListener("input", changed);
more.addEventListener("change", changed);
controls.addEventListener("change", changed);
byId("clear").addEventListener("click", () => {
  for (const field of Object.values(FIELDS)) field.value = "";
  order = "";
  changed();
});
// Numbers in base units, without the signs and arrows that stand beside them on the screen.
const RECORD = {
  benchmark: (row) => row.dataset.benchmark,
  metric: (row) => row.dataset.metric,
  environment: (row) => row.dataset.arm,
  verdict: (row) => row.dataset.verdict,
};
const recorded = (text) => (Number.isFinite(parseFloat(text)) ? parseFloat(text) : null);
const MORE = {
  unit: ({ dataset }) => dataset.unit,
  "95 % low": (row) => ("high" in row.dataset ? valueOf(row, keys.indexOf("interval")) : null),
  "95 % high": ({ dataset }) => recorded(dataset.high),
  difference: ({ dataset }) => recorded(dataset.difference),
  "difference 95 % low": ({ dataset }) => recorded(dataset.differenceLow),
  "difference 95 % high": ({ dataset }) => recorded(dataset.differenceHigh),
};
byId("save").addEventListener("click", () => {
  const columns = keys.map((_, at) => at).filter((at) => keys[at] !== "interval");
  const names = [...columns.map((at) => heads[at].textContent.trim()), ...Object.keys(MORE)];
  const line = (row) => [
    ...columns.map((at) => (RECORD[keys[at]] || valueOf)(row, at)),
    ...Object.values(MORE).map((value) => value(row)),
  ];
  save([names, ...[...body.rows].filter((row) => !row.hidden).map(line)], "numbers");
});

// A link to a benchmark shows its row, whatever was left out before.
const reveal = (row) => {
  if (row.hidden) {
    for (const field of Object.values(FIELDS)) field.value = "";
    controls.checked ||= row.classList.contains("control");
    order = "";
    refresh();
  }
  row.scrollIntoView({ block: "center" });
};

const follow = () => {
  const row = rows.find(({ id }) => id && id === location.hash.slice(1));
  if (row) reveal(row);
  if (!isState()) return;
  restore();
  refresh();
  byId("numbers").scrollIntoView();
};
addEventListener("hashchange", follow);
byId("filters").hidden = false;
refresh(); // a reloaded page keeps its ticks
follow();

if (plots.length) load().catch((error) => {
  console.error(error);
  byId("no-charts").hidden = false;
});
