// --- the table of every number. The address of the page holds its filters and order, so that a view can be passed on ---

const byId = (id) => document.getElementById(id);
const table = byId("costs");
const rows = [...table.tBodies].flatMap((group) => [...group.rows]);
const heads = [...table.tHead.rows[0].cells];
const keys = heads.map((head) => head.dataset.key);
const isNumber = heads.map((head) => head.classList.contains("number"));
// The rows of a metric share attributes of their group. The sorted table has one group, so rows get copies.
for (const row of rows) {
  Object.assign(row.dataset, row.parentElement.dataset);
  row.cells[keys.indexOf("verdict")].title = row.cells[keys.indexOf("reason")].textContent;
}
const body = document.createElement("tbody");
body.append(...rows);
table.replaceChildren(table.tHead, body);
const FIELDS = { text: byId("filter"), family: byId("of-family"), environment: byId("of-arm"), verdict: byId("of-verdict"), least: byId("least"), order: byId("order") };
const more = byId("more");
const controls = byId("controls"); // whether the control's rows are shown
let order = ""; // a column's key, with a minus for descending order; empty for the suite's order

const valueOf = (row, column) => {
  const cell = row.cells[column];
  if (!isNumber[column]) return cell.textContent.trim();
  const value = parseFloat(cell.dataset.value ?? cell.textContent);
  return Number.isFinite(value) ? value : null;
};

const compare = (a, b) => (typeof a === "number" ? a - b : a.localeCompare(b));

// Unknown values are last in both directions.
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

// Whether a row is judged slower or faster, and its observed cost is at least `least` per cent.
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
  // Consecutive rows of one metric show its name once.
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
  const parameters = new URLSearchParams();
  for (const [name, field] of Object.entries(FIELDS)) {
    const value = name === "order" ? order : field.value.trim();
    if (value) parameters.set(name, value);
  }
  if (more.checked) parameters.set("columns", "all");
  if (controls.checked) parameters.set("controls", "shown");
  return parameters.toString();
};

// An address may come from anyone. A value must be a search text, an option of a list, or a number; others are ignored.
const restore = () => {
  const parameters = new URLSearchParams(location.hash.slice(1));
  for (const [name, field] of Object.entries(FIELDS)) {
    const value = (parameters.get(name) || "").slice(0, 200);
    if (field.tagName !== "SELECT") field.value = value;
    else field.value = [...field.options].some((option) => option.value === value && !option.disabled) ? value : "";
  }
  const wanted = parameters.get("order") || "";
  order = keys.includes(wanted.replace(/^-/, "")) ? wanted : "";
  more.checked = parameters.get("columns") === "all";
  controls.checked = parameters.get("controls") === "shown";
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
// CSV values: numbers in base units, without the signs and arrows of the screen.
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

// A link to a benchmark shows its row, even if filters hid it.
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
