// Times: the server prints UTC in <time datetime="…Z" data-time="clock|minute|moment|date|day|full">
// (or data-datetime, in SVG); here they become the reader's zone, unless the page's address says
// tz=utc (data-utc on <html>). Of data-once times that follow one another equal ones are hidden.

const pad = (/** @type {number} */ number, width = 2) => String(number).padStart(width, "0");
const DAYS = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/** @type {Record<string, (date: Date) => string>} */
const PRINT = {
  clock: (date) =>
    `${pad(date.getHours())}:${pad(date.getMinutes())}:${pad(date.getSeconds())}.${pad(date.getMilliseconds(), 3)}`,
  minute: (date) => `${pad(date.getHours())}:${pad(date.getMinutes())}`,
  moment: (date) => `${pad(date.getMonth() + 1)}-${pad(date.getDate())} ${PRINT.minute(date)}`,
  date: (date) => `${date.getFullYear()}-${pad(date.getMonth() + 1)}-${pad(date.getDate())}`,
  day: (date) =>
    `${DAYS[date.getDay()]} ${date.getDate()} ${MONTHS[date.getMonth()]} ${date.getFullYear()}`,
  full: (date) => `${PRINT.date(date)} ${PRINT.clock(date)}`,
};

/** Turn the times inside an element into local ones. @param {ParentNode} root */
export function localise(root) {
  if ("utc" in document.documentElement.dataset) return;
  for (const found of root.querySelectorAll("[data-time]:not([data-local])")) {
    const element = /** @type {HTMLElement} */ (found);
    const date = new Date(element.getAttribute("datetime") ?? element.dataset.datetime ?? "");
    if (Number.isNaN(date.getTime())) continue;
    element.textContent = PRINT[element.dataset.time ?? "full"]?.(date) ?? element.textContent;
    element.dataset.local = "";
  }
  let above = "";
  for (const time of root.querySelectorAll("[data-once]")) {
    time.classList.toggle("is-same", time.textContent === above);
    above = time.textContent ?? "";
  }
  for (const zone of root.querySelectorAll("[data-zone-name]")) {
    zone.textContent = Intl.DateTimeFormat().resolvedOptions().timeZone;
  }
}

localise(document);
// htmx swaps whole partials; what came in is unmarked, so looking again is cheap and sure.
document.addEventListener("htmx:after:swap", () => localise(document));
