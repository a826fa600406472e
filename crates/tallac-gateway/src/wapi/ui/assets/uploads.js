// Files and whole folders on their way in: several at once, each with its state, all with a rate
// and the time that is left. Files are stored first and linked afterwards, many in one change of
// the folder.
import { announce, api, el, encode, icon, number, size, span, Refused, Unreachable } from "./common.js";

const AT_ONCE = 3;
const TRIES = 6;
const SHOWN = 60;

// What was dropped or picked, as files with the names of the folders that they are in.
export async function gather(transfer) {
  const files = [];
  const folders = [];
  const read = (reader) => new Promise((ok, bad) => reader.readEntries(ok, bad));
  const walk = async (entry, path) => {
    if (entry.isFile) {
      files.push({ file: await new Promise((ok, bad) => entry.file(ok, bad)), path });
      return;
    }
    folders.push([...path, entry.name]);
    const reader = entry.createReader();
    for (;;) {
      const some = await read(reader);
      if (!some.length) break;
      for (const one of some) await walk(one, [...path, entry.name]);
    }
  };
  // All items have to be taken before the first wait: the browser empties the list then.
  const items = [...transfer.items].filter((item) => item.kind === "file")
    .map((item) => [item.webkitGetAsEntry?.(), item.getAsFile()]);
  for (const [entry, file] of items) {
    if (entry) await walk(entry, []);
    else if (file) files.push({ file, path: [] });
  }
  return { files, folders };
}

export function picked(list) {
  const files = [...list].map((file) => ({
    file, path: (file.webkitRelativePath || "").split("/").slice(0, -1),
  }));
  return { files, folders: [] };
}

export class Uploads {
  constructor(box, cap, changed) {
    Object.assign(this, { box, cap, changed, tasks: [], running: 0, folders: new Map(), links: new Map() });
    this.summary = el("span", {});
    this.bar = el("progress", { max: 1, value: 0, "aria-label": "All uploads" });
    this.list = el("ul", {});
    this.close = el("button", {
      type: "button", class: "icon-button", "aria-label": "Close the list of uploads",
      onclick: () => { this.tasks = []; this.list.replaceChildren(); box.hidden = true; },
    }, icon("close"));
    this.stop = el("button", { type: "button", onclick: () => this.cancelAll() }, "Cancel all");
    box.replaceChildren(el("h2", {}, this.summary, this.stop, this.close), this.bar, this.list);
    this.samples = [];
    addEventListener("online", () => this.retryAll());
    addEventListener("beforeunload", (event) => { if (this.busy()) event.preventDefault(); });
  }

  busy() {
    return this.tasks.some((task) => ["waiting", "sending", "storing", "pausing"].includes(task.state));
  }

  // `rename` gives what something at the top is to be called.
  add({ files, folders }, replace, rename = (name) => name) {
    const moved = (path) => path.map((name, at) => (at ? name : rename(name)));
    for (const path of folders) this.folder(moved(path)).catch(() => {});
    for (const { file, path } of files) {
      const name = path.length ? file.name : rename(file.name);
      const task = { file, path: moved(path), name, replace, state: "waiting", sent: 0, tries: 0 };
      this.tasks.push(task);
      if (this.list.childElementCount < SHOWN) this.show(task);
    }
    this.samples = [];
    this.box.hidden = false;
    this.next();
  }

  show(task) {
    task.note = el("small", {}, size(task.file.size));
    task.button = el("button", { type: "button" });
    task.button.addEventListener("click", () => {
      if (["failed", "cancelled"].includes(task.state)) this.retry(task);
      else this.cancel(task);
    });
    task.row = el("li", {}, el("span", { title: task.name }, [...task.path, task.name].join("/")),
      task.note, task.button);
    this.list.append(task.row);
    this.state(task, task.state);
  }

  state(task, state, words) {
    task.state = state;
    if (task.row) {
      const done = state === "done";
      task.note.textContent = words ?? {
        waiting: `${size(task.file.size)}, waiting`, storing: "Storing on the servers…",
        done: `${size(task.file.size)}, done`, cancelled: "Cancelled",
      }[state] ?? size(task.file.size);
      task.row.className = state === "failed" ? "failed" : "";
      const label = ["failed", "cancelled"].includes(state) ? "Retry" : "Cancel";
      task.button.hidden = done;
      task.button.textContent = label;
      task.button.setAttribute("aria-label", `${label}: ${task.name}`);
    }
    this.tell();
  }

  tell() {
    const live = this.tasks.filter((task) => task.state !== "cancelled");
    const total = live.reduce((sum, task) => sum + task.file.size, 0);
    const sent = live.reduce((sum, task) => sum + Math.min(task.sent, task.file.size), 0);
    const done = live.filter((task) => task.state === "done").length;
    const failed = live.filter((task) => task.state === "failed").length;
    const now = performance.now();
    if (!this.samples.length || now - this.samples.at(-1)[0] > 250) this.samples.push([now, sent]);
    while (this.samples.length > 2 && now - this.samples[0][0] > 6000) this.samples.shift();
    const rate = 1000 * (sent - this.samples[0][1]) / (now - this.samples[0][0]);
    const left = rate > 0 && sent < total ? `, ${size(rate)} a second, about ${span((total - sent) / rate)} left` : "";
    this.summary.textContent = this.busy()
      ? `${number(done)} of ${number(live.length)} uploaded, ${size(sent)} of ${size(total)}${left}`
      : `${number(done)} uploaded${failed ? `, ${number(failed)} failed` : ""}`;
    this.bar.value = total ? sent / total : (this.busy() ? 0 : 1);
    this.stop.hidden = !this.busy();
    this.close.hidden = this.busy();
  }

