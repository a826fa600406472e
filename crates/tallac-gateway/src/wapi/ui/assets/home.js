// The first page: folders that this browser was told to remember.
import { announce, el, encode, forget, icon, remembered } from "./common.js";

function show() {
  const folders = remembered();
  document.getElementById("recent-folders").hidden = !folders.length;
  document.getElementById("recent").replaceChildren(...folders.map(({ name, cap }) => el("li", {},
    el("a", { href: `/ui/open/${encode(cap)}/` }, icon("folder"), name),
    el("button", {
      type: "button", class: "icon-button", "aria-label": `Forget ${name} in this browser`,
      onclick: () => { forget(cap); show(); announce(`${name} is forgotten in this browser.`); },
    }, icon("close")))));
}

show();
