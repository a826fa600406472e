// Whether a file is safe: which server has which piece, and how many may fail.
import { api, el, encode, json, announce, number } from "./common.js";

const named = (many, one, more) => `${number(many)} ${many === 1 ? one : more}`;

// Servers that may fail at the least. Each that fails takes one from the happiness at most; where no
// piece is on two of them, those with the most pieces are the worst to lose.
function spare(found) {
  const needed = found["count-shares-needed"];
  const each = new Map();
  const holders = Object.values(found.sharemap);
  for (const id of holders.flat()) each.set(id, (each.get(id) ?? 0) + 1);
  let least = found["count-happiness"] - needed;
  if (holders.every((ids) => ids.length === 1)) {
    let left = holders.length;
    const counts = [...each.values()].sort((a, b) => b - a);
    least = counts.findIndex((count) => (left -= count) < needed);
  }
  return Math.max(0, Math.min(each.size - 1, least));
}

export function words(found) {
  const needed = found["count-shares-needed"];
  const good = found["count-shares-good"];
  const hosts = found["count-good-share-hosts"];
  const versions = found["count-recoverable-versions"];
  const lines = [];
  if (!found.recoverable) {
    lines.push(`It cannot be read now: ${named(good, "piece is", "pieces are")} there, and ${needed} are `
      + "needed. If servers that are away come back, it may be readable again.");
  } else {
    lines.push(`${named(good, "piece is", "pieces are")} on ${named(hosts, "server", "servers")}, and any `
      + `${needed} bring it back: you can lose ${spare(found)} of the servers.`);
    lines.push(found.healthy ? "It is as safe as it was when it was stored."
      : "It is less safe than it was: repair makes the missing pieces anew.");
  }
  if (versions > 1) {
    lines.push(`There are ${versions} versions of it that collided: two people changed it at the same `
      + "time. Repair keeps the latest one.");
  }
  const corrupt = found["count-corrupt-shares"];
  if (corrupt) lines.push(`${named(corrupt, "piece is", "pieces are")} damaged.`);
  return lines;
}

async function picture(found) {
  const { servers } = await json("/?t=json");
  const names = new Map(servers.map((server) => [server.nodeid, server.nickname]));
  const held = new Map(found["servers-responding"].map((id) => [id, []]));
  for (const [share, ids] of Object.entries(found.sharemap)) {
    const label = share.split("-").pop().replace(/^sh/, "");
    for (const id of ids) held.set(id, [...(held.get(id) ?? []), { label, bad: false }]);
  }
  for (const [id, , share] of found["list-corrupt-shares"]) {
    const others = (held.get(id) ?? []).filter((one) => one.label !== String(share));
    held.set(id, [...others, { label: String(share), bad: true }]);
  }
  const rows = [...held].map(([id, shares]) => [names.get(id) || id.slice(0, 12), shares]);
  rows.sort((a, b) => a[0].localeCompare(b[0]));
  return el("ul", { class: "shares", "aria-label": "Which server has which pieces" },
    ...rows.map(([name, shares]) => el("li", {}, el("span", {}, name),
      shares.length
        ? el("span", { class: "chips" }, ...shares.map(({ label, bad }) =>
          el("span", { class: bad ? "chip bad" : "chip" }, bad ? `${label} damaged` : label)))
        : el("span", { class: "quiet" }, "none"))));
}

// Shows how a file is in `out`, checking it now; with a button to repair it.
export async function check(cap, out, { repair = false, verify = false } = {}) {
  const bar = el("progress", { "aria-label": "Checking" });
  const since = performance.now();
  const state = el("p", { class: "quiet" }, "Asking the servers…");
  const clock = setInterval(() => {
    state.textContent = `${repair ? "Repairing" : "Asking the servers"}… `
      + `${number(Math.round((performance.now() - since) / 1000))} s`;
  }, 1000);
  out.replaceChildren(bar, state);
  try {
    const query = `t=check&output=json${repair ? "&repair=true" : ""}${verify ? "&verify=true" : ""}`;
    const answer = JSON.parse(await api("POST", `/uri/${encode(cap)}?${query}`));
    const results = answer["post-repair-results"] ?? answer;
    const lines = words(results.results);
    if (repair && answer["repair-attempted"]) {
      lines.unshift(answer["repair-successful"] ? "Repaired." : "The repair did not succeed.");
    }
    const good = results.results.healthy;
    const parts = lines.map((line, at) => el("p", at ? {} : { class: "state", "data-good": String(good) },
      line));
    if (results.results.sharemap) parts.push(await picture(results.results));
    const again = (label, options, primary) => el("button", {
      type: "button", class: primary ? "primary" : null, onclick: () => check(cap, out, options),
    }, label);
    parts.push(el("div", { class: "toolbar" },
      good ? null : again("Repair", { repair: true }, true),
      again("Check again", {}), again("Read and prove every piece", { verify: true })));
    out.replaceChildren(...parts);
    announce(lines[0]);
  } catch (error) {
    out.replaceChildren(el("p", { class: "state" }, error.message));
  } finally {
    clearInterval(clock);
  }
}

// Looks at everything in a folder, a line of the answer at a time.
export async function checkAll(cap, out, { repair = false } = {}, signal) {
  const seen = { objects: 0, healthy: 0, bad: [] };
  const state = el("p", {}, "Asking the servers…");
  out.replaceChildren(el("progress", { "aria-label": "Checking" }), state);
  const answer = await fetch(`/uri/${encode(cap)}?t=stream-deep-check${repair ? "&repair=true" : ""}`,
    { method: "POST", signal });
  if (!answer.ok) throw new Error((await answer.text()).split("\n")[0]);
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  let failure = null;
  for (;;) {
    const { value, done } = await reader.read();
    if (done) break;
    const lines = (rest + value).split("\n");
    rest = lines.pop();
    for (const line of lines) {
      if (line.startsWith("ERROR")) { failure = line; continue; }
      if (!line.startsWith("{")) continue;
      const unit = JSON.parse(line);
      if (unit.type === "stats") continue;
      const found = unit["check-results"] ?? unit["check-and-repair-results"];
      const after = (found?.["post-repair-results"] ?? found)?.results;
      seen.objects += 1;
      if (!after || after.healthy) seen.healthy += 1;
      else seen.bad.push({ path: unit.path.join("/") || "(this folder)", lines: words(after) });
    }
    state.textContent = `${number(seen.objects)} looked at, ${number(seen.bad.length)} not as safe as they were.`;
  }
  const good = !seen.bad.length && !failure;
  const summary = good ? `All ${number(seen.objects)} files and folders are safe.`
    : failure ? "It could not be looked at to its end." : `${number(seen.bad.length)} of ${number(seen.objects)} are not as safe as they were.`;
  out.replaceChildren(el("p", { class: "state", "data-good": String(good) }, summary),
    ...seen.bad.slice(0, 100).map(({ path, lines }) => el("p", {}, el("strong", {}, path), ` ${lines.join(" ")}`)));
  announce(summary);
  return seen.bad.length;
}