  next() {
    for (const task of this.tasks) {
      if (this.running >= AT_ONCE) return;
      if (task.state === "waiting") this.run(task);
    }
    if (!this.running && !this.busy() && this.tasks.length) announce(this.summary.textContent);
  }

  async run(task) {
    this.running += 1;
    if (!task.row) this.show(task);
    this.state(task, "sending");
    try {
      const folder = await this.folder(task.path);
      // What was stored before the way was cut off need not be sent again.
      task.cap ??= await this.send(task);
      if (!(await this.isLinked(folder, task))) await this.link(folder, task, task.cap);
      task.sent = task.file.size;
      this.state(task, "done");
      if (this.list.childElementCount > SHOWN) task.row.remove();
    } catch (error) {
      this.failed(task, error);
    }
    this.running -= 1;
    this.next();
  }

  failed(task, error) {
    task.sent = 0;
    if (task.state === "cancelled") return;
    task.tries += 1;
    // What the node refuses, it will refuse again; what was cut off may go on.
    if ((error instanceof Refused && !(error instanceof Unreachable)) || task.tries >= TRIES) {
      this.state(task, "failed", error.message || "Interrupted");
      return;
    }
    const wait = 2 ** (task.tries - 1);
    this.state(task, "pausing", `Interrupted. Trying again in ${span(wait)}…`);
    task.timer = setTimeout(() => this.retry(task), 1000 * wait);
  }

  send(task) {
    return new Promise((ok, bad) => {
      const request = new XMLHttpRequest();
      task.request = request;
      request.open("PUT", "/uri?format=CHK");
      request.upload.onprogress = (event) => {
        task.sent = event.loaded;
        if (task.note) task.note.textContent = `${size(event.loaded)} of ${size(task.file.size)}`;
        this.tell();
      };
      request.upload.onload = () => { if (task.state === "sending") this.state(task, "storing"); };
      request.onload = () => (request.status < 300 ? ok(request.responseText)
        : bad(request.status === 503 ? new Error(request.responseText) : new Refused(request.responseText)));
      request.onerror = () => bad(new Error("The node does not answer."));
      request.onabort = () => bad(new Error("Cancelled"));
      request.send(task.file);
    });
  }

  // The capability of a folder below this one, which is made if it is not there.
  folder(path) {
    if (!path.length) return Promise.resolve(this.cap);
    const key = path.join("/");
    if (!this.folders.has(key)) {
      const made = this.folder(path.slice(0, -1)).then((parent) =>
        api("POST", `/uri/${encode(parent)}/${encode(path.at(-1))}?t=mkdir`));
      made.then(() => path.length === 1 && this.changed(), () => this.folders.delete(key));
      this.folders.set(key, made);
    }
    return this.folders.get(key);
  }

  // Whether an earlier try came so far, and only its answer was lost.
  async isLinked(folder, task) {
    if (!task.tries) return false;
    const path = `/uri/${encode(folder)}/${encode(task.name)}?t=readonly-uri`;
    return (await api("GET", path).catch(() => null)) === task.cap;
  }

  // Links a stored file, with all others that wait for the same folder at that time.
  link(folder, task, cap) {
    const queue = this.links.get(folder) ?? { waiting: [], busy: false };
    this.links.set(folder, queue);
    return new Promise((ok, bad) => {
      queue.waiting.push({ task, cap, ok, bad });
      if (!queue.busy) this.flush(folder, queue);
    });
  }

  async flush(folder, queue) {
    queue.busy = true;
    while (queue.waiting.length) {
      const batch = queue.waiting.filter((one) => one.task.replace === queue.waiting[0].task.replace);
      queue.waiting = queue.waiting.filter((one) => !batch.includes(one));
      const children = Object.fromEntries(batch.map(({ task, cap }) =>
        [task.name, ["filenode", { ro_uri: cap }]]));
      try {
        const query = `t=set_children&replace=${batch[0].task.replace}`;
        await api("POST", `/uri/${encode(folder)}?${query}`, JSON.stringify(children));
        for (const one of batch) one.ok();
        if (folder === this.cap) this.changed();
      } catch (error) {
        for (const one of batch) one.bad(error);
      }
    }
    queue.busy = false;
  }

  cancel(task) {
    clearTimeout(task.timer);
    this.state(task, "cancelled");
    task.request?.abort();
    this.next();
  }

  cancelAll() {
    for (const task of this.tasks) {
      if (!["done", "failed", "cancelled"].includes(task.state)) this.cancel(task);
    }
    announce("All uploads are cancelled.");
  }

  retry(task) {
    clearTimeout(task.timer);
    this.state(task, "waiting");
    this.next();
  }

  retryAll() {
    for (const task of this.tasks) {
      if (task.state === "pausing" || task.state === "failed") this.retry(task);
    }
  }
}
