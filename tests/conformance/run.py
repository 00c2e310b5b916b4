#!/usr/bin/env python3
"""Run CPython's own tests under Naja, module by module.

    tests/conformance/run.py --tests DIR                      the modules of passing.txt: all of them must pass
    tests/conformance/run.py --tests DIR test_int test_list   these modules
    tests/conformance/run.py --tests DIR --python python3.14  another interpreter

DIR is a folder that holds CPython 3.14's package `test` (with Debian: /usr/lib/python3.14 after installing
libpython3.14-testsuite).  Each module runs in a process of its own.  For each module: how many tests ran, failed, and were
skipped.  A module that fails beside others gets a second turn with the machine to itself, since many tests watch the clock; the
line then says so.  At the end the exit status is 1 if a module did not pass as a whole.
"""
import argparse
import concurrent.futures
import os
import re
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))


def run(python, tests, name, timeout):
    """Whether the module passed, and a line about it."""
    with tempfile.TemporaryDirectory(prefix="naja-conformance-") as work:
        os.symlink(os.path.join(tests, "test"), os.path.join(work, "test"))
        scratch = os.path.join(work, "scratch")
        os.mkdir(scratch)
        env = dict(os.environ, PYTHONPATH=work, PYTHONDONTWRITEBYTECODE="1")
        command = [python, "-m", "unittest", "-q", f"test.{name}"]
        try:
            done = subprocess.run(command, cwd=scratch, env=env, stdin=subprocess.DEVNULL, capture_output=True,
                                  text=True, errors="replace", timeout=timeout)
        except subprocess.TimeoutExpired:
            return False, f"no end after {timeout} s"
    ran = re.search(r"^Ran (\d+) tests?", done.stderr, re.M)
    summary = done.stderr.strip().rsplit("\n", 1)[-1]
    count = ran.group(1) if ran else "no"
    return done.returncode == 0, f"{count} tests, exit {done.returncode}: {summary[:100]}"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--python", default=os.path.join(HERE, "../../target/release/naja"))
    parser.add_argument("--tests", required=True, help="the folder that holds the package `test`")
    parser.add_argument("--timeout", type=float, default=300)
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("modules", nargs="*", help="such as test_int; those of passing.txt if none is given")
    args = parser.parse_args()
    names = args.modules
    if not names:
        with open(os.path.join(HERE, "passing.txt")) as listed:
            names = [line.strip() for line in listed if line.strip() and not line.startswith("#")]
    python = os.path.abspath(args.python) if os.sep in args.python else args.python
    failed = []
    with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
        jobs = {name: pool.submit(run, python, os.path.abspath(args.tests), name, args.timeout) for name in names}
        for name, job in jobs.items():
            good, line = job.result()
            print(f"{'ok  ' if good else 'FAIL'} {name}: {line}", flush=True)
            if not good:
                failed.append(name)
    for name in failed[:] if args.jobs > 1 else []:
        good, line = run(python, os.path.abspath(args.tests), name, args.timeout)
        print(f"{'ok  ' if good else 'FAIL'} {name}, alone: {line}", flush=True)
        if good:
            failed.remove(name)
    print(f"{len(names) - len(failed)} of {len(names)} modules passed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
