/** The agents of a session, read from its events: one has the floor, and the next may be on its way. */

import { handingOver, lost, tookOver } from "./words.js";

export class Agents {
  #serving = null; // the newest that was ready, or what was lost before any was: {generation, isLost}
  #coming = 1;
  #isQueued = false;
  #lostAt = 0;
  #moods = new Map(); // by generation

  /**
   * An event `agent.state` of `time`, in milliseconds. Returns what is to be said of it, as `words.js` has it, and the
   * ribbon's mark: `{words, mark}`, each null where nothing is.
   */
  tell({ state, generation, reason }, time) {
    if (state === "queued" || state === "launching") {
      this.#coming = generation;
      this.#isQueued = state === "queued";
    }
    if (state === "draining") return { words: handingOver(generation), mark: null };
    if (state === "ready") return this.#isReady(generation, time);
    if (state === "lost") return this.#isLost(generation, reason, time);
    return { words: null, mark: null };
  }

  /** What the agent itself tells of its mood: "listening", "thinking" or "speaking". */
  feels(generation, mood) {
    this.#moods.set(generation, mood);
  }

  /** The one to show: it serves, or it is the next where none does. */
  get generation() {
    const isThere = this.#serving && !this.#serving.isLost;
    return isThere ? this.#serving.generation : (this.#coming ?? this.#serving.generation);
  }

  /** Why there is nobody to talk to; null when there is. */
  get absence() {
    if (this.#serving && !this.#serving.isLost) return null;
    if (this.#coming === null) return "The agent is lost";
    if (this.#isQueued) return "Waiting for a free agent";
    return this.#coming > 1 ? "The next agent comes" : "The agent comes";
  }

  get thinks() {
    return this.#moods.get(this.#serving?.generation) === "thinking";
  }

  #isReady(generation, time) {
    if (generation < (this.#serving?.generation ?? 0)) return { words: null, mark: null };
    this.#serving = { generation, isLost: false };
    if (this.#coming <= generation) this.#coming = null;
    const seconds = this.#lostAt && (time - this.#lostAt) / 1000;
    this.#lostAt = 0;
    if (generation === 1) return { words: null, mark: null };
    return { words: tookOver(generation, seconds), mark: `agent ${generation}` };
  }

  #isLost(generation, reason, time) {
    if (this.#coming === generation) this.#coming = null;
    // One that had handed over, or was to take over from one that is still there, is missed by nobody.
    const isMissed = !this.#serving || this.#serving.isLost || this.#serving.generation === generation;
    if (!isMissed) return { words: null, mark: null };
    this.#serving = { generation, isLost: true };
    this.#lostAt ||= time;
    return { words: lost(generation, reason), mark: `agent ${generation} lost` };
  }
}
