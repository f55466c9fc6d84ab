/**
 * What was said, as one list: captions while they sound, and in their place the turns that the session has recorded.
 * An entry is `{key, kind: "turn" | "note", number, role, text, generation, live, closed, interrupted}`.
 */
export class Dialogue {
  #made = 0;
  #onChange;

  constructor(onChange) {
    this.entries = [];
    this.#onChange = onChange;
  }

  /** Words of a segment that is being said; `text` is all of it so far, `closed` when there will be no more. */
  caption({ segment, role, generation = null, text, closed }) {
    let entry = this.entries.find((one) => one.segment === segment);
    if (!entry) {
      if (!text || this.#isRecorded(role, generation, text)) return;
      entry = this.#add({ kind: "turn", role, generation, segment, live: true, interrupted: false });
    }
    if (!entry.live) return; // its turn came first
    entry.text = text || entry.text;
    entry.closed = closed;
    this.#onChange();
  }

  /** A turn of the session's record, or a better form of the one with its `number`; it replaces captions of its words. */
  turn(turn) {
    const known = this.entries.find((one) => one.number === turn.number);
    const places = this.#captionsOf(turn, !known);
    const entry = known ?? places[0] ?? this.#add({ kind: "turn", number: turn.number });
    this.entries = this.entries.filter((one) => one === entry || !places.includes(one));
    Object.assign(entry, { ...turn, live: false, closed: true });
    this.#onChange();
  }

  note(text) {
    this.#add({ kind: "note", text });
    this.#onChange();
  }

  /** The voice of this generation broke off. What was heard of it stays until the record says better. */
  breakOff(generation) {
    for (const entry of this.entries) {
      if (entry.live && entry.generation === generation) Object.assign(entry, { closed: true, interrupted: true });
    }
    this.#onChange();
  }

  #add(entry) {
    const made = { key: (this.#made += 1), text: "", ...entry };
    const later = this.entries.findIndex((one) => one.number > made.number);
    this.entries.splice(later < 0 ? this.entries.length : later, 0, made);
    return made;
  }

  /** Those with the words of the turn; else, for a turn that is new, the oldest that is complete. */
  #captionsOf(turn, isNew) {
    const live = this.entries.filter(
      (one) => one.live && one.role === turn.role && (turn.role === "caller" || one.generation === turn.generation),
    );
    const same = live.filter((one) => overlap(one.text, turn.text));
    return same.length || !isNew ? same : live.filter((one) => one.closed).slice(0, 1);
  }

  #isRecorded(role, generation, text) {
    const last = this.entries.findLast((one) => one.kind === "turn" && one.role === role);
    const same = last && !last.live && (role === "caller" || last.generation === generation);
    return same && plain(text) !== " " && plain(last.text).endsWith(plain(text)) && Date.now() - Date.parse(last.at) < 3000;
  }
}

/** The words alone, each between spaces, so that only whole ones are found; a space where there are none. */
const plain = (text) => ` ${text} `.toLowerCase().replace(/[^\p{L}\p{N}]+/gu, " ");

function overlap(one, other) {
  const [a, b] = [plain(one), plain(other)];
  return a !== " " && b !== " " && (a.includes(b) || b.includes(a));
}

/** The transcript as text to take away. */
export function asText(turns) {
  return turns.map((turn) => `${turn.role === "agent" ? "Agent" : "Caller"}: ${turn.text}\n`).join("");
}
