// What all pages need: the reader's way of writing numbers and times, words to the screen reader,
// small messages, dialogs, and the web API.

document.documentElement.classList.add("scripted");

const numbers = new Intl.NumberFormat(undefined, { maximumFractionDigits: 1 });
const dates = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });
const UNITS = ["byte", "kilobyte", "megabyte", "gigabyte", "terabyte", "petabyte"];
const sizes = UNITS.map((unit, at) => new Intl.NumberFormat(undefined, {
  style: "unit", unit, unitDisplay: at ? "short" : "long", maximumFractionDigits: at ? 1 : 0,
}));

export function size(bytes) {
  if (bytes == null) return "–";
  let unit = 0;
  while (bytes >= 999.95 && unit + 1 < UNITS.length) { bytes /= 1000; unit += 1; }
  return sizes[unit].format(bytes);
}

export const number = (value) => numbers.format(value);
export const time = (seconds) => (seconds ? dates.format(new Date(seconds * 1000)) : "–");

export function span(seconds) {
  if (!Number.isFinite(seconds)) return "";
  const unit = seconds < 90 ? [1, "second"] : seconds < 5400 ? [60, "minute"] : [3600, "hour"];
  const value = Math.max(1, Math.round(seconds / unit[0]));
  return new Intl.NumberFormat(undefined, { style: "unit", unit: unit[1], unitDisplay: "long" })
    .format(value);
}

// Puts what the server wrote in its own way into the reader's.
export function localise(root = document) {
  for (const data of root.querySelectorAll("data[data-size]")) {
    data.textContent = size(Number(data.value));
  }
  for (const at of root.querySelectorAll("time[datetime]")) {
    at.textContent = dates.format(new Date(at.dateTime));
  }
}

// An element. Text is text: nothing here ever becomes markup.
export function el(name, properties = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (value == null || value === false) continue;
    if (key === "class") element.className = value;
    else if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else if (key in element && !key.includes("-")) element[key] = value;
    else element.setAttribute(key, value === true ? "" : value);
  }
  element.append(...children.filter((child) => child != null && child !== false));
  return element;
}

export function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  svg.setAttribute("viewBox", "0 0 24 24");
  const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
  use.setAttribute("href", `#i-${name}`);
  svg.append(use);
  return svg;
}

export function announce(text) {
  const live = document.getElementById("announce");
  live.textContent = "";
  requestAnimationFrame(() => { live.textContent = text; });
}

// A message that stays until it is put away or the next one comes: nobody has to hurry.
export function toast(text, { bad = false, undo = null } = {}) {
  const close = () => box.remove();
  const box = el("div", { class: bad ? "toast bad" : "toast", role: bad ? "alert" : "group" },
    el("span", {}, text),
    undo && el("button", { type: "button", onclick: async () => { close(); await undo(); } }, "Undo"),
    el("button", { type: "button", "aria-label": "Put this message away", onclick: close }, "✕"));
  document.getElementById("toasts").replaceChildren(box);
  announce(undo ? `${text} You can undo this.` : text);
}

export const encode = (text) => encodeURIComponent(text).replace(/[!'()*]/g,
  (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);

export class Refused extends Error {}
export class Unreachable extends Refused {}

// Asks the web API; what it refuses is told in its own words.
export async function api(method, path, body, signal) {
  let answer;
  try {
    answer = await fetch(path, { method, body, signal, cache: "no-store" });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Unreachable("The node does not answer. Is it running?");
  }
  const text = await answer.text();
  if (!answer.ok) throw new Refused(text.split("\n")[0].slice(0, 400) || `Status ${answer.status}`);
  return text;
}

export const json = async (path, signal) => JSON.parse(await api("GET", path, undefined, signal));

export function fields(values) {
  const form = new FormData();
  for (const [name, value] of Object.entries(values)) form.append(name, value);
  return form;
}

// Runs what may be refused, and says so.
export async function attempt(work) {
  try {
    return await work();
  } catch (error) {
    if (error.name !== "AbortError") toast(error.message, { bad: true });
    if (!(error instanceof Refused) && error.name !== "AbortError") console.error(error);
    return undefined;
  }
}

// A dialog with these contents; gives what it was closed with, or "" if it was put away.
export function dialog(title, build) {
  return new Promise((resolve) => {
    const heading = el("h2", { id: "dialog-title" }, title);
    const box = el("dialog", { "aria-labelledby": "dialog-title" });
    const before = document.activeElement;
    const form = el("form", { method: "dialog" });
    form.append(heading, ...build(box, form));
    box.append(form);
    box.addEventListener("close", () => {
      box.remove();
      before?.focus?.();
      resolve(box.returnValue);
    });
    document.body.append(box);
    box.showModal();
  });
}

export function buttons(yes, { danger = false } = {}) {
  return el("div", { class: "buttons" },
    el("button", { value: "", formNoValidate: true }, "Cancel"),
    el("button", { value: "yes", class: danger ? "danger" : "primary" }, yes));
}

// Asks for a line of text; `null` if nothing was given.
export async function ask(title, label, value = "", yes = "Save") {
  const input = el("input", { type: "text", id: "answer", value, required: true, autocomplete: "off" });
  const answer = dialog(title, (box, form) => {
    // Enter gives the answer, though "Cancel" comes first.
    form.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && event.target === input) {
        event.preventDefault();
        if (input.value.trim()) box.close("yes");
      }
    });
    return [el("label", { htmlFor: "answer" }, label), input, buttons(yes)];
  });
  input.focus();
  const end = value.lastIndexOf(".");
  input.setSelectionRange(0, end > 0 ? end : value.length);
  return (await answer) === "yes" && input.value.trim() ? input.value.trim() : null;
}

// Folders that the reader wanted remembered, in this browser only.
const KEY = "tallac-folders";
export const remembered = () => {
  try { return JSON.parse(localStorage.getItem(KEY)) ?? []; } catch { return []; }
};
export function remember(name, cap) {
  const others = remembered().filter((known) => known.cap !== cap);
  localStorage.setItem(KEY, JSON.stringify([{ name, cap }, ...others].slice(0, 50)));
}
export function forget(cap) {
  localStorage.setItem(KEY, JSON.stringify(remembered().filter((known) => known.cap !== cap)));
}

localise();
