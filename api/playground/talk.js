/** The view of a call: what is heard, said and known of it, from joining to its end. */

import { api } from "./api.js";
import { Captions } from "./captions.js";
import { Dialogue } from "./dialogue.js";
import { follow } from "./events.js";
import { wakeLevels } from "./levels.js";
import { Trouble } from "./microphone.js";
import { Ribbon } from "./ribbon.js";
import { CallRoom } from "./room.js";
import { SESSION_STATES, duration, handingOver, lost, tookOver } from "./words.js";

const AUDIBLE = 0.2;
const LINGERS_MS = 600; // between words a speaker still has the floor
const TICK_MS = 150;
const REJOIN_PAUSES_MS = [0, 1000, 2000, 4000, 8000];

const at = (id) => document.getElementById(id);
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

export class Talk {
  #sessionId;
  #microphone;
  #done;
  #room;
  #dialogue;
  #ribbon;
  #unfollow;
  #ticking;
  #over = false;
  #hasEnded = false;
  #phase = "connecting"; // then "live", "away", "ending"
  #session = "starting";
  #agent = { state: "launching", generation: 1, lostAt: 0, mood: "" };
  #joinedAt = null;
  #heardAt = { agent: -Infinity, caller: -Infinity };
  #muted = false;

  /**
   * `done(outcome)` is called once: `{ended: true, bill}` with the answer to our own end, `{ended: true}` when somebody
   * else ended it, or `{trouble}`.
   */
  constructor(sessionId, microphone, config, done) {
    this.#sessionId = sessionId;
    this.#microphone = microphone;
    this.#done = done;
    const captions = new Captions(at("captions"), "You");
    this.#dialogue = new Dialogue(() => captions.show(this.#dialogue.entries));
    this.#ribbon = new Ribbon(at("ribbon"), () => this.#levels());
    at("kill").hidden = !config.killButton;
    at("mute").onclick = () => this.#toggleMute();
    at("end").onclick = () => this.#end();
    at("kill").onclick = () => this.#kill();
    at("unblock").onclick = () => this.#unblock();
  }

  async begin(ticket) {
    this.#say("");
    this.#showMute();
    this.#showEnding(false);
    at("unblock").hidden = true;
    this.#ribbon.start();
    this.#ticking = setInterval(() => this.#show(), TICK_MS);
    this.#unfollow = follow(this.#sessionId, (event) => this.#onEvent(event));
    this.#microphone.onended = () => this.#say("The microphone is gone. Connect it and join again by reloading the page.");
    this.#show();
    await this.#join(ticket).catch((trouble) => this.#fail(trouble));
  }

