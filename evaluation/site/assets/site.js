"use strict";
// Filters and sorts what is there; every page is whole without it. The view is in the address.
(function () {
  const state = new URLSearchParams(location.hash.slice(1));
  const keep = () => history.replaceState(null, "", state.size ? "#" + state : location.pathname.split("/").pop() || ".");
  document.querySelectorAll("table[data-filter]").forEach((table) => {
    const body = table.tBodies[0], what = table.dataset.filter, key = table.dataset.sort || what;
    const field = document.createElement("input");
    field.type = "search"; field.className = "filter";
    field.placeholder = field.ariaLabel = "Filter " + what;
    const note = document.createElement("p");
    note.className = "scope"; note.setAttribute("role", "status");
    const frame = table.closest(".scroll");
    frame.before(field, note);
    const apply = () => {
      const words = field.value.toLowerCase().split(/\s+/).filter(Boolean);
      let shown = 0;
      for (const row of body.rows) {
        const text = row.textContent.toLowerCase();
        row.hidden = !words.every((word) => text.includes(word));
        shown += !row.hidden;
      }
      note.textContent = words.length ? shown + " of " + body.rows.length + " " + what : "";
    };
    field.addEventListener("input", () => {
      if (field.value) state.set(key, field.value); else state.delete(key);
      apply(); keep();
    });
    field.value = state.get(key) || "";
    apply();
  });
  document.querySelectorAll("table[data-sort]").forEach((table) => {
    const body = table.tBodies[0], heads = [...table.tHead.rows[0].cells], key = "sort-" + table.dataset.sort;
    const value = (row, i) => {
      const text = row.cells[i].dataset.value ?? row.cells[i].textContent.trim();
      const number = Number(text);
      return text !== "" && !Number.isNaN(number) ? number : text.toLowerCase();
    };
    const sort = (i, down) => {
      const rows = [...body.rows].sort((a, b) => {
        const x = value(a, i), y = value(b, i);
        if (x === "" || y === "") return (x === "") - (y === "");
        const order = typeof x === typeof y ? (x > y) - (x < y) : typeof x === "number" ? -1 : 1;
        return down ? -order : order;
      });
      body.append(...rows);
      heads.forEach((head, j) => j === i ? head.setAttribute("aria-sort", down ? "descending" : "ascending") : head.removeAttribute("aria-sort"));
    };
    heads.forEach((head, i) => {
      if (head.dataset.fixed !== undefined) return;
      const button = document.createElement("button");
      button.type = "button"; button.append(...head.childNodes); head.append(button);
      button.addEventListener("click", () => {
        const down = head.getAttribute("aria-sort") ? head.getAttribute("aria-sort") === "ascending" : head.classList.contains("number");
        sort(i, down);
        state.set(key, (down ? "-" : "") + i); keep();
      });
    });
    const asked = state.get(key);
    if (asked && heads[Math.abs(asked)]) sort(Math.abs(asked), asked.startsWith("-"));
  });
})();
