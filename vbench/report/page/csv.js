// --- saving the data of a chart or of the table as CSV ---

// A text that a spreadsheet would take for a formula gets an apostrophe in front. Numbers are written as they are.
const csvCell = (value) => {
  if (value === null || value === undefined) return "";
  if (typeof value === "number") return String(value);
  const safe = /^[\s]*[=+\-@\t\r\n|%]/.test(value) ? `'${value}` : value;
  return /[",\r\n]|^\s|\s$/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
};
const csvText = (rows) => rows.map((row) => `${row.map(csvCell).join(",")}\r\n`).join("");

// The byte order mark tells spreadsheets that the file is UTF-8.
const save = (rows, name) => {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob(["\ufeff", csvText(rows)], { type: "text/csv;charset=utf-8" }));
  link.download = `${document.getElementById("main").dataset.run}-${name}`.replace(/[^A-Za-z0-9_-]+/g, "-").replace(/^-+/, "").slice(0, 120) + ".csv";
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60000);
};

const recordsOf = (key) => {
  const { names, columns } = blob.records[key];
  return [names, ...columns[0].map((_, row) => columns.map((column) => column[row]))];
};

const offerRecords = () => {
  for (const button of document.querySelectorAll("[data-csv]")) {
    button.hidden = false;
    button.addEventListener("click", () => save(recordsOf(button.dataset.csv), button.dataset.csv));
  }
};
