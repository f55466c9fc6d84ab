"""The project's errors, one tree:

OrchestratorError
├── SessionNotFound        the id names no session                                    API 404
├── WebhookRejected        a webhook without a valid signature                        API 401
├── TicketFailed           no LiveKit token or room for a new session                 API 500
├── EndFailed              a session's end could not be carried out                   API 500
├── SealBroken             a dispatch sealed with another secret (sealing.py)            the agent refuses it
├── TemporalUnavailable    Temporal did not take the request                          API 503
│   └── NoWorkerAnswered   Temporal took it, but no worker answered in time           API 503
└── SetupError             the local stack lacks something; the text says what to do  `make up` exits 1

`api/errors.py` maps them to statuses. Across Temporal they travel as the `type` of an `ApplicationError`.
"""


class OrchestratorError(Exception):
    """Base of all errors that this project raises on purpose. Its text is written for the person who reads it."""


class SessionNotFound(OrchestratorError):
    """The id names no session that Temporal still knows."""


class WebhookRejected(OrchestratorError):
    """A webhook was not signed, or not by us."""


class TicketFailed(OrchestratorError):
    """The LiveKit token or room of a new session could not be made."""


class EndFailed(OrchestratorError):
    """The end of a session could not be carried out or confirmed."""


class TemporalUnavailable(OrchestratorError):
    """Temporal could not be reached or refused the request."""


class NoWorkerAnswered(TemporalUnavailable):
    """Temporal is there, but no worker took the session in time."""


class SetupError(OrchestratorError):
    """The local stack cannot start; the text names what is missing and how to get it."""
