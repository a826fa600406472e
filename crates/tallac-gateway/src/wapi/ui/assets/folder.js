// A folder: its list, and what can be done with it.
import { announce, attempt, el, encode, icon, json, number, remember, size, time, toast } from "./common.js";
import { Actions, askAboutTaken, freeName } from "./actions.js";
import { Rows } from "./table.js";
import { share, showCode } from "./share.js";

const box = document.getElementById("folder");
const { cap, here, name: folderName } = box.dataset;
const writeable = box.dataset.writeable === "true";
const byId = (id) => document.getElementById(id);
const collator = new Intl.Collator(undefined, { numeric: true, sensitivity: "base" });

const KINDS = [
  [/\.(png|jpe?g|gif|webp|avif|svg|bmp|ico|tiff?|heic)$/i, "picture", "Picture"],
  [/\.(mp3|m4a|ogg|opus|flac|wav|aac)$/i, "sound", "Sound"],
  [/\.(mp4|m4v|webm|mkv|mov|avi|ogv)$/i, "video", "Video"],
  [/\.pdf$/i, "text", "PDF"],
  [/\.(txt|md|csv|log|json|xml|html?|css|js|rs|py|c|h|toml|ya?ml|sh|ini|cfg)$/i, "text", "Text"],
];

function kindOf(name, [kind]) {
  if (kind === "dirnode") return ["folder", "Folder"];
  if (kind !== "filenode") return ["unknown", "Unknown"];
  const found = KINDS.find(([pattern]) => pattern.test(name));
  return found ? found.slice(1) : ["file", "File"];
}

const state = { entries: [], sort: "name", down: false, filter: "", chosen: new Set() };
const rows = new Rows(document.querySelector("#list tbody"), row);
const actions = new Actions(cap, load);

async function load() {
  const answer = await attempt(() => json(`/uri/${encode(cap)}?t=json`));
  if (!answer) return;
  performance.mark("listing-arrived");
  state.entries = Object.entries(answer[1].children).map(([name, node]) => {
    const [pic, kind] = kindOf(name, node);
    const { size: bytes, metadata } = node[1];
    return { name, node, pic, kind, size: bytes ?? null, modified: metadata?.tahoe?.linkmotime ?? metadata?.mtime };
  });
  const names = new Set(state.entries.map((entry) => entry.name));
  state.chosen = new Set([...state.chosen].filter((name) => names.has(name)));
  show();
  performance.mark("listing-shown");
}

const KEYS = {
  name: (a, b) => collator.compare(a.name, b.name),
  size: (a, b) => (a.size ?? -1) - (b.size ?? -1),
  modified: (a, b) => (a.modified ?? 0) - (b.modified ?? 0),
  kind: (a, b) => collator.compare(a.kind, b.kind),
};

function show() {
  const wanted = state.filter.toLocaleLowerCase();
  const visible = state.entries.filter((entry) => entry.name.toLocaleLowerCase().includes(wanted));
  const sign = state.down ? -1 : 1;
  const isFile = (entry) => (entry.pic === "folder" ? 0 : 1);
  visible.sort((a, b) => isFile(a) - isFile(b) || sign * KEYS[state.sort](a, b) || KEYS.name(a, b));
  state.visible = visible;
  rows.set(visible);
  const [count, all] = [visible.length, state.entries.length];
  byId("count").textContent = !all ? (writeable ? "Nothing is here yet. Drag files here, or upload some." : "Nothing is here.")
    : wanted ? `${number(count)} of ${number(all)} entries` : `${number(all)} ${all === 1 ? "entry" : "entries"}`;
  byId("list").hidden = !all;
  for (const head of document.querySelectorAll("#list th[data-sort]")) {
    const mine = head.dataset.sort === state.sort;
    head.setAttribute("aria-sort", mine ? (state.down ? "descending" : "ascending") : "none");
    head.querySelector(".way").textContent = mine ? (state.down ? " ↓" : " ↑") : "";
  }
  showSelection();
}

