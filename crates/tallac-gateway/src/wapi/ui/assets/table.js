// Rows of a long list: only those that can be seen, and some around them, are in the page.

const WHOLE_MAX = 300;
const AROUND = 25;
const ROW_REMS = 3;

export class Rows {
  constructor(body, render) {
    this.body = body;
    this.render = render;
    this.items = [];
    this.shown = new Map();
    this.above = this.#spacer();
    this.below = this.#spacer();
    const update = () => this.#update();
    addEventListener("scroll", update, { passive: true });
    addEventListener("resize", update, { passive: true });
  }

  #spacer() {
    const row = document.createElement("tr");
    row.className = "spacer";
    row.setAttribute("aria-hidden", "true");
    row.append(document.createElement("td"));
    row.firstChild.colSpan = 6;
    return row;
  }

  set(items) {
    this.items = items;
    this.shown.clear();
    this.body.replaceChildren(this.above, this.below);
    this.body.parentElement.setAttribute("aria-rowcount", items.length + 1);
    this.#update();
  }

  // Draws one row anew, if it is there.
  refresh(item) {
    const at = this.items.indexOf(item);
    const row = this.shown.get(at);
    if (!row) return;
    const next = this.#row(at);
    row.replaceWith(next);
    this.shown.set(at, next);
  }

  #row(at) {
    const row = this.render(this.items[at]);
    row.setAttribute("aria-rowindex", at + 2);
    return row;
  }

  #range() {
    if (this.items.length <= WHOLE_MAX) return [0, this.items.length];
    const height = ROW_REMS * parseFloat(getComputedStyle(document.documentElement).fontSize);
    this.height = height;
    const top = -this.body.getBoundingClientRect().top;
    const first = Math.max(0, Math.floor(top / height) - AROUND);
    const count = Math.ceil(innerHeight / height) + 2 * AROUND;
    const from = Math.min(first, Math.max(0, this.items.length - count));
    return [from, Math.min(this.items.length, from + count)];
  }

  #update() {
    const [from, to] = this.#range();
    for (const [at, row] of this.shown) {
      // Who has the focus in a row keeps it while the row is out of sight.
      if (at < from || at >= to) {
        if (row.contains(document.activeElement)) continue;
        row.remove();
        this.shown.delete(at);
      }
    }
    let next = this.above.nextSibling;
    for (let at = from; at < to; at += 1) {
      const known = this.shown.get(at);
      if (known) { next = known.nextSibling; continue; }
      const row = this.#row(at);
      this.body.insertBefore(row, next);
      this.shown.set(at, row);
    }
    this.above.firstChild.style.height = `${from * (this.height ?? 0)}px`;
    this.below.firstChild.style.height = `${(this.items.length - to) * (this.height ?? 0)}px`;
    this.above.hidden = from === 0;
    this.below.hidden = to === this.items.length;
  }
}
