/** The view of a call: its buttons, and what stands beside the ribbon and the captions. */

import { SESSION_STATES, duration } from "./words.js";

const at = (id) => document.getElementById(id);

export class CallView {
  /** As new, whatever call was shown before. `deeds` are called by the buttons of their names. */
  constructor(deeds, { killButton }) {
    for (const name of ["mute", "end", "kill", "unblock"]) at(name).onclick = deeds[name];
    at("kill").hidden = !killButton;
    this.say("");
    this.muted(false);
    this.ending(false);
    this.blocked(false);
  }

  say(text) {
    at("notice").textContent = text;
  }

  muted(yes) {
    at("mute").setAttribute("aria-pressed", String(yes));
    at("mute").textContent = yes ? "Muted" : "Mute";
  }

  ending(yes) {
    for (const id of ["end", "mute", "kill"]) at(id).disabled = yes;
  }

  killing(yes) {
    at("kill").disabled = yes;
  }

  /** The browser plays no sound before a click. */
  blocked(yes) {
    at("unblock").hidden = !yes;
  }

  facts({ headline, session, generation, seconds }) {
    at("speaking").textContent = headline;
    at("session-state").textContent = SESSION_STATES[session] ?? session;
    at("generation").textContent = generation;
    at("elapsed").textContent = duration(seconds);
  }
}
