# Ctrl-C stops what computes for long without running Python code; an uncaught KeyboardInterrupt ends the process by SIGINT.
import signal
import subprocess
import sys
import time

# Where this was started in the background SIGINT is ignored, which the children would inherit.
signal.signal(signal.SIGINT, signal.default_int_handler)


def interrupt(name, program):
    started = time.monotonic()
    child = subprocess.Popen(
        [sys.executable, "-c", "print('on', flush=True)\n" + program], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    child.stdout.readline()
    time.sleep(0.5)
    child.send_signal(signal.SIGINT)
    try:
        _, errors = child.communicate(timeout=50)
    except subprocess.TimeoutExpired:
        child.kill()
        child.communicate()
        print(name, "could not be stopped")
        return
    last = errors.decode().strip().splitlines()[-1:]
    print(name, child.returncode == -signal.SIGINT, last, time.monotonic() - started < 45)


interrupt("loop", "while True: pass")
interrupt("sleep", "import time; time.sleep(100)")
interrupt("sleeps", "import time\nwhile True: time.sleep(10)")
interrupt("generator", "any(x < 0 for x in iter(int, 1))")
interrupt("lock", "import threading; l = threading.Lock(); l.acquire(); l.acquire()")
interrupt("caught once", "import time\ntry:\n    while True: pass\nexcept KeyboardInterrupt:\n    raise")
