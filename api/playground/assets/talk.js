/** A call: what is heard, said and known of it, from joining to its end. */

import { Agents } from "./agents.js";
import { ApiError, api } from "./api.js";
import { Captions } from "./captions.js";
import { Dialogue } from "./dialogue.js";
import { follow } from "./events.js";
import { kept } from "./kept.js";
import { wakeLevels } from "./levels.js";
import { Trouble, openMicrophone } from "./microphone.js";
import { Ribbon } from "./ribbon.js";
import { CallRoom } from "./room.js";
import { CallView } from "./view.js";
import { CONNECTION, providerChanged } from "./words.js";

const AUDIBLE = 0.2;
const LINGERS_MS = 600; // between words a speaker still has the floor
const TICK_MS = 150;
const REJOIN_PAUSES_MS = [0, 1000, 2000, 4000, 8000];
const FRESH_MS = 10_000; // after a reload all that has happened is told again

const at = (id) => document.getElementById(id);
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

export class Talk {
  #sessionId;
  #done;
  #view;
  #dialogue;
  #ribbon;
  #agents = new Agents();
  #microphone = null;
  #room = null;
  #unfollow;
  #ticking;
  #phase = "connecting"; // then "live" and "away"
  #isRejoining = false;
  #isEnding = false; // our own end is asked for
  #meanwhile = null; // the outcome that came while it was
  #isOver = false;
  #session = "starting";
  #joinedAt = null;
  #heardAt = { agent: -Infinity, caller: -Infinity };
  #isMuted = kept.muted();

  /**
   * `done(outcome)` is called once: `{ended: true, bill}` with the answer to our own end, `{ended: true}` when somebody
   * else ended it, or `{trouble}`.
   */
  constructor(sessionId, config, done) {
    this.#sessionId = sessionId;
    this.#done = done;
    this.#view = new CallView(
      { mute: () => this.#toggleMute(), end: () => this.#end(), kill: () => this.#kill(), unblock: () => this.#unblock() },
      config,
    );
    this.#view.muted(this.#isMuted);
    const captions = new Captions(at("captions"), "You");
    this.#dialogue = new Dialogue(() => captions.show(this.#dialogue.entries));
    this.#ribbon = new Ribbon(at("ribbon"), () => this.#levels());
  }

  /** Join with what is at hand from the start of the session; after a reload, say, that is nothing. */
  async begin({ microphone = null, joinToken = null } = {}) {
    this.#ribbon.start();
    this.#ticking = setInterval(() => this.#show(), TICK_MS);
    this.#unfollow = follow(this.#sessionId, (event) => this.#onEvent(event), () => this.#finish({ ended: true }));
    this.#show();
    try {
      this.#speakInto(microphone ?? (await openMicrophone()));
      if (this.#isOver) return;
      await this.#join(joinToken ?? (await api.token(this.#sessionId)));
    } catch (error) {
      if (await this.#hasEnded()) this.#finish({ ended: true });
      else this.#fail(error);
    }
  }

  #speakInto(microphone) {
    if (this.#isOver) microphone.stop();
    this.#microphone = microphone;
    microphone.onended = () => this.#view.say("The microphone is gone. Connect it and join again by reloading the page.");
  }

  async #join(joinToken) {
    if (this.#isOver) return;
    this.#room?.leave();
    this.#room = new CallRoom({
      caption: (entry) => this.#dialogue.caption(entry),
      agentState: (generation, word) => this.#agents.feels(generation, word),
      connection: (news) => this.#onConnection(news),
      blocked: (yes) => this.#view.blocked(yes),
      gone: (why) => this.#onGone(why),
    });
    await this.#room.join(joinToken, this.#microphone, this.#isSilent);
    await this.#room.mute(this.#isSilent); // the button may have been used meanwhile
    if (this.#room.isJoined) this.#phase = "live";
  }

  get #isSilent() {
    return this.#isMuted || this.#isEnding;
  }

  /** There may be nothing to join any more. */
  #hasEnded() {
    return api.session(this.#sessionId).then(({ state }) => state === "ended" || state === "ending", ({ status }) => status === 404);
  }

  // What the session tells.

