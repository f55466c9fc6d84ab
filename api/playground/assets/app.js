/** Which of the four views is shown: the start, a call, what remains of it, or what is in the way. */

import { api } from "./api.js";
import { kept } from "./kept.js";
import { Trouble, openMicrophone } from "./microphone.js";
import { showRecent } from "./recent.js";
import { readRecord, showRecord } from "./record.js";
import { askForSession, startForm } from "./start.js";
import { Talk } from "./talk.js";
import { ACTIONS, TROUBLES, learnEndReasons } from "./words.js";

const VIEWS = ["start", "call", "record", "trouble"];
const ENDING_MS = 2000;

const at = (id) => document.getElementById(id);

let config;
let steps = 0;
const ended = new Set(); // from here: the list of sessions may be a moment behind

/** The user goes on to something else. Whatever takes its time asks the answer whether it is still wanted. */
function goOn() {
  steps += 1;
  const step = steps;
  return () => step === steps;
}

function show(view) {
  const changed = at(view).hidden;
  for (const name of VIEWS) at(name).hidden = name !== view;
  if (changed) {
    window.scrollTo(0, 0);
    at(view).querySelector("h1").focus();
  }
}

function showStart() {
  goOn();
  if (location.hash) history.replaceState(null, "", location.pathname);
  show("start");
  showRecent(ended);
}

async function showSession(sessionId, { bill = null, own = false } = {}) {
  const isWanted = goOn();
  const again = () => showSession(sessionId, { bill, own });
  try {
    const record = await readRecord(sessionId, bill);
    if (!isWanted()) return;
    showRecord(record, config, own);
    at("rejoin").onclick = () => join(sessionId);
    show("record");
    if (location.hash !== `#${sessionId}`) history.replaceState(null, "", `#${sessionId}`);
    if (record.session?.state === "ending") setTimeout(() => isWanted() && again(), ENDING_MS);
  } catch (error) {
    if (isWanted()) inTheWay(new Trouble(error.status === 404 ? "unknown" : "unread", error.message), sessionId, again);
  }
}

/** What is in the way, and what can be done about it; `again` repeats what was tried. */
function inTheWay(trouble, sessionId, again) {
  goOn();
  const { title, text, actions } = TROUBLES[trouble.kind] ?? TROUBLES.other;
  const deeds = {
    again,
    back: leave,
    rejoin: sessionId && (() => join(sessionId)),
    end: sessionId && (() => end(sessionId)),
  };
  at("trouble-title").textContent = title;
  at("trouble-text").textContent = text;
  at("trouble-detail").textContent = trouble.message;
  at("trouble-actions").replaceChildren(...actions.filter((name) => deeds[name]).map((name, index) => {
    const button = Object.assign(document.createElement("button"), { type: "button", textContent: ACTIONS[name] });
    if (index === 0) button.className = "primary";
    button.addEventListener("click", deeds[name]);
    return button;
  }));
  show("trouble");
}

function leave() {
  kept.leave();
  showStart();
}

async function end(sessionId) {
  const isWanted = goOn();
  try {
    const { details } = await api.end(sessionId);
    if (isWanted()) over(sessionId, details);
  } catch (error) {
    if (isWanted()) at("trouble-detail").textContent = error.message;
  }
}

function over(sessionId, bill) {
  ended.add(sessionId);
  kept.leave();
  showSession(sessionId, { bill, own: true });
}

/** A new session. What the API has against it is thrown, for the form to show. */
async function begin(wanted) {
  const isWanted = goOn();
  let microphone;
  try {
    microphone = await openMicrophone();
  } catch (trouble) {
    if (isWanted()) inTheWay(trouble, null, retry);
    return;
  }
  try {
    const joinToken = isWanted() ? await askForSession(wanted) : null;
    if (isWanted()) return call(joinToken.sessionId, { microphone, joinToken });
    if (joinToken) api.end(joinToken.sessionId).catch(() => {}); // nobody will come to it
  } catch (error) {
    microphone.stop();
    throw error;
  }
  microphone.stop();
}

function retry() {
  showStart();
  at("form").requestSubmit();
}

/** A session that goes on without us: after a reload, say. */
function join(sessionId) {
  call(sessionId, {});
}

function call(sessionId, means) {
  goOn();
  kept.enter(sessionId);
  const talk = new Talk(sessionId, config, ({ trouble, bill }) => {
    if (trouble) inTheWay(trouble, sessionId, () => join(sessionId));
    else over(sessionId, bill);
  });
  show("call");
  talk.begin(means);
}

async function main() {
  try {
    config = await api.config();
  } catch (error) {
    config = { temporalUiUrl: null, killButton: false, voiceSamples: false, endReasons: {} };
    at("form-error").textContent = error.message;
  }
  learnEndReasons(config.endReasons);
  startForm(config, begin);
  at("again").addEventListener("click", showStart);
  window.addEventListener("hashchange", route);
  if (kept.session()) join(kept.session());
  else route();
}

function route() {
  if (!at("call").hidden) return;
  const sessionId = location.hash.slice(1);
  if (sessionId) showSession(sessionId);
  else showStart();
}

main();
