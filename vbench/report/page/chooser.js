// --- one chart out of many, chosen from a list; without a script all of them are there ---

for (const chooser of document.querySelectorAll(".chooser")) {
  const list = chooser.querySelector("select");
  const charts = [...chooser.querySelectorAll(".chart")];
  const choose = () => {
    charts.forEach((chart) => { chart.hidden = chart.id !== list.value; });
    fit(); // one that was drawn before may have another palette or width now
  };
  list.addEventListener("change", choose);
  chooser.querySelector(".tools").hidden = false;
  choose();
}

for (const fold of document.querySelectorAll(".fold")) fold.addEventListener("toggle", fit);
