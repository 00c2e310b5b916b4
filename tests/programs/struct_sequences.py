"""Struct sequences: tuples with names, some made by constructors of their own."""
import os
import pickle
import time

param = os.sched_param(3)
print(param, param.sched_priority, param[0], len(param), param == (3,))
print(os.sched_param(sched_priority=4), os.sched_getparam(0).sched_priority >= 0)
print(pickle.loads(pickle.dumps(param)) == param)
try:
    os.sched_param()
except TypeError as error:
    print(error)
print(time.gmtime(0))
print(os.terminal_size((80, 24)).columns, os.times_result(range(5)).elapsed)
