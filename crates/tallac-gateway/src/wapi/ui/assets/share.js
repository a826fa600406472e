// Giving something to somebody: what they can do with it, in words, before they get it.
import { api, dialog, el, encode, fields, json, attempt, announce } from "./common.js";

function rights(kind, known) {
  const folder = kind === "dirnode";
  const thing = folder ? "this folder and everything in it" : "this file";
  const choices = [];
  if (known.ro_uri) {
    choices.push({
      id: "read", cap: known.ro_uri, label: "Look",
      words: known.mutable
        ? `They can open ${thing}, now and as it changes. They can change nothing.`
        : `They can open ${thing}. It never changes.`,
    });
  }
  if (known.rw_uri) {
    choices.push({
      id: "write", cap: known.rw_uri, label: "Look and change",
      words: folder
        ? "They can also add, rename, replace and delete whatever is in it, as you can."
        : "They can also replace what is in it, as you can.",
      warning: "This cannot be taken back. Whoever gets this link, from you or from somebody else, "
        + `can change ${folder ? "and delete everything in this folder" : "this file"} for good.`,
    });
  }
  if (known.verify_uri) {
    choices.push({
      id: "verify", cap: known.verify_uri, label: "Only verify",
      words: "They can check that it is safe on the grid, and repair what never changes. "
        + "They see neither names nor content.",
    });
  }
  return choices;
}

function copyable(label, value, id) {
  const input = el("input", { id, type: "text", readOnly: true, value });
  return el("div", { class: "copy" }, el("label", { htmlFor: id }, label, input),
    el("button", {
      type: "button", "aria-label": `Copy: ${label}`,
      onclick: async () => {
        input.select();
        try { await navigator.clipboard.writeText(value); } catch { document.execCommand("copy"); }
        announce("Copied.");
      },
    }, "Copy"));
}

async function qr(text) {
  const svg = await api("POST", "/ui/qr", fields({ text }));
  const url = URL.createObjectURL(new Blob([svg], { type: "image/svg+xml" }));
  return el("img", { class: "qr", src: url, alt: "QR code of the link", onload: () => URL.revokeObjectURL(url) });
}

export async function share(name, cap) {
  const answer = await attempt(() => json(`/uri/${encode(cap)}?t=json`));
  if (!answer) return;
  const [kind, known] = answer;
  const choices = rights(kind, known);
  await dialog(`Share ${name}`, () => {
    const out = el("div", { id: "shared", "aria-live": "polite" });
    const reveal = async (choice) => {
      const link = `${location.origin}/ui/open/${encode(choice.cap)}/`;
      out.replaceChildren(
        choice.id === "verify" ? "" : copyable("Link, for who uses this node", link, "share-link"),
        copyable("Capability, for any node of this grid", choice.cap, "share-cap"),
        choice.id === "verify" ? "" : (await attempt(() => qr(link))) ?? "");
    };
    const pick = (choice) => {
      if (!choice.warning) return reveal(choice);
      out.replaceChildren(el("div", { class: "warning" }, el("p", {}, choice.warning),
        el("button", { type: "button", class: "danger", id: "share-anyway", onclick: () => reveal(choice) },
          "I trust them with that: show the link")));
      return undefined;
    };
    const set = el("fieldset", {}, el("legend", {}, "What may they do?"),
      ...choices.map((choice) => el("label", { class: "choice" },
        el("input", { type: "radio", name: "right", value: choice.id, onchange: () => pick(choice) }),
        el("span", {}, choice.label), el("small", {}, choice.words))));
    return [set, out, el("div", { class: "buttons" }, el("button", { value: "done" }, "Done"))];
  });
}

export async function showCode(name, cap) {
  const picture = await attempt(() => qr(`${location.origin}/ui/open/${encode(cap)}/`));
  if (!picture) return;
  await dialog(`QR code of ${name}`, () => [
    el("p", {}, "Whoever reads this picture can do all that you can do here."), picture,
    el("div", { class: "buttons" }, el("button", { value: "done" }, "Done"))]);
}
