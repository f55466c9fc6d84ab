"""The project's errors, one tree:

OrchestratorError
├── SessionNotFound        the id names no session                                    API 404
├── WebhookRejected        a webhook without a valid signature                        API 401
├── WebhookTargetRefused   a customer's webhook may not go there                      API 400
├── SessionEnded           it has ended, or is about to: no join token opens it           API 409
├── KeyTaken               an Idempotency-Key with another request than before        API 409
├── NoWebhooks             no webhooks can be delivered again                         API 409
├── NoPlace                MAX_SESSIONS run                                           API 503
├── JoinTokenFailed           no LiveKit token or room for a new session                 API 500
├── EndFailed              a session's end could not be carried out                   API 500
├── SealBroken             a dispatch sealed with another secret                             the agent refuses it
├── PayloadUnreadable      a payload whose key is missing, or that is damaged         API 500
├── TemporalUnavailable    Temporal did not take the request                          API 503
│   └── NoWorkerAnswered   Temporal took it, but no worker answered in time           API 503
├── ConsoleError           what an operator typed cannot be done                      the command exits 1
└── SetupError             a setting or a part is missing; the text says what to do   the process exits 1

`api/errors.py` maps them to statuses. Across Temporal they travel as the `type` of an `ApplicationError`.
"""


class OrchestratorError(Exception):
    """Base of all errors that this project raises on purpose. Its text is written for the person who reads it."""


class SessionNotFound(OrchestratorError):
    """The id names no session that Temporal still knows."""


class SessionEnded(OrchestratorError):
    """The session has ended or is about to, so that nobody can join it any more."""


class KeyTaken(OrchestratorError):
    """The Idempotency-Key was used with another request."""


class WebhookRejected(OrchestratorError):
    """A webhook was not signed, or not by us."""


class WebhookTargetRefused(OrchestratorError):
    """A customer's webhook may not go to this URL; the text says why and never repeats it."""


class NoWebhooks(OrchestratorError):
    """There is nobody to whom a session's webhooks could be delivered again."""


class NoPlace(OrchestratorError):
    """As many sessions run as may run at once."""


class JoinTokenFailed(OrchestratorError):
    """The LiveKit token or room of a new session could not be made."""


class EndFailed(OrchestratorError):
    """The end of a session could not be carried out or confirmed."""


class PayloadUnreadable(OrchestratorError):
    """An encrypted payload cannot be read with these keys; the text names the key, never the contents."""


class TemporalUnavailable(OrchestratorError):
    """Temporal could not be reached or refused the request."""


class NoWorkerAnswered(TemporalUnavailable):
    """Temporal is there, but no worker took the session in time."""


class ConsoleError(OrchestratorError):
    """The API refused what an operator asked for, or cannot be reached; the text says what to do."""


class SetupError(OrchestratorError):
    """A process or the local stack cannot start; the text names what is missing and how to get it."""
