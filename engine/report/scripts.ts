/** Sorts tables by the heads that have a button; without it they are in the order they came in. */
export const sortScript = `
"use strict";
for (const table of document.querySelectorAll("table.sortable")) {
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const up = head.getAttribute("aria-sort") !== "ascending";
      for (const other of heads) other.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", up ? "ascending" : "descending");
      const value = ({cells}) => cells[column]?.dataset.value ?? cells[column]?.textContent.trim() ?? "";
      const rows = [...table.tBodies[0].rows].sort((a, b) => {
        const [x, y] = [value(a), value(b)];
        if (x === "" || y === "") return x === y ? 0 : x === "" ? 1 : -1;
        const order = !isNaN(x) && !isNaN(y) ? x - y : x.localeCompare(y, "en", {numeric: true});
        return up ? order : -order;
      });
      table.tBodies[0].append(...rows);
    });
  });
}
`;

/** The same, and the page's content is replaced by what the server sends. */
export const liveScript = `${sortScript}
const source = new EventSource("events");
source.addEventListener("page", (event) => {
  const open = [...document.querySelectorAll("details[open]")].map((one) => one.id);
  const {title, body} = JSON.parse(event.data);
  document.title = title;
  document.getElementById("page").innerHTML = body;
  for (const id of open) if (id !== "") document.getElementById(id)?.setAttribute("open", "");
});
source.addEventListener("end", () => source.close());
`;