function row(entry) {
  const { name, node, pic, kind } = entry;
  const chosen = state.chosen.has(name);
  const page = `${here}${encode(name)}${pic === "folder" ? "/" : ""}`;
  const content = node[0] === "filenode" && `/named/${encode(node[1].ro_uri)}/@@named=/${encode(name)}`;
  return el("tr", { class: pic, "aria-selected": String(chosen) },
    el("td", { class: "pick" }, el("input", {
      type: "checkbox", checked: chosen, "aria-label": `Select ${name}`,
      onchange: (event) => choose(entry, event.target.checked),
    })),
    el("td", { class: "name", title: name }, icon(pic), node[0] === "unknown" ? name : el("a", { href: page }, name)),
    el("td", { class: "number" }, size(entry.size)),
    el("td", { class: "when" }, time(entry.modified)),
    el("td", { class: "kind" }, kind),
    el("td", { class: "do" },
      content && el("a", { class: "icon-button", href: `${content}?save=true`, "aria-label": `Download ${name}` }, icon("download")),
      el("button", {
        type: "button", class: "icon-button", "aria-label": `Actions for ${name}`, "aria-haspopup": "menu",
        onclick: (event) => menu(event.currentTarget, entry, page, content),
      }, icon("more"))));
}

function choose(entry, on) {
  if (on) state.chosen.add(entry.name); else state.chosen.delete(entry.name);
  const active = document.activeElement;
  active?.closest("tr")?.setAttribute("aria-selected", String(on));
  showSelection();
}

function showSelection() {
  const bar = byId("selection");
  const entries = state.entries.filter((entry) => state.chosen.has(entry.name));
  const wasHidden = bar.hidden;
  bar.hidden = !entries.length;
  byId("pick-all").checked = entries.length > 0 && entries.length === state.visible.length;
  if (!entries.length) { bar.replaceChildren(); return; }
  const button = (label, onclick, danger) => el("button", { type: "button", class: danger ? "danger" : null, onclick }, label);
  bar.replaceChildren(el("strong", {}, `${number(entries.length)} selected`),
    ...(writeable ? [button("Move…", () => actions.move(entries))] : []),
    button("Copy…", () => actions.copy(entries)),
    ...(writeable ? [button("Delete", () => actions.remove(entries), true)] : []),
    button("Clear", () => { state.chosen.clear(); show(); byId("pick-all").focus(); }));
  if (wasHidden) announce("Something is selected. Actions for it are above the list.");
}

function menu(button, entry, page, content) {
  const item = (label, pic, run) => el("button", {
    type: "button", role: "menuitem", onclick: () => { list.hidePopover(); run(); },
  }, icon(pic), label);
  const link = (label, pic, href) => el("a", { role: "menuitem", href }, icon(pic), label);
  const best = entry.node[1].rw_uri ?? entry.node[1].ro_uri;
  const list = el("div", { class: "menu", popover: "auto", role: "menu", "aria-label": `Actions for ${entry.name}` },
    link("Open", entry.pic, page),
    content ? link("Download", "download", `${content}?save=true`)
      : link("Download as zip", "download", page.replace("/ui/open/", "/ui/zip/")),
    item("Share…", "share", () => share(entry.name, best)),
    writeable && item("Rename…", "text", () => actions.rename(entry)),
    writeable && item("Move…", "folder", () => actions.move([entry])),
    item("Copy…", "plus", () => actions.copy([entry])),
    writeable && item("Delete", "trash", () => actions.remove([entry])));
  list.addEventListener("toggle", (event) => {
    if (event.newState === "closed") { list.remove(); if (document.activeElement === document.body) button.focus(); }
  });
  list.addEventListener("keydown", (event) => {
    const items = [...list.children];
    const at = items.indexOf(document.activeElement);
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: items.length - 1 }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    items.at(to % items.length).focus();
  });
  button.after(list);
  list.showPopover();
  const [at, mine] = [button.getBoundingClientRect(), list.getBoundingClientRect()];
  list.style.left = `${Math.max(8, Math.min(at.right - mine.width, innerWidth - mine.width - 8))}px`;
  list.style.top = `${at.bottom + mine.height > innerHeight ? Math.max(8, at.top - mine.height) : at.bottom}px`;
  list.firstChild.focus();
}

