#!/usr/bin/env python3
"""Times float inference beside ONNX Runtime, on the same networks and the same threads.

    pip install onnxruntime numpy
    bench/compare_onnxruntime.py build/release/bench/float_bench [--threads 2] [--only vgg16 ...]

Outputs are compared first. Then both sides run in turn, several rounds; the figure of each is its
fastest run, because other work on the machine can only slow a run down. On a machine too busy for
that, --cpu compares the CPU time of one thread. Exits with 1 when a ratio exceeds --bar.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time

import numpy
import onnxruntime


def session(path, threads):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def load(folder, name, kind, shape):
    return numpy.fromfile(f"{folder}/{name}.{kind}.f32", numpy.float32).reshape(shape)


def check(folder, name, model, feed):
    actual = load(folder, name, "output", [1, -1])
    expected = model.run(None, feed)[0]
    error = numpy.abs(actual - expected).max() / numpy.abs(expected).max()
    if not error < 1e-3:
        sys.exit(f"{name}: outputs differ by {error:.2g} of the largest")
    return error


def time_onnxruntime(model, feed, seconds, clock):
    best = float("inf")
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        start = clock()
        model.run(None, feed)
        best = min(best, clock() - start)
    return best * 1e3


def time_ours(bench, name, threads, seconds, counter):
    command = [
        bench,
        f"--benchmark_filter=^inference/{name}/",
        f"--benchmark_min_time={seconds}",
        "--benchmark_format=json",
    ]
    environment = dict(os.environ, OMP_NUM_THREADS=str(threads))
    result = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    return json.loads(result.stdout)["benchmarks"][0][counter]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("bench", help="the float_bench binary")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=1.0, help="of each side in each round")
    parser.add_argument("--bar", type=float, default=1.5)
    parser.add_argument("--only", nargs="*", help="names of networks")
    parser.add_argument("--cpu", action="store_true", help="CPU time of one thread")
    options = parser.parse_args()
    clock = time.process_time if options.cpu else time.perf_counter
    counter = "fastest_cpu_ms" if options.cpu else "fastest_ms"
    if options.cpu:
        options.threads = 1

    worst = 0
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([options.bench, f"--export={folder}"], check=True)
        names = sorted(f[:-5] for f in os.listdir(folder) if f.endswith(".onnx"))
        print(f"{'network':12} {'ours ms':>9} {'ORT ms':>9} {'ratio':>6} {'error':>8}")
        for name in names:
            if options.only and name not in options.only:
                continue
            model = session(f"{folder}/{name}.onnx", options.threads)
            given = model.get_inputs()[0]
            feed = {given.name: load(folder, name, "input", given.shape)}
            error = check(folder, name, model, feed)
            ours = theirs = float("inf")
            for _ in range(options.rounds):
                theirs = min(theirs, time_onnxruntime(model, feed, options.seconds, clock))
                ours = min(
                    ours, time_ours(options.bench, name, options.threads, options.seconds, counter)
                )
            worst = max(worst, ours / theirs)
            print(f"{name:12} {ours:9.2f} {theirs:9.2f} {ours / theirs:6.2f} {error:8.1e}", flush=True)
    sys.exit(0 if worst <= options.bar else 1)


if __name__ == "__main__":
    main()
