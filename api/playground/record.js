/** What remains of a session: its bill, its transcript, and where to read more. */

import { api } from "./api.js";
import { Captions } from "./captions.js";
import { Dialogue, asText } from "./dialogue.js";
import { SESSION_STATES, duration, endReason } from "./words.js";

const at = (id) => document.getElementById(id);

/** `bill` is the answer to our own end, where there was one; `own` whether the call was in this page. */
export async function showRecord(sessionId, config, { bill = null, own = false } = {}) {
  const [session, { turns }] = await Promise.all([
    api.session(sessionId),
    api.transcript(sessionId).catch((error) => ({ turns: [], ...note(error.message) })),
  ]);
  const ended = session.state === "ended" || session.state === "ending";
  at("record-title").textContent = title(session, own, ended);
  at("record-lede").textContent = lede(session, { bill, own, ended });
  at("bill").replaceChildren(...facts(session, bill).map(fact));
  const errors = bill?.errors ?? [];
  at("bill-errors").hidden = errors.length === 0;
  at("bill-errors").replaceChildren(...errors.map((text) => Object.assign(document.createElement("li"), { textContent: text })));
  at("rejoin").hidden = ended;
  at("workflow").hidden = !config.temporalUiUrl;
  if (config.temporalUiUrl) at("workflow").href = `${config.temporalUiUrl}/${encodeURIComponent(sessionId)}`;
  showTranscript(sessionId, turns, own);
}

function title(session, own, ended) {
  if (!ended) return "This session goes on";
  return own ? "Thank you for the call" : `${session.userName ?? "Somebody"} called`;
}

function lede(session, { bill, own, ended }) {
  if (!ended) return `It is ${SESSION_STATES[session.state] ?? "under way"}.`;
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
    ["Agents", session.agentGeneration ?? "–"],
    ["Voice", session.voiceId ?? "–"],
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
  if (!turns.length) note(at("transcript-note").textContent || "Nothing was said.");
  else note("");
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
