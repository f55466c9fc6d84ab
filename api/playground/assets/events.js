/** A session's event log, followed from its first entry to its last. */

import { api } from "./api.js";

const TYPES = ["session.state", "agent.state", "caller.presence", "turn", "provider.changed", "session.ended"];
const AGAIN_MS = 2000;

/**
 * Calls `onEvent` once for each event, in order, until `session.ended` or until the returned function is called; and
 * `onOver` when the log breaks off without it, because the session was terminated or is not known any more.
 */
export function follow(sessionId, onEvent, onOver) {
  let source;
  let last = 0;
  let timer;
  let isStopped = false;

  function open() {
    source = new EventSource(api.eventsUrl(sessionId, last));
    for (const type of TYPES) source.addEventListener(type, receive);
    source.addEventListener("error", () => {
      // The browser comes back by itself, and with the last id, unless the answer was no stream.
      if (source.readyState === EventSource.CLOSED) lookWhy();
    });
  }

  async function lookWhy() {
    const isOver = await api.session(sessionId).then(({ state }) => state === "ended", ({ status }) => status === 404);
    if (isStopped) return;
    if (isOver) onOver();
    else timer = setTimeout(open, AGAIN_MS);
  }

  function receive({ data }) {
    const event = JSON.parse(data);
    if (event.id <= last) return;
    last = event.id;
    if (event.type === "session.ended") stop();
    onEvent(event);
  }

  function stop() {
    isStopped = true;
    clearTimeout(timer);
    source.close();
  }

  open();
  return stop;
}
