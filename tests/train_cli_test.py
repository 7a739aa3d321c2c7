#!/usr/bin/env python3
"""`syncopate train` and `compress --data` as users meet them, on the procedural data set: what it prints and writes, that an interrupted or
killed run ends in the same bytes, and that ONNX Runtime (where it is installed) accepts the network. Usage:
train_cli_test.py PROGRAM"""
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import time
import unittest

PROGRAM = os.path.abspath(sys.argv[1])
PLAIN = {k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "COLUMNS", "SYNCOPATE_DATA")}
QUICK = ["train", "cifar10-quick", "--data", "shapes", "--limit", "640", "--batch", "32", "--epochs", "6", "--test-every",
         "6", "--precision", "f32", "--device", "cpu", "--threads", "1"]


def run(*arguments):
    return subprocess.run([PROGRAM, *arguments], capture_output=True, text=True, env=PLAIN, timeout=600)


class Train(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.path = pathlib.Path(self.folder.name)
        self.output = self.path / "net.onnx"

    def tearDown(self):
        self.folder.cleanup()

    def refuses(self, message, *arguments):
        result = run("train", *arguments, "-o", str(self.output))
        self.assertEqual(result.returncode, 2, result.stderr)
        self.assertIn(message, result.stderr)
        self.assertEqual(result.stderr.count("\n"), 1)
        self.assertFalse(self.output.exists())

    def check_network(self):
        try:
            import numpy
            import onnxruntime
        except ImportError:
            return
        session = onnxruntime.InferenceSession(str(self.output), providers=["CPUExecutionProvider"])
        picture = numpy.random.default_rng(1).normal(size=(1, 3, 32, 32)).astype(numpy.float32)
        logits = session.run(None, {"input": picture})[0]
        self.assertEqual(logits.shape, (1, 10))
        self.assertTrue(numpy.isfinite(logits).all())

    def test_a_run_and_the_same_run_interrupted(self):
        log = self.path / "log.json"
        whole = run(*QUICK, "-o", str(self.output), "--json", str(log))
        self.assertEqual(whole.returncode, 0, whole.stderr)
        self.assertEqual(whole.stderr, "")
        lines = whole.stdout.splitlines()
        self.assertRegex(lines[0], r"^cifar10-quick on shapes: 640 pictures to train on, 2000 to test on; cpu")
        self.assertRegex(lines[-2], r"^epoch   6/6  loss \d\.\d+  train +\d+\.\d+ %  test +\d+\.\d+ %")
        self.assertRegex(lines[-1], r"^test accuracy +\d+\.\d+ % \(f32\)")
        written = json.loads(log.read_text())
        self.assertEqual([e["epoch"] for e in written["epochs"]], list(range(1, 7)))
        self.assertLess(written["epochs"][5]["loss"], written["epochs"][0]["loss"])
        expected = self.output.read_bytes()
        self.check_network()
        self.assertEqual(sorted(p.name for p in self.path.iterdir()), ["log.json", "net.onnx"])
        for number, code in ((signal.SIGINT, 130), (signal.SIGKILL, -signal.SIGKILL)):
            self.output.unlink()
            checkpoint = self.path / "net.onnx.checkpoint"
            process = subprocess.Popen([PROGRAM, *QUICK, "-o", str(self.output), "--checkpoint-minutes", "0"],
                                       stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env=PLAIN)
            while not checkpoint.exists() and process.poll() is None:
                time.sleep(0.02)
            self.check_signals_are_blocked(process.pid)
            for _ in range(2):  # as `timeout` does: to the process, and to its group
                process.send_signal(number)
            errors = process.communicate()[1]
            self.assertEqual(process.returncode, code, errors)
            self.assertFalse(self.output.exists())
            if number == signal.SIGINT:
                self.assertEqual(errors, "syncopate: error: interrupted; the same command continues from "
                                 f"{checkpoint}\n")
            other = run(*QUICK, "-o", str(self.output), "--rate", "0.5")
            self.assertEqual(other.returncode, 2)
            self.assertIn("belongs to another run (rate: 0.02 there, 0.5 here)", other.stderr)
            continued = run(*QUICK, "-o", str(self.output))
            self.assertEqual(continued.returncode, 0, continued.stderr)
            self.assertIn(f"continuing from {checkpoint} in epoch", continued.stdout)
            self.assertEqual(self.output.read_bytes(), expected)
            self.assertFalse(checkpoint.exists())

    def check_signals_are_blocked(self, process):
        """In the thread that computes: a handler there writes where oneDNN's stack pointer is, in the heap."""
        status = pathlib.Path(f"/proc/{process}/task/{process}/status").read_text()
        blocked = int(re.search(r"^SigBlk:\s*(\w+)", status, re.MULTILINE)[1], 16)
        for number in (signal.SIGINT, signal.SIGTERM):
            self.assertTrue(blocked >> (number - 1) & 1, number)

    def test_zeros_are_kept(self):
        pruned = self.path / "pruned.onnx"
        self.assertEqual(run("prune", "zoo:cifar10-quick", "-o", str(pruned), "--density", "0.3").returncode, 0)
        self.refuses("has weights, which training goes on from", str(pruned), *QUICK[2:], "--start", "identity")
        result = run("train", str(pruned), *QUICK[2:], "--keep-zeros", "--teacher", "zoo:cifar10-quick",
                     "--teacher-sees", "once", "--average", "0.3", "-o", str(self.output))
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn("the last 0.3 of it averaged", result.stdout)

        def weights(path):
            nodes = json.loads(run("inspect", str(path), "--json").stdout)["nodes"]
            return [(node["name"], node["weights"], node["zeros"]) for node in nodes if node["weights"] > 0]
        before, after = weights(pruned), weights(self.output)
        self.assertTrue(before)
        self.assertEqual(before, after)

    def test_refusals(self):
        self.refuses("pictures of 'shapes' are 3x32x32; expected a network with that one input", "lenet5", "--data", "shapes")
        self.refuses("cannot open", "nothing.onnx", "--data", "shapes")
        self.refuses("did you mean '--epochs'?", "resnet20", "--epoch", "3")
        self.refuses("momentum must be in [0, 1)", *QUICK[1:], "--momentum", "1")
        self.refuses("--average: Value 1 not in range", *QUICK[1:], "--average", "1")
        self.refuses("set SYNCOPATE_DATA", "resnet20")


class Compress(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.path = pathlib.Path(self.folder.name)
        self.model, self.output = self.path / "net.onnx", self.path / "net.sync"
        self.quick = ["compress", str(self.model), "--data", "shapes", "--limit", "640", "--batch", "32", "--density", "0.4",
                      "--step", "0.6", "--step-epochs", "1", "--more-epochs", "1", "--settle-epochs", "1", "--book-epochs",
                      "1", "--rates", "0.05", "--scan-pictures", "50", "--precision", "f32", "--device", "cpu",
                      "--threads", "1", "-o", str(self.output)]

    def tearDown(self):
        self.folder.cleanup()

    def test_the_pipeline_and_the_same_interrupted(self):
        log, page = self.path / "log.json", self.path / "page.html"
        trained = run(*QUICK, "-o", str(self.model))
        self.assertEqual(trained.returncode, 0, trained.stderr)
        command = [*self.quick, "--zero-rates", "0.5", "--zero-epochs", "1"]
        whole = run(*command, "--json", str(log), "--report", str(page))
        self.assertEqual(whole.returncode, 0, whole.stderr)
        for words in ("dense, float32", "pruned, with index", "codebooks, with index", "Huffman", "context mixing"):
            self.assertIn(words, whole.stdout)
        self.assertRegex(whole.stderr, r"settle-\d: epoch +1/1  loss \d")
        self.assertIn("zeros of rate 0.5", whole.stderr)
        stages = json.loads(log.read_text())["tables"][0]["rows"]
        sizes = [row[1] for row in stages]
        self.assertEqual(sizes, sorted(sizes, reverse=True))
        expected = self.output.read_bytes()
        self.assertEqual(sizes[-1], len(expected))
        self.assertIn("Accuracy against size", page.read_text())
        scored = run("eval", str(self.output), "--data", "shapes", "--json", "-")
        self.assertEqual(scored.returncode, 0, scored.stderr)
        self.assertAlmostEqual(json.loads(scored.stdout)["float_top1"] / 20, stages[-1][3], delta=0.11)

        work = self.path / "again"
        for wanted, number in (("dense.onnx", signal.SIGINT), ("settle-1.onnx", signal.SIGKILL)):
            process = subprocess.Popen([PROGRAM, *command, "--work", str(work)], stdout=subprocess.DEVNULL,
                                       stderr=subprocess.PIPE, text=True, env=PLAIN)
            while not (work / wanted).exists() and process.poll() is None:
                time.sleep(0.005)
            process.send_signal(number)
            errors = process.communicate()[1]
            if number == signal.SIGINT:
                self.assertEqual(process.returncode, 130, errors)
                self.assertIn(f"interrupted; the same command goes on from {work}", errors)
        self.output.unlink()
        again = run(*command, "--work", str(work))
        self.assertEqual(again.returncode, 0, again.stderr)
        self.assertEqual(self.output.read_bytes(), expected)

        other = run(*command, "--work", str(work), "--seed", "1", "--budget", "7")
        self.assertEqual(other.returncode, 2)
        self.assertRegex(other.stderr, "keeps another run .*name another folder with --work or remove it")

    def test_clustered_in_training_and_the_teacher_is_known_by_its_weights(self):
        teacher = self.path / "teacher.onnx"
        self.assertEqual(run(*QUICK, "-o", str(self.model)).returncode, 0)
        self.assertEqual(run(*QUICK, "--seed", "2", "-o", str(teacher)).returncode, 0)
        # What is clustered is not averaged, what is pruned before and tuned behind it is.
        command = [*self.quick, "--cluster-epochs", "1", "--average", "0.5", "--teacher", str(teacher), "--teacher-sees", "once"]
        result = run(*command)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn("clustered, rate 0.05", result.stderr)
        self.assertNotIn("zeros of rate", result.stderr)
        # Another network in the same file.
        teacher.write_bytes(self.model.read_bytes())
        other = run(*command)
        self.assertEqual(other.returncode, 2)
        self.assertIn("keeps another run", other.stderr)

    def test_balanced_kernels_as_onnx(self):
        self.assertEqual(run(*QUICK, "-o", str(self.model)).returncode, 0)
        output = self.path / "even.onnx"
        words = [output if word == str(self.output) else word for word in self.quick]
        result = run(*map(str, words), "--method", "balanced", "--q-rounding", "down", "--teacher", str(self.model),
                     "--teacher-sees", "once")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn("pruned, with index", result.stdout)
        self.assertNotIn("Huffman", result.stdout)
        tables = json.loads(run("inspect", str(output), "--sparsity", "--json").stdout)["tables"]
        imbalance = next(table for table in tables if table["title"].startswith("Imbalance"))
        self.assertTrue(imbalance["rows"])
        for row in imbalance["rows"]:
            self.assertEqual(row[2], 1, row)

    def test_pruned_in_one_training_that_two_teachers_watch(self):
        output = self.path / "sparse.onnx"
        words = {str(self.output): str(output), str(self.model): "zoo:cifar10-quick"}
        result = run(*(words.get(word, word) for word in self.quick), "--method", "magnitude", "--dynamic-epochs", "2", "--average",
                     "0.6", "--teacher", "zoo:cifar10-quick", "--teacher", "zoo:cifar10-quick", "--teacher-sees", "once", "--divide", "lamp", "--cutout", "8")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn("pruned to 40.0 %", result.stderr)
        self.assertEqual(result.stderr.count("dynamic: epoch"), 2)
        def nodes_of(path):
            return json.loads(run("inspect", str(path), "--json").stdout)["nodes"]
        nodes = nodes_of(output)
        kept, weights = (sum(node["weights"] - node["zeros"] for node in nodes), sum(node["weights"] for node in nodes))
        self.assertAlmostEqual(kept / weights, 0.4, delta=0.005)
        # Divided as one threshold would.
        shot = self.path / "shot.onnx"
        self.assertEqual(run("prune", "zoo:cifar10-quick", "-o", str(shot), "--density", "0.4", "--method", "magnitude", "--global", "--scale",
                             "lamp").returncode, 0)
        for node, like in zip(nodes, nodes_of(shot)):
            self.assertAlmostEqual(node["zeros"], like["zeros"], delta=0.01 * node["weights"] + 1, msg=node)

    def test_refusals(self):
        for words, message in ((["--data", "mnist"], "set SYNCOPATE_DATA"), (["--data", "no/folder"], "no/folder"),
                               (["--data", "shapes", "--budget", "-1"], "--budget"),
                               (["--budget", "1"], "--budget requires --data"),
                               (["--data", "shapes", "--dynamic-epochs", "3"], "--dynamic-epochs requires --density"),
                               (["--data", "shapes", "--no-distillation", "--teacher", "zoo:cifar10-quick"],
                                "--teacher: there is none with --no-distillation"),
                               (["--data", "shapes", "--teacher", "nothing.onnx"], "cannot open"),
                               (["-o", "net.onnx"], "--output net.onnx: expected FILE.sync")):
            words = words if "-o" in words else [*words, "-o", str(self.output)]
            result = run("compress", "zoo:cifar10-quick", *words)
            self.assertEqual(result.returncode, 2, result.stderr)
            self.assertIn(message, result.stderr)
            self.assertEqual(result.stderr.count("\n"), 1)
            self.assertFalse(self.output.exists())


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
