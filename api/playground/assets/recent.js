/** The list of recent sessions. */

import { api } from "./api.js";
import { SESSION_STATES, ago, duration, endReason } from "./words.js";

const at = (id) => document.getElementById(id);

/** `ended` holds the ids of sessions that are known to be over, whatever the list says yet. */
export async function showRecent(ended) {
  const note = at("recent-note");
  try {
    const { sessions } = await api.sessions();
    at("recent").replaceChildren(...sessions.map((session) => row(session, ended.has(session.sessionId))));
    note.hidden = sessions.length > 0;
    note.textContent = "Nobody has called yet.";
  } catch (error) {
    note.hidden = false;
    note.textContent = error.message;
  }
}

function row(session, hasEnded) {
  const item = document.createElement("li");
  const link = document.createElement("a");
  link.href = `#${session.sessionId}`;
  const live = session.state !== "ended" && !hasEnded;
  const told = session.state === "ended" ? endReason(session.endReason) : SESSION_STATES[hasEnded ? "ended" : session.state] ?? "under way";
  link.append(
    line("name", session.userName ?? "unreadable", session.durationSeconds === null ? "" : duration(session.durationSeconds)),
    line(live ? "told live" : "told", `${told} · ${ago(session.startedAt)}`),
  );
  item.append(link);
  return item;
}

function line(name, ...texts) {
  const element = document.createElement("span");
  element.className = name;
  element.append(...texts.map((text) => Object.assign(document.createElement("span"), { textContent: text })));
  return element;
}
