
"use strict";
(() => {
  const element = (id) => document.getElementById(id);
  const table = element("matrix");
  if (!table) return;
  const rows = [...table.tBodies[0].rows];
  const heads = [...table.tHead.rows[0].cells];
  const boxes = [...document.querySelectorAll("#filters input[type=checkbox]")];
  const words = new Map(boxes.map((box) => [box.value, box.parentNode.children[2].textContent]));
  // What is left out by a region's name is left out by a rule: one for each column, not one for each cell.
  const rules = new CSSStyleSheet();
  document.adoptedStyleSheets = [rules];

  const apply = () => {
    const image = element("image").value.toLowerCase();
    const region = element("region").value.toLowerCase();
    const wanted = new Set(boxes.filter((box) => box.checked).map((box) => box.value));
    const hidden = new Set();
    heads.forEach((head, place) => {
      if (place > 0 && !head.textContent.toLowerCase().includes(region)) hidden.add(place);
    });
    rules.replaceSync([...hidden].map((place) => `#matrix tr > :nth-child(${place + 1}) { display: none }`).join("\n"));
    const matches = (row) => row.cells[0].textContent.toLowerCase().includes(image)
      && (wanted.size === 0 || [...row.cells].some((cell, place) => wanted.has(cell.className) && !hidden.has(place)));
    let shown = 0;
    for (const row of rows) {
      row.hidden = !matches(row);
      if (!row.hidden) shown += 1;
    }
    const regions = heads.length - 1 - hidden.size;
    element("shown").textContent = shown === rows.length && hidden.size === 0 ? ""
      : `${shown} of ${rows.length} images, ${regions} of ${heads.length - 1} regions`;
    heads.forEach((head, place) => {
      const part = place > 0 && element(`r${place - 1}`);
      if (part) part.hidden = hidden.has(place);
    });
    rows.forEach((row, place) => {
      const part = element(`i${place}`);
      if (part) part.hidden = row.hidden;
    });
  };

  // What needs somebody first, then what a sync would do, then what is well.
  const urgency = "cxqrnuams.k";
  const rank = (cell) => {
    const place = urgency.indexOf(cell.className || ".");
    return place < 0 ? urgency.length : place;
  };
  const worst = (row) => Math.min(...[...row.cells].slice(1).map(rank));
  const sorts = {
    size: () => 0,
    name: (one, other) => one.cells[0].textContent.localeCompare(other.cells[0].textContent),
    state: (one, other) => worst(one) - worst(other),
  };
  const body = table.tBodies[0];
  let sorted = { key: "size", descending: false };
  const sort = (key) => {
    sorted = { key, descending: sorted.key === key && !sorted.descending };
    const place = Number(key);
    const compare = sorts[key] || ((one, other) => rank(one.cells[place]) - rank(other.cells[place]));
    // The order of the page, by size, decides where two are alike.
    const ordered = [...rows].sort(compare);
    body.append(...(sorted.descending ? ordered.reverse() : ordered));
    heads.forEach((head, at) => {
      const is = String(at) === key || (at === 0 && key === "name");
      if (is) head.setAttribute("aria-sort", sorted.descending ? "descending" : "ascending");
      else head.removeAttribute("aria-sort");
    });
    if (sorts[key]) element("sort").value = key;
  };
  element("sort").addEventListener("change", (event) => {
    sorted.key = "";
    sort(event.target.value);
  });
  table.tHead.addEventListener("click", (event) => {
    const head = event.target.closest("th");
    if (!head || event.target.closest("a")) return;
    sort(head.cellIndex === 0 ? "name" : String(head.cellIndex));
  });

  let waiting = 0;
  element("filters").addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(apply, 120);
  });
  element("filters").addEventListener("submit", (event) => event.preventDefault());
  table.addEventListener("mouseover", (event) => {
    const cell = event.target.closest("tbody td");
    if (!cell || cell.title) return;
    const word = words.get(cell.className) || "not selected";
    cell.title = `${cell.parentNode.cells[0].textContent} in ${heads[cell.cellIndex].textContent}: ${word}`;
  });
  apply();
})();
