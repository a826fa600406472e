// A file: its health, sharing, and editing of small texts.
import { announce, api, attempt, el, encode, toast } from "./common.js";
import { check } from "./health.js";
import { share } from "./share.js";

const file = document.getElementById("file");
const { cap, name, directory, writeable, mutable } = file.dataset;

document.getElementById("share")?.addEventListener("click", () => share(name, cap));
document.getElementById("check-now")?.addEventListener("click", (event) => {
  event.preventDefault();
  event.target.hidden = true;
  check(cap, document.getElementById("health-result"));
});

// A file that can change is changed itself; one that cannot is replaced in its folder.
const target = mutable === "true" && writeable === "true"
  ? `/uri/${encode(cap)}` : directory && `/uri/${encode(directory)}/${encode(name)}`;

document.getElementById("edit")?.addEventListener("click", (event) => {
  const view = document.getElementById("view");
  const before = [...view.childNodes];
  const text = document.getElementById("text").textContent;
  const area = el("textarea", { class: "editor", "aria-label": `Text of ${name}`, value: text, spellcheck: true });
  const warn = (leaving) => { if (area.value !== text) leaving.preventDefault(); };
  const end = () => {
    removeEventListener("beforeunload", warn);
    event.target.hidden = false;
    event.target.focus();
  };
  const save = async () => {
    const done = await attempt(() => api("PUT", `${target}?replace=true`, new Blob([area.value])));
    if (done === undefined) return;
    removeEventListener("beforeunload", warn);
    announce("Saved.");
    location.reload();
  };
  event.target.hidden = true;
  addEventListener("beforeunload", warn);
  view.replaceChildren(area, el("div", { class: "toolbar" },
    el("button", { type: "button", class: "primary", id: "save", onclick: save }, "Save"),
    el("button", { type: "button", onclick: () => { view.replaceChildren(...before); end(); } }, "Leave it as it was")));
  area.focus();
});

for (const media of document.querySelectorAll("audio, video, img.preview")) {
  media.addEventListener("error", () => toast("This could not be shown. Download it instead.", { bad: true }));
}
