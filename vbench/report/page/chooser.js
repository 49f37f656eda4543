// --- one chart of many, chosen from a list. Without a script all of them are shown ---

for (const chooser of document.querySelectorAll(".chooser")) {
  const list = chooser.querySelector("select");
  const charts = [...chooser.querySelectorAll(".chart")];
  const choose = () => {
    charts.forEach((chart) => { chart.hidden = chart.id !== list.value; });
    fit(); // the palette or width may have changed since the chart was drawn
  };
  list.addEventListener("change", choose);
  chooser.querySelector(".tools").hidden = false;
  choose();
}

for (const fold of document.querySelectorAll(".fold")) fold.addEventListener("toggle", fit);
