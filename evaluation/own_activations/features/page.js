"use strict";
// Everything shown comes from data: it is set as text, never as markup.
const ROW = 46, SPARE = 10;
const $ = (id) => document.getElementById(id);
const make = (tag, text, className) => {
  const node = document.createElement(tag);
  if (text !== undefined) node.textContent = text;
  if (className) node.className = className;
  return node;
};
const unpack = async (id) => {
  const bytes = Uint8Array.from(atob($(id).textContent), (c) => c.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(stream).json();
};
const chunks = new Map();
const chunk = (number) => {
  if (!chunks.has(number)) chunks.set(number, unpack(`chunk-${number}`));
  return chunks.get(number);
};
const percent = (share) => (share >= 0.001 ? `${(100 * share).toPrecision(2)} %` : share.toExponential(1));

let index, all, shown, place = -1;

const ORDERS = {
  "as given": null,
  "most often active": (a, b) => all.share[b] - all.share[a],
  "most rarely active": (a, b) => all.share[a] - all.share[b],
  "strongest": (a, b) => all.largest[b] - all.largest[a],
  "most confident": (a, b) => (all.confidence[b] ?? -1) - (all.confidence[a] ?? -1),
  "best told label": (a, b) => all.auc[b] - all.auc[a],
};

function choose() {
  const words = $("search").value.toLowerCase().split(/\s+/).filter(Boolean);
  const at = shown?.[place];
  shown = all.id.map((_, i) => i).filter((i) => words.every((w) => all.found[i].includes(w)));
  const order = ORDERS[$("sort").value];
  if (order) shown.sort((a, b) => order(a, b) || a - b);
  place = shown.indexOf(at);
  $("count").textContent = `${shown.length} of ${all.id.length}`;
  $("space").style.height = `${shown.length * ROW}px`;
  $("rows").scrollTop = Math.max(0, place * ROW - 2 * ROW);
  draw();
}

function draw() {
  const box = $("rows"), first = Math.max(0, Math.floor(box.scrollTop / ROW) - SPARE);
  const last = Math.min(shown.length, first + Math.ceil(box.clientHeight / ROW) + 2 * SPARE);
  $("space").replaceChildren(...shown.slice(first, last).map((i, step) => {
    const row = make("div", undefined, "row");
    row.style.top = `${(first + step) * ROW}px`;
    row.setAttribute("role", "option");
    row.setAttribute("aria-selected", String(first + step === place));
    const head = make("div");
    head.append(make("span", percent(all.share[i]), "number"), make("b", `feature ${all.id[i]}`));
    const label = all.labels[i].length ? `  [${all.labels[i][0]}]` : "";
    row.append(head, make("div", (all.words[i] || "never active") + label, "soft"));
    row.onclick = () => go(first + step);
    return row;
  }));
}

function go(next) {
  if (!shown.length) return;
  place = Math.min(Math.max(next, 0), shown.length - 1);
  const box = $("rows"), top = place * ROW;
  if (top < box.scrollTop) box.scrollTop = top;
  if (top + ROW > box.scrollTop + box.clientHeight) box.scrollTop = top + ROW - box.clientHeight;
  draw();
  history.replaceState(null, "", `#${all.id[shown[place]]}`);
  show(shown[place]);
}

function open(id) {
  const i = all.id.indexOf(id);
  if (i < 0) return;
  if (!shown.includes(i)) { $("search").value = ""; choose(); }
  go(shown.indexOf(i));
}

async function show(i) {
  const found = (await chunk(Math.floor(i / index.chunk)))[i % index.chunk];
  if (shown[place] !== i) return; // another was opened meanwhile
  document.body.classList.add("open");
  const back = make("button", "‹ all features");
  back.id = "back";
  back.onclick = () => document.body.classList.remove("open");
  const facts = make("p", undefined, "facts soft");
  const fact = (name, value) => {
    const part = make("span", `${name} `);
    part.append(make("b", value));
    facts.append(part);
  };
  fact("active in", `${percent(all.share[i])} of samples`);
  fact("strongest", String(all.largest[i]));
  fact("confidence", all.confidence[i] === null ? "not given" : String(all.confidence[i]));
  $("feature").replaceChildren(back, make("h2", `Feature ${all.id[i]}`), facts,
    ...activations(found.histogram), ...labels(found.labels), ...neighbours(found.near), ...texts(found.texts));
  $("feature").scrollTop = 0;
}

function activations({ low, high, counts }) {
  if (!counts.length) return [];
  const most = Math.max(...counts), bars = make("div", undefined, "bars");
  bars.setAttribute("role", "img");
  bars.setAttribute("aria-label", `Histogram of activations from ${low} to ${high}, square-root scale`);
  for (const count of counts) {
    const bar = make("i");
    bar.style.height = count ? `${100 * Math.sqrt(count / most)}%` : "0";
    if (!count) bar.style.minHeight = "0";
    bar.title = String(count);
    bars.append(bar);
  }
  const ends = make("div", undefined, "ends");
  ends.append(make("span", String(low)), make("span", String(high)));
  return [make("h3", "Activations, where it is active (heights: square roots of counts)"), bars, ends];
}

function labels(told) {
  if (!index.labels) return [];
  const list = make("div");
  for (const [name, auc] of told) list.append(make("span", `${name} (AUC ${auc})`, "label"));
  if (!told.length) list.append(make("span", "none beyond chance", "soft"));
  return [make("h3", "Labels it predicts"), list];
}

function neighbours(near) {
  const list = make("div");
  for (const [id, cosine] of near) {
    const button = make("button", `${id}  ${cosine.toFixed(2)}`);
    button.onclick = () => open(id);
    button.disabled = !all.id.includes(id);
    list.append(button);
  }
  return near.length ? [make("h3", "Nearest features, by cosine"), list] : [];
}

function texts(found) {
  const parts = found.map((one) => {
    const text = make("div", undefined, "text");
    text.append(make("small", `${one.value}, text ${one.text}`));
    if (one.cut[0]) text.append("… ");
    one.pieces.forEach((piece, i) => {
      const span = make("span", piece), shade = one.shades[i];
      if (shade === null) span.className = "none";
      else if (shade) {
        span.style.backgroundColor = `rgba(var(--${shade > 0 ? "on" : "off"}), ${0.08 + 0.72 * Math.abs(shade) / 100})`;
        span.title = `${shade} % of its strongest activation`;
      }
      if (i === one.at && one.pieces.length > 1) span.classList.add("at");
      text.append(span);
    });
    if (one.cut[1]) text.append(" …");
    return text;
  });
  return [make("h3", found.length ? index.heading : "Never active on these samples"), ...parts];
}

function key(event) {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const typing = event.target === $("search");
  if (event.key === "Escape") {
    if (typing) $("rows").focus();
    else document.body.classList.remove("open");
  } else if (typing && event.key === "Enter") { $("rows").focus(); go(Math.max(place, 0)); }
  else if (event.target.tagName === "SELECT" || (typing && !event.key.startsWith("Arrow"))) return;
  else if (event.key === "/") $("search").focus();
  else if (event.key === "j" || event.key === "ArrowDown") go(place + 1);
  else if (event.key === "k" || event.key === "ArrowUp") go(place - 1);
  else if (event.key === "Home") go(0);
  else if (event.key === "End") go(shown.length - 1);
  else return;
  event.preventDefault();
}

async function start() {
  if (!("DecompressionStream" in window)) {
    $("feature").textContent = "This browser cannot unpack the data: use one of 2023 or later.";
    return;
  }
  index = await unpack("index");
  all = index.features;
  all.found = all.id.map((id, i) => `${id} ${all.words[i]} ${all.labels[i].join(" ")}`.toLowerCase());
  $("notes").textContent = index.notes.join("  ·  ");
  for (const name of Object.keys(ORDERS)) $("sort").append(make("option", name));
  choose();
  $("search").oninput = $("sort").onchange = choose;
  $("rows").onscroll = draw;
  addEventListener("resize", draw);
  addEventListener("keydown", key);
  addEventListener("hashchange", () => open(Number(location.hash.slice(1))));
  if (location.hash) open(Number(location.hash.slice(1)));
  else if (innerWidth > 700 && shown.length) go(0);
}
start();
