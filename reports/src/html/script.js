"use strict";
(() => {
  const tools = document.querySelector(".tools");
  const box = document.getElementById("filter");
  const order = document.getElementById("order");
  const shown = document.getElementById("shown");
  const cards = [...document.querySelectorAll("section.scenario")];
  const rows = [...document.querySelectorAll("#summary tbody tr")];
  const words = (element) => element.dataset.words || "";
  const filter = () => {
    const wanted = box.value.toLowerCase().split(/\s+/).filter(Boolean);
    const fits = (element) => wanted.every((word) => words(element).includes(word));
    let count = 0;
    for (const card of cards) { card.hidden = !fits(card); count += card.hidden ? 0 : 1; }
    for (const row of rows) row.hidden = !fits(row);
    shown.textContent = wanted.length ? count + " of " + cards.length + " scenarios" : "";
  };
  const by = {
    worst: (a, b) => a.dataset.rank - b.dataset.rank || a.dataset.order - b.dataset.order,
    file: (a, b) => a.dataset.order - b.dataset.order,
    slowest: (a, b) => b.dataset.slow - a.dataset.slow || a.dataset.order - b.dataset.order,
    lost: (a, b) => b.dataset.lost - a.dataset.lost || a.dataset.order - b.dataset.order,
  };
  const sort = () => {
    for (const list of [cards, rows]) {
      list.sort(by[order.value]);
      for (const element of list) element.parentNode.append(element);
    }
  };
  const open = () => {
    const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (target && target.tagName === "DETAILS") { target.open = true; target.scrollIntoView(); }
  };
  // Of a topology, whatever is under the pointer or has the focus tells more of itself.
  for (const figure of document.querySelectorAll("figure.wide")) {
    const told = figure.querySelector(".told");
    if (!told) continue;
    const tell = (event) => {
      const item = event.target.closest && event.target.closest(".item");
      if (item) { told.hidden = false; told.textContent = item.querySelector("title").textContent; }
    };
    figure.addEventListener("mouseover", tell);
    figure.addEventListener("focusin", tell);
  }
  const all = document.getElementById("all");
  const points = [...document.querySelectorAll("details.point")];
  all.addEventListener("click", () => {
    const closed = points.some((point) => !point.open);
    for (const point of points) point.open = closed;
    all.textContent = closed ? "Close all" : "Open all";
  });
  box.addEventListener("input", filter);
  order.addEventListener("change", sort);
  addEventListener("hashchange", open);
  tools.hidden = false;
  filter();
  open();
})();
