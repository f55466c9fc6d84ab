/** What remains of a session: its bill, its transcript, and where to read more. */

import { api } from "./api.js";
import { Captions } from "./captions.js";
import { Dialogue, asText } from "./dialogue.js";
import { SESSION_STATES, duration, endReason } from "./words.js";

const at = (id) => document.getElementById(id);

/** `bill` is the answer to our own end, where there was one: it is shown even when nothing more can be read. */
export async function readRecord(sessionId, bill = null) {
  const unread = [];
  const without = (nothing) => (error) => {
    unread.push(error.message);
    return nothing;
  };
  const session = api.session(sessionId);
  const [read, { turns }] = await Promise.all([
    bill ? session.catch(without(null)) : session,
    api.transcript(sessionId).catch(without({ turns: [] })),
  ]);
  return { sessionId, session: read, bill, turns, unread };
}

/** `own` says whether the call was in this page. */
export function showRecord(record, config, own) {
  const { sessionId, session, bill, turns, unread } = record;
  const state = bill ? "ended" : session.state;
  const isOver = state === "ended" || state === "ending";
  at("record-title").textContent = title(session, own, isOver);
  at("record-lede").textContent = lede(session, { bill, own, state });
  at("bill").replaceChildren(...facts(session, bill).map(fact));
  const errors = bill?.errors ?? [];
  at("bill-errors").hidden = errors.length === 0;
  at("bill-errors").replaceChildren(...errors.map((text) => Object.assign(document.createElement("li"), { textContent: text })));
  at("rejoin").hidden = isOver;
  at("again").classList.toggle("primary", isOver);
  at("workflow").hidden = !config.temporalUiUrl;
  if (config.temporalUiUrl) at("workflow").href = `${config.temporalUiUrl}/${encodeURIComponent(sessionId)}`;
  showTranscript(sessionId, turns, own);
  if (unread.length) note(unread[0]);
  else note(turns.length ? "" : `Nothing was said${isOver ? "" : " yet"}.`);
}

function title(session, own, isOver) {
  if (!isOver) return "This session goes on";
  return own ? "Thank you for the call" : `${session.userName ?? "Somebody"} called`;
}

function lede(session, { bill, own, state }) {
  if (!session) return "You ended it, and this is the bill. More of it cannot be read just now.";
  if (state === "ending") return "It is ending, and its bill is being made.";
  if (state !== "ended") return `It is ${SESSION_STATES[state] ?? "under way"}.`;
  const when = new Date(session.startedAt).toLocaleString("en", { dateStyle: "long", timeStyle: "short" });
  if (bill) return `${when}. You ended it, and this is the bill.`;
  if (own && session.endReason === "api_request") return `${when}. It was ended elsewhere, while you were in it.`;
  return `${when}. It ${verb(endReason(session.endReason))}.`;
}

const verb = (reason) => (/^(ended|reached|cancelled|terminated)/.test(reason) ? reason.replace(/^(cancelled|terminated)/, "was $1") : `ended: ${reason}`);

function facts(session, bill) {
  const seconds = bill?.durationSeconds ?? session.durationSeconds;
  const minutes = bill?.durationMinutes ?? session.durationMinutes;
  return [
    ["Conversation", seconds === null ? "–" : duration(seconds)],
    ["Billed", minutes === null ? "–" : `${minutes} min`],
    ["Agents", session?.agentGeneration ?? "–"],
    ["Voice", session?.voiceId ?? "–"],
  ];
}

function fact([name, value]) {
  const pair = document.createElement("div");
  pair.append(
    Object.assign(document.createElement("dt"), { textContent: name }),
    Object.assign(document.createElement("dd"), { textContent: value }),
  );
  return pair;
}

function showTranscript(sessionId, turns, own) {
  const captions = new Captions(at("transcript"), own ? "You" : "Caller");
  const dialogue = new Dialogue(() => captions.show(dialogue.entries));
  for (const turn of turns) dialogue.turn(turn);
  at("copy").disabled = at("save").disabled = turns.length === 0;
  at("copy").onclick = () =>
    navigator.clipboard.writeText(asText(turns)).then(
      () => note("Copied."),
      () => note("The browser did not let the page copy; save it instead."),
    );
  at("save").onclick = () => save(`${sessionId}.txt`, asText(turns));
}

function note(text) {
  at("transcript-note").textContent = text;
}

function save(name, text) {
  const url = URL.createObjectURL(new Blob([text], { type: "text/plain" }));
  Object.assign(document.createElement("a"), { href: url, download: name }).click();
  URL.revokeObjectURL(url);
}
