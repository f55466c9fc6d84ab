/** What the page says, wherever it says more than a label. */

export const SESSION_STATES = {
  starting: "starting",
  waiting: "waiting for you",
  active: "active",
  reconnecting: "waiting for you to come back",
  ending: "ending",
  ended: "ended",
};

let endReasons = {};

/** The API's own table, by reason. */
export const learnEndReasons = (table) => void (endReasons = table);

export const endReason = (reason) => endReasons[reason] ?? reason ?? "terminated in Temporal";

export function duration(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  const rest = String(whole % 60).padStart(2, "0");
  const minutes = Math.floor(whole / 60);
  return minutes < 60 ? `${minutes}:${rest}` : `${Math.floor(minutes / 60)}:${String(minutes % 60).padStart(2, "0")}:${rest}`;
}

const RELATIVE = new Intl.RelativeTimeFormat("en", { numeric: "auto" });

export function ago(time, now = Date.now()) {
  const seconds = Math.min(0, (new Date(time) - now) / 1000);
  if (seconds > -60) return "just now";
  const [unit, size] = [["minute", 60], ["hour", 3600], ["day", 86400]].findLast(([, size]) => -seconds >= size);
  return RELATIVE.format(Math.round(seconds / size), unit);
}

/** What may be in the way of a call. `actions` name what can be done; `app.js` knows how. */
export const TROUBLES = {
  microphoneRefused: {
    title: "The microphone was refused",
    text: "The agent can only answer what it hears. Allow the microphone for this page, in the address bar or in the browser's settings, and try again.",
    actions: ["again", "end", "back"],
  },
  microphoneMissing: {
    title: "There is no microphone",
    text: "No microphone was found on this device. Connect one, or a headset, and try again.",
    actions: ["again", "end", "back"],
  },
  microphoneBusy: {
    title: "The microphone does not answer",
    text: "It is there, but something else holds it. Close other programs that use it, and try again.",
    actions: ["again", "end", "back"],
  },
  insecure: {
    title: "This address is not safe enough",
    text: "Browsers give the microphone to pages from https:// or from localhost only. Open this page from there.",
    actions: ["back"],
  },
  unreachable: {
    title: "LiveKit cannot be reached",
    text: "The session stands, and its agent waits, but your voice finds no way to them. The server may be down, or a firewall is in between.",
    actions: ["rejoin", "end"],
  },
  elsewhere: {
    title: "The call goes on in another window",
    text: "A session has one caller, and you have joined this one from somewhere else.",
    actions: ["rejoin", "back"],
  },
  removed: {
    title: "You were taken out of the room",
    text: "Somebody removed you from the call. The session waits a little for you to come back.",
    actions: ["rejoin", "end"],
  },
  unknown: {
    title: "This session is not known",
    text: "It may be older than what Temporal keeps, or from another stack.",
    actions: ["back"],
  },
  apiAway: {
    title: "The call cannot go on just now",
    text: "The API did not let you back in. If the session still stands, you can try again.",
    actions: ["rejoin", "back"],
  },
  unread: {
    title: "This session cannot be read just now",
    text: "That says nothing of the session itself. Temporal or the workers may be away for a moment.",
    actions: ["again", "back"],
  },
  other: {
    title: "Something is in the way",
    text: "It is nothing that this page knows of.",
    actions: ["rejoin", "end", "back"],
  },
};

export const ACTIONS = {
  again: "Try again",
  back: "Back to the start",
  rejoin: "Join again",
  end: "End the session",
};

/** What is said of the connection to LiveKit. */
export const CONNECTION = {
  lost: "The connection is gone. The session waits for you, and the page tries again.",
  back: "The connection is back.",
};

/** What is said of agents that come and go: at once, and in the record of the call. */
export const lost = (generation, reason) => ({
  now: `Agent ${generation} was lost${reason ? `: ${reason}` : ""}. The next one is on its way, and knows what was said.`,
  later: `Agent ${generation} was lost`,
});
export const tookOver = (generation, seconds) => ({
  now: `Agent ${generation} is here. Go on talking.`,
  later: `Agent ${generation} took over${seconds ? ` after ${seconds.toFixed(1)} s` : ""}`,
});
export const handingOver = (generation) => ({
  now: `Agent ${generation} hands over to the next one when it has finished.`,
  later: `Agent ${generation} was asked to hand over`,
});

const PARTS = { stt: "hears with", llm: "thinks with", tts: "speaks with" };

/** What is said of a provider of speech that failed, or is back. */
export function providerChanged({ part, provider, available, nextUp }) {
  const later = available ? `${provider} is back` : `${provider} failed`;
  if (available) return { now: `${later}.`, later };
  return { now: nextUp ? `${later}. The agent ${PARTS[part]} ${nextUp} now.` : `${later}, and there is no other.`, later };
}
