"use strict";
// Copying, filtering, sorting, choosing a ladder and zooming: everything is readable without this script.

const said = document.getElementById("said");
const say = (words) => { said.textContent = words; };
const told = (words, values) => words.replace(/\{(\w+)\}/g, (whole, name) => values[name]);  // in the page's language

for (const button of document.querySelectorAll("button[data-copy]")) {
  button.hidden = false;
  button.addEventListener("click", async () => {
    const source = document.getElementById(button.dataset.copy);
    const range = document.createRange();
    range.selectNodeContents(source);
    const selection = getSelection();
    selection.removeAllRanges();
    selection.addRange(range);
    try {
      await navigator.clipboard.writeText(source.textContent);
    } catch {
      document.execCommand("copy");
    }
    say(`${said.dataset.copied}.`);
    const before = button.textContent;
    button.textContent = said.dataset.copied;
    setTimeout(() => { button.textContent = before; }, 1500);
  });
}

// Tables: a filter over the text of each row, and the order of one column. Both combine with the zoomed time.

const shownTime = { start: -Infinity, end: Infinity };

function refilter(table) {
  const input = document.querySelector(`input[data-filters="${table.id}"]`);
  const choice = document.querySelector(`select[data-filters="${table.id}"]`);
  const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
  const rows = table.tBodies[0].rows;
  let shown = 0;
  for (const row of rows) {
    const text = (row.dataset.text ??= row.textContent.toLowerCase());
    const time = row.dataset.time === undefined ? null : Number(row.dataset.time);
    const hit = words.every((word) => text.includes(word))
      && (!choice || !choice.value || row.dataset.verdict === choice.value)
      && (time === null || (time >= shownTime.start && time <= shownTime.end));
    row.hidden = !hit;
    shown += hit ? 1 : 0;
  }
  document.getElementById(`${table.id}-count`).textContent = told(said.dataset.rows, { shown, all: rows.length });
}

function sort(table, header) {
  const column = header.cellIndex;
  const downwards = header.getAttribute("aria-sort") === "ascending";
  for (const other of table.tHead.rows[0].cells) {
    if (other.hasAttribute("aria-sort")) { other.setAttribute("aria-sort", "none"); }
  }
  header.setAttribute("aria-sort", downwards ? "descending" : "ascending");
  const key = (row) => row.cells[column].dataset.value ?? row.cells[column].textContent;
  const rows = [...table.tBodies[0].rows].map((row) => [key(row), row]);
  const numbers = rows.every(([value]) => value !== "" && !Number.isNaN(Number(value)));
  const order = numbers ? ([a], [b]) => Number(a) - Number(b) : ([a], [b]) => a.localeCompare(b, document.documentElement.lang, { numeric: true });
  rows.sort(order);
  if (downwards) { rows.reverse(); }
  table.tBodies[0].append(...rows.map(([, row]) => row));
  say(told(downwards ? said.dataset.sortedDown : said.dataset.sortedUp, { column: header.textContent.trim() }));
}

for (const table of document.querySelectorAll("table[data-sorted]")) {
  for (const header of table.tHead.rows[0].cells) {
    if (!header.hasAttribute("data-plain")) {
      const button = document.createElement("button");
      button.type = "button";
      button.append(...header.childNodes);
      header.append(button);
      header.setAttribute("aria-sort", "none");
      button.addEventListener("click", () => sort(table, header));
    }
  }
  for (const control of document.querySelectorAll(`[data-filters="${table.id}"]`)) {
    control.closest(".tools").hidden = false;
    control.addEventListener("input", () => refilter(table));
  }
  if (document.querySelector(`input[data-filters="${table.id}"]`)) { refilter(table); }
}

// Ladders: one at a time where there are many.

const chooser = document.getElementById("ladder-choice");
function showLadder(id) {
  for (const figure of document.querySelectorAll("#ladders figure")) { figure.hidden = figure.id !== id; }
  if (chooser) { chooser.value = id; }
}
if (chooser) {
  chooser.closest(".tools").hidden = false;
  chooser.addEventListener("input", () => showLadder(chooser.value));
  const asked = decodeURIComponent(location.hash.slice(1));
  showLadder(document.querySelector(`#ladders figure[id="${CSS.escape(asked)}"]`) ? asked : chooser.value);
  for (const link of document.querySelectorAll("a[data-ladder]")) {
    link.addEventListener("click", () => showLadder(link.dataset.ladder));
  }
}

// The time line: its inner drawing is stretched; the tables show what is in sight.

const zoomed = document.querySelector("#timeline-picture svg.zoomed");
if (zoomed) {
  const whole = 1000;
  const height = Number(zoomed.getAttribute("viewBox").split(" ")[3]);
  const start = BigInt(zoomed.dataset.start);
  const length = Number(BigInt(zoomed.dataset.end) - start);
  let left = 0;
  let wide = whole;
  const clock = (part) => {
    const time = start + BigInt(Math.round(length * part));
    const text = new Date(Number(time / 1000000n)).toISOString();
    const micro = String(Number(time % 1000000000n)).padStart(9, "0").slice(0, 6);
    return length * wide / whole > 6e10 ? text.slice(11, 19) : `${text.slice(11, 19)}.${micro.slice(0, length * wide / whole > 1e9 ? 3 : 6)}`;
  };
  const draw = () => {
    wide = Math.min(whole, Math.max(whole / 4096, wide));
    left = Math.min(whole - wide, Math.max(0, left));
    zoomed.setAttribute("viewBox", `${left} 0 ${wide} ${height}`);
    document.querySelectorAll("#timeline-picture .ticks text").forEach((tick, place) => {
      tick.textContent = clock((left + wide * place / 4) / whole);
    });
    const all = wide === whole;
    shownTime.start = all ? -Infinity : length * left / whole;
    shownTime.end = all ? Infinity : length * (left + wide) / whole;
    document.getElementById("shown-time").textContent = all
      ? said.dataset.whole
      : told(said.dataset.span, { first: clock(left / whole), last: clock((left + wide) / whole) });
    const table = document.getElementById("exchanges-table");
    if (table) { refilter(table); }
  };
  const zoom = (factor, around = 0.5) => {
    const centre = left + wide * around;
    wide = Math.min(whole, Math.max(whole / 4096, wide * factor));
    left = centre - wide * around;
    draw();
  };
  const actions = {
    in: () => zoom(0.5), out: () => zoom(2), all: () => { left = 0; wide = whole; draw(); },
    back: () => { left -= wide / 4; draw(); }, on: () => { left += wide / 4; draw(); },
  };
  for (const button of document.querySelectorAll("button[data-zoom]")) {
    button.closest(".tools").hidden = false;
    button.addEventListener("click", actions[button.dataset.zoom]);
  }
  const picture = document.getElementById("timeline-picture");
  picture.addEventListener("keydown", (event) => {
    const action = { "+": "in", "=": "in", "-": "out", "0": "all", ArrowLeft: "back", ArrowRight: "on" }[event.key];
    if (action && !event.ctrlKey && !event.metaKey && !event.altKey) { event.preventDefault(); actions[action](); }
  });
  picture.addEventListener("wheel", (event) => {
    if (!event.ctrlKey && !event.shiftKey) { return; }
    event.preventDefault();
    const box = zoomed.getBoundingClientRect();
    zoom((event.deltaY || event.deltaX) > 0 ? 1.25 : 0.8, (event.clientX - box.left) / box.width);
  }, { passive: false });
}
