"""Answers requests, one JSON text a line, from standard input on standard output, until the input ends.

request:  {"id": n, "op": "...", ...}
response: {"id": n, "result": ...} or {"id": n, "error": "..."}
Libraries (and the JVM below Spark) print to standard output too, so the answers go to a copy of it and the original
becomes standard error.
"""

import ctypes
import json
import os
import signal
import sys

PR_SET_PDEATHSIG = 1
ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)  # the end of the input is not seen during a request

answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
os.dup2(2, 1)


def serve(operations):
    """operations: name -> function of the request that gives the JSON text of the result."""
    for line in sys.stdin:
        request = json.loads(line)
        try:
            result = operations[request["op"]](request)
            answers.write('{"id": %d, "result": %s}\n' % (request["id"], result))
        except BaseException as error:  # hudi-rs panics are no Exception
            text = f"{type(error).__name__}: {error}"[:4000]
            answers.write(json.dumps({"id": request["id"], "error": text}) + "\n")
        answers.flush()
