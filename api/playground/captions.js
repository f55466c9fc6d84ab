/** Shows the entries of a dialogue in a list, and touches only what changed. */
export class Captions {
  #list;
  #items = new Map();

  constructor(list) {
    this.#list = list;
    list.replaceChildren();
  }

  show(entries) {
    const atEnd = this.#list.scrollHeight - this.#list.scrollTop - this.#list.clientHeight < 40;
    const keys = new Set(entries.map((entry) => entry.key));
    for (const [key, item] of this.#items) {
      if (!keys.has(key)) {
        item.remove();
        this.#items.delete(key);
      }
    }
    for (const entry of entries) this.#showOne(entry);
    if (atEnd) this.#list.scrollTop = this.#list.scrollHeight;
  }

  #showOne(entry) {
    let item = this.#items.get(entry.key);
    if (!item) {
      item = entry.kind === "note" ? note() : said();
      this.#items.set(entry.key, item);
      this.#list.append(item);
    }
    if (entry.kind === "note") {
      item.textContent = entry.text;
      return;
    }
    item.className = [entry.role, entry.live && "live", entry.interrupted && "cut"].filter(Boolean).join(" ");
    const [by, words] = item.children;
    by.textContent = entry.role === "agent" ? "Agent" : "You";
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
