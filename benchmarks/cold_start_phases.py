"""The phases of one question in this process, as JSON: phase to seconds, and seconds of the processor. See `cold_start`."""

import importlib
import json
import sys
import time

from utils.common.asking import Request
from utils.training.finished import read_run
from utils.training.quiet import silence_tensorflow


def main() -> None:
    reference, question, *text = sys.argv[1:]
    request = Request(reference, question, *text)
    _, results = read_run(reference)
    silence_tensorflow()
    phases, clock = {}, (time.perf_counter(), time.process_time())

    def lap(phase):
        nonlocal clock
        now = time.perf_counter(), time.process_time()
        phases[phase] = [now[0] - clock[0], now[1] - clock[1]]
        clock = time.perf_counter(), time.process_time()

    import keras  # noqa: F401 (it is what is measured)

    lap("import TensorFlow and Keras")
    asking = importlib.import_module(f"utils.{results['task']}.asking")
    predictor = asking.load(request)
    lap("load the model")
    asking.ask(predictor, request)
    lap("answer")
    asking.ask(predictor, request)
    lap("answer again")
    print(json.dumps(phases))


if __name__ == "__main__":
    main()
