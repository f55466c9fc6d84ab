/** What outlives a reload, for as long as the tab is open: the session that this page is in, and whether it is muted. */

const SESSION = "session";
const MUTED = "muted";

export const kept = {
  session: () => sessionStorage.getItem(SESSION),
  muted: () => sessionStorage.getItem(MUTED) !== null,

  /** Into this session; a new one begins with the microphone open. */
  enter(sessionId) {
    if (kept.session() !== sessionId) kept.leave();
    sessionStorage.setItem(SESSION, sessionId);
  },

  mute(muted) {
    if (muted) sessionStorage.setItem(MUTED, "yes");
    else sessionStorage.removeItem(MUTED);
  },

  leave() {
    for (const name of [SESSION, MUTED]) sessionStorage.removeItem(name);
  },
};
