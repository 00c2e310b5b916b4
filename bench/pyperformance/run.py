#!/usr/bin/env python3
"""Compares Python interpreters on pyperformance's scripts, as far as these need the standard library alone.

    pip download --no-deps pyperformance==1.14.0 && unzip -q pyperformance-*.whl -d /tmp/pp
    bench/pyperformance/run.py --scripts /tmp/pp target/release/naja python3.14
    bench/pyperformance/run.py --scripts /tmp/pp -k 'async|regex' target/release/naja python3.14

The interpreters take turns at each script, each run in a process of its own, with the small `pyperf.py` of this folder in place
of pyperf. A column gives how many times as fast as that interpreter the first one is; the last lines the geometric mean, the
least, and the first one's peak memory as a share of the other's.
"""

import argparse
import json
import math
import os
import re
import statistics
import subprocess
import sys

# Scripts with arguments; a name by itself stands for the folder bm_NAME and no arguments.
SUITE = {
    "argparse": ("argparse", "many_optionals"),
    "async_tree_none": ("async_tree", "none"),
    "async_tree_eager": ("async_tree", "eager"),
    "async_tree_cpu_io_mixed": ("async_tree", "cpu_io_mixed"),
    "logging": ("logging", "format"),
    "pickle_pure_python": ("pickle", "--pure-python", "pickle"),
    "unpickle_pure_python": ("pickle", "--pure-python", "unpickle"),
    "xml_etree": ("xml_etree", "process"),
} | {f"scimark_{part}": ("scimark", part) for part in ("fft", "lu", "monte_carlo", "sor", "sparse_mat_mult")}
PLAIN = """async_generators asyncio_tcp barnes_hut base64 chaos comprehensions coroutines decimal_pi deepcopy deltablue fannkuch
float gc_collect gc_traversal generators go hexiom json_dumps json_loads mdp meteor_contest nbody nqueens pathlib pidigits pprint
pyflate raytrace regex_compile regex_dna regex_effbot regex_v8 richards richards_super spectral_norm sqlite_synth telco
typing_runtime_protocols unpack_sequence"""
SUITE |= {name: (name,) for name in PLAIN.split()}


def mean(values):
    """The geometric mean."""
    return math.exp(statistics.fmean(map(math.log, values))) if values else math.nan


def measure(interpreter, root, folder, *arguments):
    """(seconds, kilobytes) of one run, or None where it failed; a script with several results counts as their mean."""
    folder = os.path.join(root, "pyperformance", "data-files", "benchmarks", f"bm_{folder}")
    environment = dict(os.environ, PYTHONPATH=os.path.dirname(os.path.abspath(__file__)))
    command = [interpreter, os.path.join(folder, "run_benchmark.py"), *arguments]
    try:
        done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=300)
    except subprocess.TimeoutExpired:
        return None
    rows = [json.loads(line[7:]) for line in done.stdout.splitlines() if line.startswith("RESULT ")]
    if done.returncode or not rows:
        print(f"{interpreter}: {folder}: exit {done.returncode}: {done.stderr.strip()[-200:]}", file=sys.stderr)
        return None
    return mean([row["seconds"] for row in rows]), max(row["peak"] for row in rows)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("interpreters", nargs="+")
    parser.add_argument("--scripts", required=True, help="folder of the unpacked package pyperformance")
    parser.add_argument("-n", "--rounds", type=int, default=1)
    parser.add_argument("-k", "--match", default="")
    options = parser.parse_args()
    pythons = [os.path.abspath(p) if os.path.exists(p) else p for p in options.interpreters]
    speed, memory = [[] for _ in pythons], [[] for _ in pythons]
    print(f"{'':28}{'ms':>10}" + "".join(f"{os.path.basename(p):>14}" for p in pythons[1:]))
    for name, script in sorted(SUITE.items()):
        if not re.search(options.match, name):
            continue
        runs = [[] for _ in pythons]
        for _ in range(options.rounds):
            for found, python in zip(runs, pythons):
                found.append(measure(python, options.scripts, *script))
        figures = [None if None in found else tuple(map(statistics.median, zip(*found))) for found in runs]
        own, others = figures[0], figures[1:]
        line = f"{name:28}" + (f"{own[0] * 1000:10.3f}" if own else f"{'fails':>10}")
        for index, other in enumerate(others, 1):
            if own and other:
                speed[index].append(other[0] / own[0])
                memory[index].append(own[1] / other[1])
                line += f"{other[0] / own[0]:13.2f}x"
            else:
                line += f"{'-' if other else 'fails':>14}"
        print(line, flush=True)
    for title, pick in (("geometric mean", lambda i: mean(speed[i])), ("least", lambda i: min(speed[i], default=math.nan)),
                        ("peak memory, share", lambda i: mean(memory[i]))):
        print(f"{title:38}" + "".join(f"{pick(index):13.2f}x" for index in range(1, len(pythons))))


if __name__ == "__main__":
    main()