  async #join(ticket) {
    this.#room = new CallRoom({
      caption: (entry) => this.#dialogue.caption(entry),
      agentState: (word) => (this.#agent.mood = word),
      connection: (news) => this.#onConnection(news),
      blocked: (yes) => (at("unblock").hidden = !yes),
      gone: (why) => this.#onGone(why),
    });
    await this.#room.join(ticket, this.#microphone);
    await this.#room.mute(this.#muted);
    if (this.#phase !== "ending") this.#phase = "live";
  }

  // What the session tells.

  #onEvent({ type, at: time, data }) {
    if (type === "session.state") this.#session = data.state;
    if (type === "turn") this.#dialogue.turn(data);
    if (type === "agent.state") this.#onAgent(data, Date.parse(time));
    if (type === "caller.presence" && data.kind === "joined") this.#joinedAt ??= Date.parse(time);
    if (type === "session.ended") this.#finish({ ended: true });
  }

  #onAgent({ state, generation, reason }, time) {
    const before = this.#agent;
    const lostAt = state === "lost" ? time : before.lostAt;
    this.#agent = { state, generation, lostAt, mood: state === "ready" ? before.mood : "" };
    if (state === "lost") {
      this.#dialogue.breakOff(generation);
      this.#ribbon.mark(`agent ${generation} lost`);
      this.#tell(lost(generation, reason));
    } else if (state === "draining") {
      this.#tell(handingOver(generation));
    } else if (state === "ready" && generation > 1) {
      this.#ribbon.mark(`agent ${generation}`);
      this.#tell(tookOver(generation, lostAt && (time - lostAt) / 1000));
      this.#agent.lostAt = 0;
      this.#catchUp();
    }
  }

  /** What a lost agent had begun to say is no event, but it stands in the transcript. */
  async #catchUp() {
    const { turns } = await api.transcript(this.#sessionId).catch(() => ({ turns: [] }));
    for (const turn of turns) this.#dialogue.turn(turn);
  }

  #tell({ now, later }) {
    this.#dialogue.note(later);
    this.#say(now);
  }

  // What the room tells.

  #onConnection(news) {
    this.#phase = news === "lost" ? "away" : "live";
    this.#say(news === "lost" ? "The connection is gone. The session waits for you, and the page tries again." : "The connection is back.");
  }

  async #onGone(why) {
    if (this.#over || this.#phase === "ending" || why === "left") return;
    if (why === "elsewhere" || why === "removed") {
      this.#fail(new Trouble(why));
      return;
    }
    // The room is closed: the session has ended, or LiveKit was started anew.
    this.#phase = "away";
    this.#room.leave();
    let last = null;
    for (const ms of REJOIN_PAUSES_MS) {
      await pause(ms);
      if (this.#over || this.#phase === "ending") return;
      try {
        const { state } = await api.session(this.#sessionId);
        if (state === "ended") return this.#finish({ ended: true });
        this.#session = state;
        if (state !== "ending") return await this.#join(await api.token(this.#sessionId));
      } catch (error) {
        last = error;
        this.#say("The connection is gone. The session waits for you, and the page tries again.");
      }
    }
    if (last) this.#fail(last instanceof Trouble ? last : new Trouble("apiAway", last.message));
    else this.#finish({ ended: true }); // the clean-up takes its time
  }

  // What the caller does.

  async #toggleMute() {
    this.#muted = !this.#muted;
    this.#showMute();
    await this.#room?.mute(this.#muted);
  }

  async #end() {
    const before = this.#phase;
    this.#phase = "ending";
    this.#showEnding(true);
    this.#show();
    this.#room?.mute(true);
    try {
      this.#finish({ ended: true, bill: (await api.end(this.#sessionId)).details });
    } catch (error) {
      this.#phase = before;
      this.#room?.mute(this.#muted);
      this.#showEnding(false);
      this.#say(error.message);
      if (this.#hasEnded) this.#finish({ ended: true });
    }
  }

  async #kill() {
    at("kill").disabled = true;
    try {
      await api.killAgent(this.#sessionId);
    } catch (error) {
      this.#say(error.message);
    }
    at("kill").disabled = false;
  }

  async #unblock() {
    wakeLevels();
    await this.#room?.unblock();
    at("unblock").hidden = true;
  }

  // What is shown.

  #levels() {
    const levels = this.#room?.levels() ?? { agent: 0, caller: 0 };
    const now = performance.now();
    for (const who of ["agent", "caller"]) if (levels[who] > AUDIBLE) this.#heardAt[who] = now;
    return levels;
  }

  #show() {
    at("speaking").textContent = this.#headline();
    at("session-state").textContent = SESSION_STATES[this.#session] ?? this.#session;
    at("generation").textContent = this.#agent.generation;
    at("elapsed").textContent = this.#joinedAt ? duration((Date.now() - this.#joinedAt) / 1000) : "0:00";
  }

  #headline() {
    if (this.#phase === "connecting") return "Connecting";
    if (this.#phase === "ending" || this.#session === "ending") return "Ending";
    if (this.#phase === "away") return "Connection lost";
    const since = performance.now() - LINGERS_MS;
    if (this.#heardAt.agent > since) return "The agent speaks";
    if (this.#agent.state === "lost") return "The agent is lost";
    if (this.#agent.state === "launching") return this.#agent.generation > 1 ? "The next agent comes" : "The agent comes";
    if (this.#heardAt.caller > since) return "You speak";
    if (this.#agent.mood === "thinking") return "The agent thinks";
    return this.#muted ? "You are muted" : "The agent listens";
  }

  #say(text) {
    at("notice").textContent = text;
  }

  #showMute() {
    at("mute").setAttribute("aria-pressed", String(this.#muted));
    at("mute").textContent = this.#muted ? "Muted" : "Mute";
  }

  #showEnding(yes) {
    for (const id of ["end", "mute", "kill"]) at(id).disabled = yes;
  }

  // How it ends.

  #fail(trouble) {
    this.#finish({ trouble });
  }

  #finish(outcome) {
    this.#hasEnded ||= outcome.ended;
    if (this.#over || (this.#phase === "ending" && !outcome.bill)) return; // the answer to our own end brings the bill
    this.#over = true;
    this.#unfollow();
    clearInterval(this.#ticking);
    this.#ribbon.stop();
    this.#microphone.stop();
    this.#room?.leave();
    this.#done(outcome);
  }
}
