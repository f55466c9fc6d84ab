"""A caller without a microphone: speaks synthesized sentences in real time, hears and recognizes the agent.

`make call` talks with it; the end-to-end tests and the benchmarks measure with it.
"""

from lab.caller.caller import Caller, Caption, Heard
from lab.caller.microphone import Spoken
from lab.caller.rest import SessionClient, Started
from lab.caller.timeline import Span, Timeline

__all__ = ["Caller", "Caption", "Heard", "SessionClient", "Span", "Spoken", "Started", "Timeline"]
