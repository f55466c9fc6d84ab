/** A session's event log, followed from its first entry to its last. */

import { api } from "./api.js";

const TYPES = ["session.state", "agent.state", "caller.presence", "turn", "session.ended"];
const AGAIN_MS = 2000;

/** Calls `onEvent` once for each event, in order, until `session.ended` or until the returned function is called. */
export function follow(sessionId, onEvent) {
  let source;
  let last = 0;
  let timer;

  function open() {
    source = new EventSource(api.eventsUrl(sessionId, last));
    for (const type of TYPES) source.addEventListener(type, receive);
    source.addEventListener("error", () => {
      // The browser comes back by itself, and with the last id, unless the answer was an error.
      if (source.readyState === EventSource.CLOSED) timer = setTimeout(open, AGAIN_MS);
    });
  }

  function receive({ data }) {
    const event = JSON.parse(data);
    if (event.id <= last) return;
    last = event.id;
    if (event.type === "session.ended") stop();
    onEvent(event);
  }

  function stop() {
    clearTimeout(timer);
    source.close();
  }

  open();
  return stop;
}
