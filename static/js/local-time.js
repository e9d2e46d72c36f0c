// Times: the server prints UTC in <time datetime="…Z" data-time="clock|day|short|full">; here they
// become the reader's zone, unless the page's address says tz=utc (data-utc on <html>).

const pad = (/** @type {number} */ number, width = 2) => String(number).padStart(width, "0");
const DAYS = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/** @type {Record<string, (date: Date) => string>} */
const PRINT = {
  clock: (date) =>
    `${pad(date.getHours())}:${pad(date.getMinutes())}:${pad(date.getSeconds())}.${pad(date.getMilliseconds(), 3)}`,
  minute: (date) => `${pad(date.getHours())}:${pad(date.getMinutes())}`,
  day: (date) =>
    `${DAYS[date.getDay()]} ${date.getDate()} ${MONTHS[date.getMonth()]} ${date.getFullYear()}`,
  full: (date) =>
    `${date.getFullYear()}-${pad(date.getMonth() + 1)}-${pad(date.getDate())} ${PRINT.clock(date)}`,
};

/** Turn the times inside an element into local ones. @param {ParentNode} root */
export function localise(root) {
  if ("utc" in document.documentElement.dataset) return;
  for (const time of root.querySelectorAll("time[data-time]:not([data-local])")) {
    const element = /** @type {HTMLTimeElement} */ (time);
    const date = new Date(element.dateTime);
    if (Number.isNaN(date.getTime())) continue;
    element.textContent = PRINT[element.dataset.time ?? "full"]?.(date) ?? element.textContent;
    element.dataset.local = "";
  }
  for (const zone of root.querySelectorAll("[data-zone-name]")) {
    zone.textContent = Intl.DateTimeFormat().resolvedOptions().timeZone;
  }
}

localise(document);
// htmx swaps whole partials; what came in is unmarked, so looking again is cheap and sure.
document.addEventListener("htmx:after:swap", () => localise(document));
