// --- one chart out of many, chosen from a list; without a script all of them are there ---

for (const chooser of document.querySelectorAll(".chooser")) {
  const list = chooser.querySelector("select");
  const charts = [...chooser.querySelectorAll(".chart")];
  const choose = () => charts.forEach((chart) => { chart.hidden = chart.id !== list.value; });
  list.addEventListener("change", choose);
  chooser.querySelector(".tools").hidden = false;
  choose();
}
