// The grid as it is now: the part of the page that changes is fetched anew, and operations with it.
import { el, json, localise, number, size } from "./common.js";

const INTERVAL = 4000;
let before = null;

async function refresh() {
  const answer = await fetch("/ui/grid", { cache: "no-store" });
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const [now, next] = [document.getElementById("live"), page.getElementById("live")];
  localise(next);
  if (now.textContent !== next.textContent) now.replaceWith(document.adoptNode(next));
}

function table(operations) {
  if (!operations.length) return el("p", { class: "quiet" }, "Nothing.");
  const progress = (one) => one.progress ?? one["progress-encode-push"];
  const rows = operations.slice(0, 30).map((one) => el("tr", {},
    el("td", {}, one.type),
    el("td", { class: "number" }, typeof one["total-size"] === "number" ? size(one["total-size"]) : "–"),
    el("td", { class: "number" }, progress(one) == null ? "–" : `${number(100 * progress(one))} %`),
    el("td", {}, one.status)));
  const heads = ["What", "Size", "Done", "State"].map((text, at) =>
    el("th", { scope: "col", class: at === 1 || at === 2 ? "number" : null }, text));
  return el("div", { class: "scroll", tabIndex: 0, role: "region", "aria-label": "Operations" },
    el("table", { class: "list" }, el("thead", {}, el("tr", {}, ...heads)), el("tbody", {}, ...rows)));
}

// Bytes that operations under way have moved.
const moved = (operations) => operations.reduce((sum, one) => sum +
  (Number(one["total-size"]) || 0) * (one.progress ?? one["progress-encode-push"] ?? 0), 0);

async function operations() {
  const { active, recent } = await json("/status?t=json");
  const now = { at: performance.now(), moved: moved(active) };
  const rate = before && 1000 * (now.moved - before.moved) / (now.at - before.at);
  before = now;
  document.getElementById("rates").textContent = active.length
    ? `${active.length} under way${rate > 0 ? `, ${size(rate)} a second` : ""}.` : "Nothing is under way.";
  document.getElementById("active").replaceChildren(...(active.length ? [table(active)] : []));
  document.getElementById("lately").replaceChildren(table(recent));
  document.getElementById("operations").hidden = false;
}

async function tick() {
  // What fails now may work the next time.
  if (!document.hidden) await Promise.allSettled([refresh(), operations()]);
  setTimeout(tick, INTERVAL);
}

if (document.getElementById("live")) tick();
