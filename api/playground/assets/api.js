/** The public API, and the three routes of the page's own. Addresses are relative, so that a path prefix does no harm. */

export class ApiError extends Error {
  constructor(status, text) {
    super(text);
    this.status = status;
  }
}

async function call(method, path, body, headers = {}) {
  let answer;
  try {
    answer = await fetch(path, {
      method,
      headers: body ? { "Content-Type": "application/json", ...headers } : {},
      body: body && JSON.stringify(body),
    });
  } catch {
    throw new ApiError(0, "The API cannot be reached.");
  }
  if (!answer.ok) {
    const said = await answer.json().catch(() => ({}));
    throw new ApiError(answer.status, said.detail ?? `The API answered with ${answer.status}.`);
  }
  return answer.status === 204 ? null : answer.json();
}

const of = (sessionId) => `api/session/${encodeURIComponent(sessionId)}`;

export const api = {
  config: () => call("GET", "playground/config.json"),
  killAgent: (sessionId) => call("POST", `playground/kill-agent/${encodeURIComponent(sessionId)}`),
  start: (wanted, key) => call("POST", "api/session/start", wanted, { "Idempotency-Key": key }),
  token: (sessionId) => call("POST", `${of(sessionId)}/token`),
  end: (sessionId) => call("POST", "api/session/end", { sessionId }),
  session: (sessionId) => call("GET", of(sessionId)),
  transcript: (sessionId) => call("GET", `${of(sessionId)}/transcript`),
  sessions: () => call("GET", "api/sessions?pageSize=8"),
  eventsUrl: (sessionId, after) => `${of(sessionId)}/events?after=${after}`,
};
