"""The project's errors, one tree:

OrchestratorError
├── InvalidInput           a request is malformed                                 API 400
├── SessionNotFound        no session of this id                                  API 404
├── WebhookRejected        a webhook without a valid signature                    API 401
├── WebhookTargetRefused   a customer webhook URL that is not allowed             API 400
├── SessionEnded           no join token: the session has ended or is ending      API 409
├── KeyTaken               an Idempotency-Key reused with another request         API 409
├── NoWebhooks             the session has no webhooks to redeliver               API 409
├── NoPlace                the limit of sessions is reached, or no agent is free  API 503
├── JoinTokenFailed        no LiveKit token or room for a new session             API 500
├── EndFailed              a session could not be ended                           API 500
├── SealBroken             a dispatch sealed with another secret                  the agent refuses it
├── PayloadUnreadable      a payload is damaged, or its key is missing            API 500
├── TemporalUnavailable    Temporal did not take the request                      API 503
│   └── NoWorkerAnswered   Temporal took it, but no worker answered in time       API 503
├── ConsoleError           an operator's command failed                           the command exits 1
└── SetupError             a setting or a part is missing or wrong                the process exits 1

`api/error_handlers.py` maps them to statuses. Across Temporal they travel as the `type` of an `ApplicationError`.
"""


class OrchestratorError(Exception):
    """Base of all errors that this project raises on purpose. The text is for its reader and says what to do."""


class InvalidInput(OrchestratorError):
    """A request is malformed; the text names the field."""


class SessionNotFound(OrchestratorError):
    """Temporal has no session of this id."""

    def __init__(self, session_id: str) -> None:
        super().__init__(f"Session {session_id} not found")


class SessionEnded(OrchestratorError):
    """The session has ended or is ending, so nobody can join it."""


class KeyTaken(OrchestratorError):
    """The Idempotency-Key was used with another request."""


class WebhookRejected(OrchestratorError):
    """A webhook has no valid signature, or is too old."""


class WebhookTargetRefused(OrchestratorError):
    """A customer webhook may not go to this URL; the text says why and never repeats the URL."""


class NoWebhooks(OrchestratorError):
    """The session has no webhook URL, or one that is no longer allowed."""


class NoPlace(OrchestratorError):
    """A limit of sessions is reached, or no agent is free. A new attempt is worth it after `retry_after` seconds."""

    def __init__(self, text: str, retry_after: int = 5) -> None:
        super().__init__(text)
        self.retry_after = retry_after


class JoinTokenFailed(OrchestratorError):
    """The LiveKit token or room of a new session could not be created."""


class EndFailed(OrchestratorError):
    """The end of a session failed or is not confirmed yet."""


class PayloadUnreadable(OrchestratorError):
    """An encrypted payload cannot be decrypted with these keys; the text names the key, never the contents."""


class TemporalUnavailable(OrchestratorError):
    """Temporal is unreachable or refused the request."""


class NoWorkerAnswered(TemporalUnavailable):
    """Temporal is reachable, but no worker answered in time."""


class ConsoleError(OrchestratorError):
    """The API refused an operator's command or is unreachable; the text says what to do."""


class SetupError(OrchestratorError):
    """A process or the local stack cannot start; the text names what is missing and how to get it."""