let uploads = null;
async function upload(found) {
  if (!found.files.length && !found.folders.length) return;
  const module = await import("./uploads.js");
  uploads ??= new module.Uploads(byId("transfers"), cap, load);
  const taken = new Set(state.entries.map((entry) => entry.name));
  const tops = [...new Set([...found.files.map(({ file, path }) => path[0] ?? file.name), ...found.folders.map((path) => path[0])])];
  const there = tops.filter((name) => taken.has(name));
  const answer = there.length ? await askAboutTaken(there) : "replace";
  if (!answer) return;
  const renamed = new Map(there.map((name) => [name, freeName(name, taken)]));
  const rename = answer === "both" ? (name) => renamed.get(name) ?? name : undefined;
  uploads.add(found, there.length > 0 && answer === "replace", rename);
}

function pick(folder) {
  const input = el("input", { type: "file", multiple: true, hidden: true, webkitdirectory: folder, class: "picked" });
  input.addEventListener("change", async () => {
    const { picked } = await import("./uploads.js");
    input.remove();
    upload(picked(input.files));
  });
  document.body.append(input);
  input.click();
}

function dragging() {
  const hasFiles = (event) => [...(event.dataTransfer?.types ?? [])].includes("Files");
  addEventListener("dragover", (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    box.classList.add("dropping");
  });
  addEventListener("dragleave", (event) => { if (!event.relatedTarget) box.classList.remove("dropping"); });
  addEventListener("drop", async (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    box.classList.remove("dropping");
    // The module has to be there already: what was dropped is gone after the first wait.
    const found = gather(event.dataTransfer);
    upload(await found);
  });
}

let gather = () => ({ files: [], folders: [] });
if (writeable) {
  import("./uploads.js").then((module) => { gather = module.gather; dragging(); box.dataset.ready = ""; });
}

async function checkFolder(repair) {
  const { checkAll } = await import("./health.js");
  const out = byId("check-result") ?? el("section", { id: "check-result", class: "card", "aria-live": "polite" });
  document.querySelector("#folder .toolbar").after(out);
  const bad = await attempt(() => checkAll(cap, out, { repair }));
  if (bad && !repair) {
    out.append(el("button", { type: "button", class: "primary", onclick: () => checkFolder(true) }, "Repair all of them"));
  }
}

for (const head of document.querySelectorAll("#list th[data-sort]")) {
  const key = head.dataset.sort;
  const label = head.textContent;
  head.replaceChildren(el("button", {
    type: "button",
    onclick: () => { state.down = state.sort === key && !state.down; state.sort = key; show(); },
  }, label, el("span", { class: "way", "aria-hidden": "true" })));
}
byId("pick-all").addEventListener("change", (event) => {
  state.chosen = event.target.checked ? new Set(state.visible.map((entry) => entry.name)) : new Set();
  show();
});
byId("filter").addEventListener("input", (event) => { state.filter = event.target.value; show(); });
byId("share").addEventListener("click", () => share(folderName, cap));
byId("check").addEventListener("click", () => checkFolder(false));
byId("upload-files")?.addEventListener("click", () => pick(false));
byId("upload-folder")?.addEventListener("click", () => pick(true));
byId("new-folder")?.addEventListener("click", () => actions.newFolder());
byId("show-qr")?.addEventListener("click", () => showCode(folderName, cap));
byId("remember")?.addEventListener("click", () => {
  remember(folderName, cap);
  toast("Remembered in this browser. You find it on the first page.");
});

await load();
box.dataset.loaded = "";
