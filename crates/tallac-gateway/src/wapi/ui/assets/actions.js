// What can be done with what is in a folder, each with a way back.
import { api, ask, attempt, buttons, dialog, el, encode, fields, icon, json, number, toast } from "./common.js";

const post = (cap, values) => api("POST", `/uri/${encode(cap)}`, fields(values));
const some = (entries) => (entries.length === 1 ? `“${entries[0].name}”` : `${number(entries.length)} entries`);

export class Actions {
  constructor(cap, changed) {
    this.cap = cap;
    this.changed = changed;
  }

  // Does something with each of some things, shows the folder anew, and offers the way back for
  // those with which it was done, even if it could not be done with all.
  async #do(each, work, said, undo) {
    const done = [];
    let failure = null;
    try {
      for (const one of each) {
        await work(one);
        done.push(one);
      }
    } catch (error) {
      failure = error;
    }
    await this.changed();
    if (failure && !done.length) {
      toast(failure.message, { bad: true });
      return;
    }
    const text = failure
      ? `${failure.message} It was done with ${number(done.length)} of ${number(each.length)}.` : said;
    toast(text, {
      bad: failure != null,
      undo: undo && (async () => {
        if (await attempt(async () => { await undo(done); return true; })) toast("Undone.");
        await this.changed();
      }),
    });
  }

  async newFolder() {
    const name = await ask("New folder", "Name", "", "Make it");
    if (name == null) return;
    await this.#do([name], () => post(this.cap, { t: "mkdir", name, replace: "false" }),
      `“${name}” is there.`, null);
  }

  async rename({ name }) {
    const to = await ask(`Rename “${name}”`, "New name", name, "Rename");
    if (to == null || to === name) return;
    const move = (from, next) => post(this.cap,
      { t: "rename", from_name: from, to_name: next, replace: "false" });
    await this.#do([name], () => move(name, to), `“${name}” is now “${to}”.`, () => move(to, name));
  }

  async remove(entries) {
    await this.#do(entries, ({ name }) => post(this.cap, { t: "unlink", name }),
      `${some(entries)} deleted from this folder.`, (done) => {
        const children = Object.fromEntries(done.map(({ name, node }) => [name, node]));
        const path = `/uri/${encode(this.cap)}?t=set_children&replace=false`;
        return api("POST", path, JSON.stringify(children));
      });
  }

  async move(entries) {
    const to = await pickFolder(`Move ${some(entries)}`, "Move here", this.cap);
    if (!to) return;
    const move = (from, { name }, target) => post(from,
      { t: "relink", from_name: name, to_name: name, to_dir: target, replace: "false" });
    await this.#do(entries, (entry) => move(this.cap, entry, to.cap),
      `${some(entries)} moved to ${to.name}.`, async (done) => {
        for (const entry of done) await move(to.cap, entry, this.cap);
      });
  }

  async copy(entries) {
    const shared = entries.some(({ node }) => node[1].mutable);
    const to = await pickFolder(`Copy ${some(entries)}`, "Copy here", null, shared
      ? "What can change is not doubled: both places show the same folder or file." : null);
    if (!to) return;
    const listing = await attempt(() => json(`/uri/${encode(to.cap)}?t=json`));
    if (!listing) return;
    const taken = new Set(Object.keys(listing[1].children));
    const copies = entries.map(({ name, node }) => {
      const free = freeName(name, taken);
      taken.add(free);
      return { name: free, uri: node[1].rw_uri ?? node[1].ro_uri };
    });
    await this.#do(copies, ({ name, uri }) => post(to.cap, { t: "uri", name, uri, replace: "false" }),
      `${some(entries)} copied to ${to.name}.`, async (done) => {
        for (const { name } of done) await post(to.cap, { t: "unlink", name });
      });
  }
}

// The name, or the first that nothing has: "a (2).txt".
export function freeName(name, taken) {
  if (!taken.has(name)) return name;
  const dot = name.lastIndexOf(".");
  const [stem, end] = dot > 0 ? [name.slice(0, dot), name.slice(dot)] : [name, ""];
  for (let at = 2; ; at += 1) if (!taken.has(`${stem} (${at})${end}`)) return `${stem} (${at})${end}`;
}

// A folder on the way to this one, or below one of those.
async function pickFolder(title, yes, not, note) {
  const path = location.pathname.split("/").slice(3).filter(Boolean).map(decodeURIComponent);
  let here = null;
  const list = el("ul", { class: "picker", tabIndex: -1 });
  const where = el("p", { class: "quiet", "aria-live": "polite" });
  const all = buttons(yes);
  const go = all.lastChild;
  const show = () => attempt(async () => {
    go.disabled = true;
    const [, folder] = await json(`/uri/${path.map(encode).join("/")}/?t=json`);
    const name = path.length > 1 ? path.at(-1) : "the first folder";
    here = { cap: folder.rw_uri, name };
    where.textContent = path.length > 1 ? `In ${path.slice(1).join(" › ")}` : "In the first folder";
    const row = (label, pic, onclick) => el("li", {}, el("button", { type: "button", onclick }, icon(pic), label));
    const inside = Object.entries(folder.children)
      .filter(([, [kind, info]]) => kind === "dirnode" && info.rw_uri)
      .map(([child]) => row(child, "folder", () => { path.push(child); show(); }));
    if (path.length > 1) inside.unshift(row("Up", "upload", () => { path.pop(); show(); }));
    list.replaceChildren(...(inside.length ? inside : [el("li", { class: "quiet" }, "No folders in here.")]));
    go.disabled = !here.cap || here.cap === not;
  });
  const chosen = dialog(title, () => [note && el("p", {}, note), where, list, all].filter(Boolean));
  show();
  return (await chosen) === "yes" ? here : null;
}

// What is to be done with names that are taken; "" if nothing.
export function askAboutTaken(names) {
  const what = names.length === 1 ? `“${names[0]}” is` : `${number(names.length)} of these names are`;
  return dialog("Already there", () => [
    el("p", {}, `${what} in this folder already. Replaced files stay readable only by their old links; folders are put together.`),
    el("div", { class: "buttons" }, el("button", { value: "" }, "Cancel"),
      el("button", { value: "both" }, "Keep both"),
      el("button", { value: "replace", class: "danger" }, "Replace"))]);
}
