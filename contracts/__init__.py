"""Everything that crosses a process boundary: ids, inputs and results, signals, queries. Pure: it imports no I/O.

Every boundary takes one object, so that a field can be added without breaking a running session. Times are Unix
milliseconds (`*_at_ms`), spans are seconds (`*_seconds`).
"""
