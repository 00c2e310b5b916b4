#!/usr/bin/env python3
"""Compares Python interpreters on the scripts of this folder.

    bench/run.py target/release/naja python3.14            all scripts
    bench/run.py -n 5 -k 'call|dict' A B C                 those whose names match
    bench/run.py --json out.json A B                       figures for a machine to read

Each script runs as a process of its own, the interpreters taking turns; the figure is the least CPU time (user and
system) of the runs, start-up included. The first column is in milliseconds, the others too, with their ratio to the
LAST interpreter given. Outputs must agree: a script whose output differs is reported and not scored.
"""

import argparse
import json
import math
import os
import re
import subprocess
import sys
import time


def run(interpreter, script, timeout):
    """(cpu seconds, peak kilobytes, output, exit code) of one run."""
    process = subprocess.Popen(
        [interpreter, script], stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    started = time.monotonic()
    timer = None
    if timeout:
        import threading

        timer = threading.Timer(timeout, process.kill)
        timer.start()
    output = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    process.stdout.close()
    if timer:
        timer.cancel()
    del started
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss, output, process.returncode


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("interpreters", nargs="+")
    parser.add_argument("-n", "--runs", type=int, default=3)
    parser.add_argument("-k", "--match", default="")
    parser.add_argument("-d", "--dir", default=os.path.dirname(os.path.abspath(__file__)))
    parser.add_argument("--timeout", type=float, default=120)
    parser.add_argument("--json")
    options = parser.parse_args()
    own = {"run.py", "growth.py"}
    scripts = sorted(
        name
        for name in os.listdir(options.dir)
        if name.endswith(".py") and name not in own and re.search(options.match, name)
    )
    names = [os.path.basename(os.path.realpath(path)) for path in options.interpreters]
    print(f"{'script':24}" + "".join(f"{name[-18:]:>20}" for name in names))
    figures = {}
    ratios = [[] for _ in names]
    for script in scripts:
        path = os.path.join(options.dir, script)
        best = [None] * len(names)
        failed = {}
        outputs = [None] * len(names)
        for _ in range(options.runs):
            for index, interpreter in enumerate(options.interpreters):
                if index in failed:
                    continue
                cpu, peak, output, code = run(interpreter, path, options.timeout)
                outputs[index] = output
                if code != 0:
                    failed[index] = output.decode(errors="replace").strip().splitlines()[-1:] or [f"exit {code}"]
                    continue
                if best[index] is None or cpu < best[index][0]:
                    best[index] = (cpu, peak)
        line = f"{script[:-3]:24}"
        for index in range(len(names)):
            if index in failed or best[index] is None:
                line += f"{'failed':>20}"
                continue
            if outputs[index] != outputs[-1] and len(names) - 1 not in failed:
                failed[index] = ["the output differs"]
                line += f"{'differs':>20}"
                continue
            cpu = best[index][0]
            if index < len(names) - 1 and best[-1]:
                ratio = cpu / best[-1][0]
                ratios[index].append(ratio)
                line += f"{cpu * 1000:12.0f} ({ratio:5.2f})"
            else:
                line += f"{cpu * 1000:20.0f}"
        for index, text in failed.items():
            line += f"   {names[index]}: {text[0][:90]}"
        print(line, flush=True)
        figures[script] = {
            options.interpreters[i]: {"cpu": best[i][0], "peak_kb": best[i][1]}
            for i in range(len(names))
            if best[i]
        }
    for index, of in enumerate(ratios[:-1]):
        if of:
            mean = math.exp(sum(map(math.log, of)) / len(of))
            print(f"{names[index]}: geometric mean of {len(of)} ratios to {names[-1]}: {mean:.3f}, worst {max(of):.2f}")
    if options.json:
        with open(options.json, "w") as file:
            json.dump(figures, file, indent=1)


if __name__ == "__main__":
    sys.exit(main())
