"""A caller without a microphone: speaks synthesized sentences in real time and recognizes what the agent says.

`make call` talks with it; the end-to-end tests and the benchmarks measure with it.
"""

from lab.caller.caller import Caller, Heard
from lab.caller.microphone import Spoken
from lab.caller.timeline import Span, Timeline

__all__ = ["Caller", "Heard", "Span", "Spoken", "Timeline"]