  #onEvent({ type, at: time, data }) {
    if (type === "session.state") this.#onState(data.state);
    if (type === "turn") this.#dialogue.turn(data);
    if (type === "agent.state") this.#onAgent(data, Date.parse(time));
    if (type === "provider.changed") this.#tell(providerChanged(data), Date.parse(time));
    if (type === "caller.presence" && data.kind === "joined") this.#joinedAt ??= Date.parse(time);
    if (type === "session.ended") this.#finish({ ended: true });
    else this.#show();
  }

  #onState(state) {
    this.#session = state;
    if (state === "ending") this.#room?.expectEnd(true);
  }

  #onAgent(data, time) {
    const { words, mark } = this.#agents.tell(data, time);
    if (data.state === "lost") this.#dialogue.breakOff(data.generation);
    if (words && this.#tell(words, time) && mark) this.#ribbon.mark(mark);
  }

  /** Note it in the captions, and say it if it is news; whether it is. */
  #tell({ now, later }, time) {
    this.#dialogue.note(later);
    const isNews = Date.now() - time <= FRESH_MS;
    if (isNews) this.#view.say(now);
    return isNews;
  }

  // What the room tells.

  #onConnection(news) {
    this.#phase = news === "lost" ? "away" : "live";
    this.#view.say(CONNECTION[news]);
  }

  #onGone(why) {
    // A room that is closed: the session has ended, or LiveKit was started anew.
    if (why === "closed") this.#rejoin();
    else this.#fail(new Trouble(why));
  }

  async #rejoin() {
    this.#phase = "away";
    if (this.#isRejoining || this.#isEnding) return;
    this.#isRejoining = true;
    await this.#tryToRejoin();
    this.#isRejoining = false;
  }

  async #tryToRejoin() {
    let last = null;
    for (const ms of REJOIN_PAUSES_MS) {
      await pause(ms);
      if (this.#isOver || this.#isEnding) return;
      try {
        last = null;
        const { state } = await api.session(this.#sessionId);
        if (state === "ended") return this.#finish({ ended: true });
        this.#session = state;
        if (state === "ending") continue;
        if (this.#microphone.readyState === "ended") this.#speakInto(await openMicrophone());
        await this.#join(await api.token(this.#sessionId));
        if (this.#room.isJoined) return;
      } catch (error) {
        if (error instanceof Trouble && error.kind !== "unreachable") return this.#fail(error);
        last = error;
        this.#view.say(CONNECTION.lost);
      }
    }
    if (last) this.#fail(last);
    else this.#finish({ ended: true }); // the clean-up takes its time
  }

  // What the caller does.

  async #toggleMute() {
    this.#isMuted = !this.#isMuted;
    kept.mute(this.#isMuted);
    this.#view.muted(this.#isMuted);
    await this.#room?.mute(this.#isMuted);
  }

  async #end() {
    this.#isEnding = true;
    this.#view.ending(true);
    this.#show();
    this.#room?.mute(true);
    this.#room?.expectEnd(true);
    try {
      this.#finish({ ended: true, bill: (await api.end(this.#sessionId)).details });
    } catch (error) {
      this.#isEnding = false;
      this.#view.ending(false);
      this.#view.say(error.message);
      this.#room?.mute(this.#isMuted);
      this.#room?.expectEnd(false);
      if (this.#meanwhile) this.#finish(this.#meanwhile);
      else if (this.#phase === "away" && !this.#room.isJoined) this.#rejoin();
    }
  }

  async #kill() {
    this.#view.killing(true);
    await api.killAgent(this.#sessionId).catch((error) => this.#view.say(error.message));
    this.#view.killing(this.#isEnding);
  }

  async #unblock() {
    wakeLevels();
    await this.#room?.unblock();
    this.#view.blocked(false);
  }

  // What is shown.

  #levels() {
    const levels = this.#room?.levels() ?? { agent: 0, caller: 0 };
    const now = performance.now();
    for (const who of ["agent", "caller"]) if (levels[who] > AUDIBLE) this.#heardAt[who] = now;
    return levels;
  }

  #show() {
    this.#view.facts({
      headline: this.#headline(),
      session: this.#session,
      generation: this.#agents.generation,
      seconds: this.#joinedAt ? (Date.now() - this.#joinedAt) / 1000 : 0,
    });
  }

  #headline() {
    if (this.#isEnding || this.#session === "ending") return "Ending";
    if (this.#phase === "connecting") return "Connecting";
    if (this.#phase === "away") return "Connection lost";
    const since = performance.now() - LINGERS_MS;
    if (this.#heardAt.agent > since) return "The agent speaks";
    if (this.#agents.absence) return this.#agents.absence;
    if (this.#heardAt.caller > since) return "You speak";
    if (this.#agents.thinks) return "The agent thinks";
    return this.#isMuted ? "You are muted" : "The agent listens";
  }

  // How it ends.

  #fail(error) {
    const kind = error instanceof ApiError ? "apiAway" : "other";
    this.#finish({ trouble: error instanceof Trouble ? error : new Trouble(kind, error.message) });
  }

  #finish(outcome) {
    if (this.#isOver) return;
    if (this.#isEnding && !outcome.bill) {
      // The answer to our own end brings the bill.
      if (!this.#meanwhile?.ended) this.#meanwhile = outcome;
      return;
    }
    this.#isOver = true;
    this.#unfollow();
    clearInterval(this.#ticking);
    this.#ribbon.stop();
    this.#microphone?.stop();
    this.#room?.leave();
    this.#done(outcome);
  }
}
