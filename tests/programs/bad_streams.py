# Streams that are closed or full, and pipes that nobody reads.
import os
import subprocess
import sys


def run(name, program, **options):
    done = subprocess.run([sys.executable, "-c", program], stderr=subprocess.PIPE, timeout=60, **options)
    errors = done.stderr.decode().strip().splitlines()
    print(name, done.returncode, errors[-1:])


with open("/dev/full", "wb") as full:
    run("full disk, at the end", "print('x')", stdout=full)
    run("full disk, at once", "print('x' * 100000)", stdout=full)
    run("full disk, flushed", "print('x', flush=True)", stdout=full)
run("closed output", "import os; os.close(1); print('x')", stdout=subprocess.DEVNULL)
run("closed before the start", "print('x')\nimport sys\nassert sys.stdout is None", preexec_fn=lambda: os.close(1))
run("no input", "import sys\nprint(sys.stdin)\ninput()", preexec_fn=lambda: os.close(0), stdout=subprocess.DEVNULL)
run("stdout deleted", "import sys\ndel sys.stdout\nprint('x')")
run("stdout is None", "import sys\nsys.stdout = None\nprint('x')")
run("stdout is no stream", "import sys\nsys.stdout = 5\nprint('x')")
run("all closed", "import sys\nsys.stdout.close(); sys.stderr.close(); sys.stdin.close()\n", stdout=subprocess.DEVNULL)
run("stderr closed", "import os; os.close(2); 1/0")
run("input at its end", "input()", stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
run("exit", "raise SystemExit(7)")
run("exit with a text", "raise SystemExit('a text')")
run("exit in a thread", "import threading, _thread, sys\nthreading.Thread(target=lambda: sys.exit(9)).start()")

reader, writer = os.pipe()
os.close(reader)
run("broken pipe", "print('x' * 100000)", stdout=writer)
os.close(writer)
done = subprocess.run(f'"{sys.executable}" -c "for i in range(100000): print(i)" | head -1', shell=True, capture_output=True, timeout=60)
print(done.stdout, b"BrokenPipeError" in done.stderr)
