"""What pyperformance's scripts need of the package `pyperf`: one process, one line of JSON for each benchmark.

Each benchmark is repeated until a turn takes TURN seconds, then for WARM seconds, then measured three times; the line holds the
median time of one loop in seconds and the process's peak memory in kilobytes. `run.py` in this folder reads the lines.
"""

import json
import resource
import statistics
import time
from time import perf_counter

TURN = 0.2
WARM = 1.5


def python_implementation():
    import sys

    return sys.implementation.name


class Runner:
    """Stands for pyperf.Runner; its options for worker processes have no meaning here."""

    def __init__(self, **options):
        self.metadata = {}
        self.args = None
        self._parser = None

    @property
    def argparser(self):
        if self._parser is None:
            import argparse

            self._parser = argparse.ArgumentParser()
        return self._parser

    def parse_args(self, args=None):
        self.args = self.args or self.argparser.parse_args(args)
        return self.args

    def bench_time_func(self, name, time_func, *args, inner_loops=1, metadata=None):
        """time_func(loops, *args) gives the seconds that so many loops took."""
        end_of_warming = perf_counter() + WARM
        loops = 1
        while (taken := time_func(loops, *args)) < TURN:
            loops = max(loops + 1, min(loops * 8, int(loops * TURN / max(taken, 1e-9))))
        while perf_counter() < end_of_warming:
            time_func(loops, *args)
        value = statistics.median(time_func(loops, *args) for _ in range(3)) / loops / (inner_loops or 1)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        print("RESULT", json.dumps({"name": name, "seconds": value, "peak": peak}), flush=True)

    def bench_func(self, name, func, *args, inner_loops=1, metadata=None):
        def timed(loops):
            start = perf_counter()
            for _ in range(loops):
                func(*args)
            return perf_counter() - start

        self.bench_time_func(name, timed, inner_loops=inner_loops)

    def bench_async_func(self, name, func, *args, inner_loops=1, loop_factory=None, metadata=None):
        import asyncio

        async def timed(loops):
            start = perf_counter()
            for _ in range(loops):
                await func(*args)
            return perf_counter() - start

        def run(loops):
            with asyncio.Runner(loop_factory=loop_factory) as runner:
                return runner.run(timed(loops))

        self.bench_time_func(name, run, inner_loops=inner_loops)
