/** Which of the four views is shown: the start, a call, what remains of it, or what is in the way. */

import { api } from "./api.js";
import { Trouble, openMicrophone } from "./microphone.js";
import { showRecent } from "./recent.js";
import { showRecord } from "./record.js";
import { startForm } from "./start.js";
import { Talk } from "./talk.js";
import { ACTIONS, TROUBLES } from "./words.js";

const VIEWS = ["start", "call", "record", "trouble"];
const KEPT = "session"; // the one thing that outlives a reload: which session this page is in

const at = (id) => document.getElementById(id);
const kept = {
  get: () => sessionStorage.getItem(KEPT),
  set: (sessionId) => sessionStorage.setItem(KEPT, sessionId),
  clear: () => sessionStorage.removeItem(KEPT),
};

let config;

function show(view) {
  const changed = at(view).hidden;
  for (const name of VIEWS) at(name).hidden = name !== view;
  if (changed) {
    window.scrollTo(0, 0);
    at(view).querySelector("h1").focus();
  }
}

function showStart() {
  if (location.hash) history.replaceState(null, "", location.pathname);
  show("start");
  showRecent();
}

async function showSession(sessionId, how) {
  try {
    await showRecord(sessionId, config, how);
    at("rejoin").onclick = () => join(sessionId);
    show("record");
    if (location.hash !== `#${sessionId}`) history.replaceState(null, "", `#${sessionId}`);
  } catch (error) {
    inTheWay(error.status === 404 ? new Trouble("unknown", error.message) : new Trouble("apiAway", error.message), sessionId);
  }
}

/** What is in the way, and what can be done about it; `again` repeats what was tried. */
function inTheWay(trouble, sessionId, again) {
  const { title, text, actions } = TROUBLES[trouble.kind];
  const deeds = {
    again,
    back: leave,
    rejoin: () => join(sessionId),
    end: () => end(sessionId),
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
  kept.clear();
  showStart();
}

async function end(sessionId) {
  try {
    const { details } = await api.end(sessionId);
    kept.clear();
    await showSession(sessionId, { bill: details, own: true });
  } catch (error) {
    at("trouble-detail").textContent = error.message;
  }
}

/** A new session. What the API has against it is thrown, for the form to show. */
async function begin(wanted) {
  let microphone;
  try {
    microphone = await openMicrophone();
  } catch (trouble) {
    inTheWay(trouble, null, retry);
    return;
  }
  try {
    talk(await api.start(wanted), microphone);
  } catch (error) {
    microphone.stop();
    throw error;
  }
}

function retry() {
  showStart();
  at("form").requestSubmit();
}

/** A session that goes on without us: after a reload, say. */
async function join(sessionId) {
  at("speaking").textContent = "Connecting";
  show("call");
  let microphone;
  try {
    microphone = await openMicrophone();
    talk(await api.token(sessionId), microphone);
  } catch (error) {
    microphone?.stop();
    if (error instanceof Trouble) inTheWay(error, sessionId, () => join(sessionId));
    else await couldNotJoin(sessionId, error);
  }
}

/** Perhaps there is nothing to join any more. */
async function couldNotJoin(sessionId, error) {
  const session = await api.session(sessionId).catch(() => null);
  if (session?.state === "ended" || session?.state === "ending" || error.status === 404) {
    kept.clear();
    await showSession(sessionId, { own: true });
  } else {
    inTheWay(new Trouble("apiAway", error.message), sessionId);
  }
}

function talk(ticket, microphone) {
  const { sessionId } = ticket;
  kept.set(sessionId);
  const call = new Talk(sessionId, microphone, config, ({ trouble, bill }) => {
    if (trouble) {
      inTheWay(trouble, sessionId);
      return;
    }
    kept.clear();
    showSession(sessionId, { bill, own: true });
  });
  show("call");
  call.begin(ticket);
}

async function main() {
  try {
    config = await api.config();
  } catch (error) {
    config = { temporalUiUrl: null, killButton: false, voiceSamples: false };
    at("form-error").textContent = error.message;
  }
  startForm(config, begin);
  at("again").addEventListener("click", showStart);
  window.addEventListener("hashchange", route);
  if (kept.get()) join(kept.get());
  else route();
}

function route() {
  if (!at("call").hidden) return;
  const sessionId = location.hash.slice(1);
  if (sessionId) showSession(sessionId);
  else showStart();
}

main();
