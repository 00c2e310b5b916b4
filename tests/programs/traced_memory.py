"""tracemalloc tells where memory was allocated."""
import tracemalloc

tracemalloc.start(5)
before = tracemalloc.get_traced_memory()[0]


def fill():
    return [bytes(10_000) for _ in range(100)]


kept = fill()
now, peak = tracemalloc.get_traced_memory()
print(now - before > 1_000_000, peak >= now)
snapshot = tracemalloc.take_snapshot()
[largest] = snapshot.filter_traces([tracemalloc.Filter(True, __file__)]).statistics("lineno")[:1]
print(largest.traceback[0].lineno, largest.size > 1_000_000)
print([frame.lineno for frame in tracemalloc.get_object_traceback(kept[0])][-2:])
del kept
print(tracemalloc.get_traced_memory()[0] - before < 200_000)
tracemalloc.clear_traces()
print(tracemalloc.get_traceback_limit(), tracemalloc.is_tracing())
tracemalloc.stop()
print(tracemalloc.is_tracing(), tracemalloc.get_traced_memory(), tracemalloc.get_object_traceback(snapshot))
