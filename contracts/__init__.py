"""What crosses a process boundary: ids, inputs and results, signals, queries. Pure: no I/O is imported here.

Every boundary takes one object, so that a field can be added without breaking a running session. Fields are added,
never renamed or reordered. Times are Unix milliseconds (`*_at_ms`), spans are seconds (`*_seconds`).
"""
