const NEAR = 40; // pixels from the end that still count as there

/** Shows the entries of a dialogue in a list, and touches only what changed. */
export class Captions {
  #list;
  #atEnd = true; // until somebody scrolls back; a frame that gets smaller does not
  #names;
  #items = new Map();

  constructor(list, caller) {
    this.#list = list;
    this.#names = { agent: "Agent", caller };
    list.replaceChildren();
    const frame = list.parentElement;
    frame.onscroll = () => (this.#atEnd = frame.scrollHeight - frame.scrollTop - frame.clientHeight < NEAR);
  }

  show(entries) {
    const keys = new Set(entries.map((entry) => entry.key));
    for (const [key, item] of this.#items) {
      if (!keys.has(key)) {
        item.remove();
        this.#items.delete(key);
      }
    }
    entries.forEach((entry, index) => this.#showOne(entry, index));
    const frame = this.#list.parentElement;
    if (this.#atEnd) frame.scrollTop = frame.scrollHeight;
  }

  #showOne(entry, index) {
    let item = this.#items.get(entry.key);
    if (!item) {
      item = entry.kind === "note" ? note() : said();
      this.#items.set(entry.key, item);
      this.#list.insertBefore(item, this.#list.children[index] ?? null);
    }
    if (entry.kind === "note") {
      item.textContent = entry.text;
      return;
    }
    item.className = [entry.role, entry.live && "live", entry.interrupted && "cut"].filter(Boolean).join(" ");
    const [by, words] = item.children;
    by.textContent = this.#names[entry.role];
    if (words.textContent !== entry.text) words.textContent = entry.text;
  }
}

function note() {
  const item = document.createElement("li");
  item.className = "note";
  return item;
}

function said() {
  const item = document.createElement("li");
  for (const name of ["by", "said"]) {
    const part = document.createElement("span");
    part.className = name;
    item.append(part);
  }
  return item;
}
