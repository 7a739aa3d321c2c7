#!/usr/bin/env python3
"""The command line as users meet it: smoke runs, mistakes with their exact messages and exit codes, and
that nothing is ever left half-written. Usage: cli_test.py PROGRAM SOURCE_DIR"""
import csv
import json
import os
import pathlib
import pty
import re
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
import unittest

PROGRAM = os.path.abspath(sys.argv[1])
SOURCE = pathlib.Path(sys.argv[2]).resolve()
BUNDLED = str(SOURCE / "data/bundled/shapes_net.sync")
SCRATCH = tempfile.TemporaryDirectory()
MODEL = str(pathlib.Path(SCRATCH.name) / "shapes_net.onnx")  # the bundled network as ONNX
subprocess.run([PROGRAM, "decompress", BUNDLED, "-o", MODEL], check=True)
PICTURES = str(SOURCE / "data/bundled/pictures")
PLAIN = {k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "COLUMNS", "SYNCOPATE_DATA")}


def run(*arguments, **options):
    return subprocess.run([PROGRAM, *arguments], capture_output=True, text=True, env=PLAIN, timeout=300, **options)


MACHINES = run("list", "--names").stdout.split()
FIRST = MACHINES[0]


class Case(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.path = pathlib.Path(self.folder.name)

    def tearDown(self):
        self.folder.cleanup()

    def succeeds(self, *arguments):
        result = run(*arguments)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual(result.stderr, "", "quiet in a pipe")
        self.assertNotIn("\x1b", result.stdout, "no colors in a pipe")
        return result.stdout

    def refuses(self, message, *arguments, code=2, **options):
        result = run(*arguments, **options)
        self.assertEqual(result.returncode, code, result.stderr)
        self.assertEqual(result.stderr, f"syncopate: error: {message}\n")
        self.assertEqual(result.stdout, "")


class Commands(Case):
    def test_run_on_every_machine_writes_all_reports(self):
        html, table, data = self.path / "r.html", self.path / "r.csv", self.path / "r.json"
        text = self.succeeds("run", MODEL, "--on", ",".join(MACHINES), "--input", PICTURES, "--limit", "2", "--report",
                             str(html), "--csv", str(table), "--json", str(data))
        for machine in MACHINES:
            self.assertIn(machine, text)
        self.assertIn("top-1 as in float for 2 of 2 inputs", text)
        result = json.loads(data.read_text())
        self.assertEqual([m["machine"]["name"] for m in result["machines"]], MACHINES)
        for machine in result["machines"]:
            total, spec = machine["total"], machine["machine"]
            self.assertEqual(sum(total["multiplier_cycles"].values()),
                             total["cycles"] * spec["lanes"] * spec["multipliers_per_lane"])
            self.assertGreater(total["checked"]["tiles"], 0)
            self.assertGreater(sum(part["pj"] for part in total["energy"]), 0)
            pairs = total["pairs"]
            self.assertLessEqual(pairs["effectual"], pairs["issued"])
            self.assertLessEqual(pairs["issued"], pairs["required"])
            self.assertEqual(sum(layer["cycles"] for layer in machine["layers"]), total["cycles"])
        rows = list(csv.DictReader(table.read_text().splitlines()))
        self.assertEqual(len(rows), len(MACHINES) * len(result["layers"]))
        self.assertTrue(html.read_text().startswith("<!doctype html>"))
        self.assertEqual(sorted(p.name for p in self.path.iterdir()), ["r.csv", "r.html", "r.json"])

    def test_same_seed_same_result(self):
        def stable(text):
            result = json.loads(text)
            for key in ("phases", "peak_memory_bytes"):
                del result[key]
            for machine in result["machines"]:
                del machine["host_seconds"]
            return result
        arguments = ("run", MODEL, "--on", FIRST, "--json", "-")
        self.assertEqual(stable(self.succeeds(*arguments)), stable(self.succeeds(*arguments)))

    def test_option_order_does_not_matter(self):
        self.succeeds("run", "--on", FIRST, "--check", "off", MODEL)

    def test_parameters_reach_the_machine(self):
        text = self.succeeds("list", "--params", FIRST)
        name = next(line.split()[0] for line in text.splitlines()[4:] if re.match(r"\S+\s+\d+\s", line))
        value = next(line.split()[1] for line in text.splitlines()[4:] if line.startswith(name + " "))
        config = self.path / "c.yaml"
        config.write_text(f"{name}: {value}\n")
        result = json.loads(self.succeeds("run", MODEL, "--on", FIRST, "--config", str(config), "--check", "off", "--json", "-"))
        self.assertEqual(result["machines"][0]["machine"]["params"][name], value)

    def test_tune_finds_the_fastest_clock_and_goes_on(self):
        journal = self.path / "search.json"
        arguments = ("tune", MODEL, "--on", FIRST, "--vary", "clock_mhz=250,4000", "--objective", "time", "--journal", str(journal))
        text = self.succeeds(*arguments)
        self.assertRegex(text, r"4000 .* best\n")
        self.assertEqual(self.succeeds(*arguments), text)
        self.assertEqual(len(json.loads(journal.read_text())["points"]), 3)

    def test_energy_can_be_changed(self):
        def dram(*flags):
            result = json.loads(self.succeeds("run", MODEL, "--on", FIRST, "--check", "off", "--json", "-", *flags))
            return sum(p["pj"] for p in result["machines"][0]["total"]["energy"] if p["dram"])
        self.assertEqual(dram("--set", "energy.dram_pj_per_bit=0"), 0)
        self.assertGreater(dram(), 0)

    def test_slow_memory_takes_longer(self):
        def cycles(preset):
            result = json.loads(self.succeeds("run", MODEL, "--on", FIRST, "--check", "off", "--json", "-", "--dram", preset))
            return result["machines"][0]["total"]["cycles"]
        self.assertGreater(cycles("ddr3-1600"), cycles("ideal-25.6"))

    def test_inspect(self):
        summary = json.loads(self.succeeds("inspect", MODEL, "--json"))
        self.assertEqual(summary["macs"], sum(node["macs"] for node in summary["nodes"]))
        self.assertGreater(summary["zeros"], 0, "the bundled network is pruned")
        self.assertIn("Conv", self.succeeds("inspect", MODEL))
        self.assertIn("= Conv(", self.succeeds("inspect", MODEL, "--text"))

    def test_list(self):
        text = self.succeeds("list")
        for name in MACHINES + ["zoo:vgg16", "ddr4-2400", "cifar10"]:
            self.assertIn(name, text)
        self.assertIn("SYNCOPATE_DATA is not set", self.succeeds("list", "--datasets"))
        for paper in ("cambricon-s", "flexflow-pro", "sense"):
            self.assertIn(paper, self.succeeds("reproduce"))

    def test_fpga_resources_are_shown_with_their_basis(self):
        html, data = self.path / "r.html", self.path / "r.json"
        text = self.succeeds("run", MODEL, "--on", f"sense,systolic,{FIRST}", "--check", "off", "--report", str(html), "--json", str(data))
        self.assertRegex(text, r"FPGA LUT +[\d,]+ of 274,080 +[\d,]+ +-\n")
        self.assertRegex(text, r"FPGA DSP +1,024 of 2,520 +1,024 +-\n")
        self.assertRegex(text, r"FPGA: parametric.* no synthesis.*\. Limits are the ZCU102's")
        sense, systolic, first = json.loads(data.read_text())["machines"]
        self.assertEqual(sense["fpga"]["board"], "ZCU102")
        self.assertEqual(sense["fpga"]["limits"]["BRAM36"], 912)
        self.assertEqual(sense["fpga"]["total"]["DSP"], 1024)
        self.assertAlmostEqual(sense["fpga"]["total"]["BRAM36"], sum(c["BRAM36"] for c in sense["fpga"]["components"].values()))
        self.assertNotIn("board", systolic["fpga"])
        self.assertNotIn("fpga", first)
        self.assertIn("FPGA basis", html.read_text())
        self.assertRegex(self.succeeds("list", "--params", "sense"), r"total +[\d,]+ of 274,080 .* 1,024 of 2,520 ")
        self.assertNotIn("FPGA", self.succeeds("list", "--params", FIRST))

    def test_eval(self):
        counts = json.loads(self.succeeds("eval", MODEL, "--data", "shapes", "--limit", "100", "--normalize", "signed",
                                          "--json", "-"))
        self.assertEqual(counts["pictures"], 100)
        self.assertGreaterEqual(counts["fixed_top1"], 95)
        by_label = self.succeeds("eval", MODEL, "--data", PICTURES, "--normalize", "signed")
        for picture in pathlib.Path(PICTURES).iterdir():
            folder = self.path / "tree/test" / picture.stem
            folder.mkdir(parents=True)
            (folder / "x.png").write_bytes(picture.read_bytes())
        by_class = self.succeeds("eval", MODEL, "--data", str(self.path / "tree"), "--normalize", "signed")
        self.assertEqual(by_class.replace("tree", "pictures"), by_label)

    def test_lower(self):
        self.assertIn("conv", self.succeeds("lower", MODEL))
        chain = self.path / "net.chain"
        self.assertEqual(self.succeeds("lower", MODEL, "--quantized", "-o", str(chain)), "")
        self.assertIn("i16", chain.read_text())

    def test_compile_and_disassemble(self):
        program = self.path / "net.syp"
        self.assertIn("instructions", self.succeeds("compile", MODEL, "--on", FIRST, "-o", str(program)))
        from_file = self.succeeds("disasm", str(program))
        self.assertGreater(len(from_file.splitlines()), 10)
        self.assertEqual(from_file, self.succeeds("disasm", MODEL, "--on", FIRST))
        damaged = bytearray(program.read_bytes())
        damaged[len(damaged) // 2] ^= 1
        program.write_bytes(damaged)
        result = run("disasm", str(program))
        self.assertEqual(result.returncode, 2)
        self.assertEqual(result.stderr.count("\n"), 1)

    def test_prune(self):
        pruned = self.path / "pruned.onnx"
        self.succeeds("prune", "zoo:resnet20", "-o", str(pruned), "--density", "0.25", "--method", "magnitude")
        summary = json.loads(self.succeeds("inspect", str(pruned), "--json"))
        self.assertAlmostEqual(1 - summary["zeros"] / summary["weights"], 0.25, places=2)

    def test_prune_structures(self):
        pruned = self.path / "structured.onnx"
        def kept(*options):
            self.succeeds("prune", "zoo:resnet20", "-o", str(pruned), *options)
            summary = json.loads(self.succeeds("inspect", str(pruned), "--json"))
            return 1 - summary["zeros"] / summary["weights"]
        self.assertAlmostEqual(kept("--method", "2:4"), 0.5, places=2)
        self.assertAlmostEqual(kept("--method", "balanced", "-d", "0.5"), 0.5, places=2)
        self.assertLess(kept("--method", "balanced", "-d", "0.5", "--q-rounding", "down"), 0.46)
        self.assertAlmostEqual(kept("--method", "magnitude", "-d", "0.1", "--global"), 0.1, places=2)
        self.assertAlmostEqual(kept("-d", "0.3", "--global", "--scale", "layer"), 0.3, places=2)
        self.assertAlmostEqual(kept("--method", "magnitude", "-d", "0.1", "--global", "--scale", "lamp"), 0.1, places=2)
        for message, options in [
                ("--method 2:4 keeps 2 of 4 inputs; leave out --density", ["--method", "2:4", "-d", "0.5"]),
                ("--method 5:4: expected coarse, magnitude, balanced, or N:M with N of every M inputs kept, e.g. 2:4",
                 ["--method", "5:4"]),
                ("prune: a window of extent 16 slides by 17; expected 1 to 16", ["--stride", "1,17,1,1"]),
                ("--fc-block 16: expected inputs,outputs, each at least 1, e.g. 16,16", ["--fc-block", "16"])]:
            self.refuses(message, "prune", "zoo:resnet20", "-o", str(pruned), *options)

    def test_inspect_sparsity(self):
        fine, coarse, page = (str(self.path / name) for name in ("fine.onnx", "coarse.onnx", "page.html"))
        self.succeeds("prune", "zoo:resnet20", "-o", fine, "--density", "0.25", "--method", "magnitude")
        self.succeeds("prune", "zoo:resnet20", "-o", coarse, "--density", "0.25")
        outcome = json.loads(self.succeeds("inspect", coarse, "--sparsity", "--against", fine, "--initial",
                                           "zoo:resnet20", "--report", page, "--json"))
        irregularity, imbalance, convergence = outcome["tables"]
        total = dict(zip(irregularity["columns"], irregularity["rows"][-1]))
        self.assertGreater(total["R JBIG"], 5)
        self.assertAlmostEqual(total["R index"], 16, delta=1)
        self.assertEqual(len(imbalance["rows"]), len(irregularity["rows"]) - 1)
        self.assertIn("before training", convergence["columns"])
        self.assertEqual([plot["title"] for plot in outcome["plots"]],
                         ["Irregularity there over here, by layer", "Local convergence, all layers"])
        self.assertIn("<html", pathlib.Path(page).read_text())
        result = run("inspect", coarse, "--sparsity", "--against", MODEL)
        self.assertEqual(result.returncode, 2)
        self.assertIn("expected the same network pruned otherwise", result.stderr)

    def test_rearranged_channels_give_the_same_answers(self):
        run = ["run", MODEL, "--on", FIRST, "--check", "off", "--input", PICTURES, "--json", "-"]
        before = json.loads(self.succeeds(*run))
        after = json.loads(self.succeeds(*run, "--rearrange", "static"))
        self.assertEqual([a["fixed"] for a in after["answers"]], [a["fixed"] for a in before["answers"]])

    def test_grouped_channels_give_the_same_answers(self):
        options = ["--check", "off", "--input", PICTURES, "--json", "-"]
        before = json.loads(self.succeeds("run", MODEL, "--on", FIRST, *options))
        grouped = 0
        for machine in self.succeeds("list", "--names").split():
            result = run("run", MODEL, "--on", machine, *options, "--rearrange", "grouped")
            if result.returncode == 0:
                grouped += 1
                after = json.loads(result.stdout)
                self.assertEqual([a["fixed"] for a in after["answers"]], [a["fixed"] for a in before["answers"]])
            else:
                self.assertEqual(result.returncode, 2)
                self.assertIn(f"{machine} does not take channels in passes", result.stderr)
        self.assertGreater(grouped, 0)

    def test_quantize(self):
        quantized = self.path / "int8.onnx"
        self.succeeds("quantize", MODEL, "--input", PICTURES, "-o", str(quantized))
        self.assertIn("QuantizeLinear", self.succeeds("inspect", str(quantized)))
        result = json.loads(self.succeeds("run", str(quantized), "--on", FIRST, "--input", PICTURES,
                                          "--json", "-"))
        before = json.loads(self.succeeds("run", MODEL, "--on", FIRST, "--check", "off", "--input", PICTURES, "--json", "-"))
        same = [a["fixed"][0]["class"] == b["float"][0]["class"] for a, b in zip(result["answers"], before["answers"])]
        self.assertGreaterEqual(sum(same), len(same) - 1)

    def test_compress(self):
        def lines(model):  # with hashes of all constants, whose order may differ
            return sorted(self.succeeds("inspect", str(model), "--text").splitlines())
        lossless, small, back = self.path / "a.sync", self.path / "b.sync", self.path / "b.onnx"
        for mode in ("max", "fast", "huffman"):
            text = self.succeeds("compress", MODEL, "-o", str(lossless), "--mode", mode)
            self.assertIn("pruned + index", text)
            self.assertEqual(lines(lossless), lines(MODEL), mode)
        self.succeeds("compress", MODEL, "-o", str(small), "--codebook", "4")
        self.assertLess(small.stat().st_size, lossless.stat().st_size)
        self.succeeds("decompress", str(small), "-o", str(back))
        self.assertEqual(lines(back), lines(small))
        for listed in ("network", "codebook, max"):
            self.assertIn(listed, self.succeeds("decompress", str(small)))
        self.succeeds("run", str(small), "--on", FIRST, "--check", "off")
        sizes = json.loads(self.succeeds("compress", MODEL, "--bits", "6", "--json", "-"))
        self.assertTrue(all(t["coded_bytes"] < t["dense_bytes"] for t in sizes["tensors"]))

    def test_programs_in_containers(self):
        file = self.path / "net.sync"
        self.succeeds("compress", MODEL, "-o", str(file), "--bits", "8")
        without = self.succeeds("disasm", str(file), "--on", FIRST)
        for _ in range(2):  # the second time it is replaced
            self.assertIn("instructions", self.succeeds("compile", str(file), "--on", FIRST, "-o", str(file)))
        self.assertEqual(self.succeeds("decompress", str(file)).count("program"), 1)
        self.assertEqual(self.succeeds("disasm", str(file), "--on", FIRST), without)
        self.refuses(f"--output {file}: to store a program in a .sync file, compile a .sync file, not '{MODEL}'", "compile", MODEL,
                     "--on", FIRST, "-o", str(file))

    def test_training_is_a_program_of_its_own(self):
        self.assertIn("--keep-zeros", self.succeeds("train", "--help"))
        alone = self.path / "syncopate"
        shutil.copy(PROGRAM, alone)
        result = subprocess.run([alone, "train", "lenet5", "-o", "x.onnx"], capture_output=True, text=True, env=PLAIN)
        self.assertEqual(result.returncode, 2)
        self.assertEqual(result.stderr, "syncopate: error: this build has no training: install libtorch-dev and "
                         "libopenblas0-pthread, then `make train` (there is no "
                         f"'{self.path.resolve()}/syncopate-train')\n")

    def test_dram(self):
        self.assertIn("GB/s", self.succeeds("dram", "ddr4-2400"))

    def test_help_of_every_command_has_examples(self):
        top = self.succeeds("--help")
        for command in re.findall(r"^  (\w+)  ", top.split("Subcommands:")[1], re.M):
            text = self.succeeds(command, "--help")
            self.assertIn("Example", text, command)
            self.assertIn(f"syncopate {command}", text, command)

    def test_help_is_quick(self):
        def once():
            begin = time.perf_counter()
            run("--help")
            return time.perf_counter() - begin
        self.assertLess(min(once() for _ in range(10)), 1.0 if "sanitized" in os.environ.get("SYNCOPATE_TEST_SCALE", "") else 0.1)


class Mistakes(Case):
    def test_commands_and_options(self):
        self.refuses("unknown command 'rnu'; did you mean 'run'? (see `syncopate --help`)", "rnu")
        self.refuses("unknown option '--onn'; did you mean '--on'? (see `syncopate run --help`)", "run", MODEL, "--onn", "x")
        self.refuses("--on is required (see `syncopate run --help`)", "run", MODEL)
        self.refuses("MODEL is required (see `syncopate run --help`)", "run")
        self.refuses("unexpected argument 'more' (see `syncopate list --help`)", "list", "more")
        self.refuses("--bits: 12 not in {8,16} (see `syncopate run --help`)", "run", MODEL, "--on", FIRST, "--bits", "12")
        self.assertEqual(run().returncode, 2)

    def test_machines(self):
        misspelt = FIRST[:-1]
        self.refuses(f"unknown accelerator '{misspelt}'; did you mean '{FIRST}'?", "run", MODEL, "--on", misspelt)
        self.refuses(f"--on: '{FIRST}' is named twice", "run", MODEL, "--on", f"{FIRST},{FIRST}")
        result = run("run", MODEL, "--on", FIRST, "--set", f"{FIRST}.no_such_thing_here=1")
        self.assertEqual(result.returncode, 2)
        self.assertIn("unknown parameter 'no_such_thing_here'", result.stderr)
        self.refuses("parameter 'word': expected key=value, e.g. Wn=128", "run", MODEL, "--on", FIRST, "--set", "word")
        other = MACHINES[1]
        self.refuses(f"--set {other}.x=1: '{other}' is not among the machines of --on", "run", MODEL, "--on", FIRST, "--set",
                     f"{other}.x=1")
        result = run("run", MODEL, "--on", FIRST, "--dram", "ddr9")
        self.assertEqual((result.returncode, result.stderr.count("\n")), (2, 1))
        self.assertIn("ddr9", result.stderr)

    def test_models_and_inputs(self):
        self.refuses("/no/such.onnx: cannot open: No such file or directory", "inspect", "/no/such.onnx")
        for contents in (b"", b"hello", os.urandom(500), pathlib.Path(MODEL).read_bytes()[:3000]):
            bad = self.path / "bad.onnx"
            bad.write_bytes(contents)
            result = run("run", str(bad), "--on", FIRST)
            self.assertEqual((result.returncode, result.stdout, result.stderr.count("\n")), (2, "", 1), result.stderr)
            self.assertIn("bad.onnx", result.stderr)
        self.refuses("--input /no/such.png: no such file or folder", "run", MODEL, "--on", FIRST, "--input", "/no/such.png")
        text = self.path / "cat.png"
        text.write_text("meow")
        self.refuses(f"{text}: neither a PNG nor a JPEG picture", "run", MODEL, "--on", FIRST, "--input", str(text))
        self.refuses("no data sets: set SYNCOPATE_DATA or --data-root to the folder that holds cifar10/, mnist/ and others",
                     "eval", MODEL, "--data", "cifar10")
        self.refuses("--dim batch: expected name=N with N at least 1, e.g. batch=1", "inspect", MODEL, "--dim", "batch")
        self.assertEqual(run("inspect", "zoo:nothing").returncode, 2)
        yaml = self.path / "c.yaml"
        yaml.write_text("a: [1, 2]\n")
        self.refuses(f"{yaml}:1: expected 'name: value' with a plain value", "run", MODEL, "--on", FIRST, "--config", str(yaml))

    def test_outputs_are_checked_before_the_work(self):
        self.refuses("--json: cannot write '/no/such/x.json': there is no folder '/no/such'", "run", "/no/model.onnx", "--on",
                     FIRST, "--json", "/no/such/x.json")
        self.refuses(f"--report: cannot write '{self.path}': it is a folder", "run", MODEL, "--on", FIRST, "--report",
                     str(self.path))

    @unittest.skipIf(os.geteuid() == 0, "root may write everywhere")
    def test_read_only_folder(self):
        self.path.chmod(stat.S_IRUSR | stat.S_IXUSR)
        try:
            self.refuses(f"--csv: cannot write '{self.path}/x.csv': Permission denied", "run", MODEL, "--on", FIRST, "--csv",
                         f"{self.path}/x.csv")
        finally:
            self.path.chmod(stat.S_IRWXU)

    def test_full_disk(self):
        with open("/dev/full", "w") as full:
            result = subprocess.run([PROGRAM, "list"], stdout=full, stderr=subprocess.PIPE, text=True, env=PLAIN)
        self.assertEqual(result.returncode, 2)
        self.assertEqual(result.stderr, "syncopate: error: cannot write to standard output: No space left on device\n")
        self.refuses("cannot write '/dev/full': No space left on device", "run", MODEL, "--on", FIRST, "--check", "off", "--json",
                     "/dev/full")
        self.assertTrue(stat.S_ISCHR(os.stat("/dev/full").st_mode), "a device must not be replaced")

    def test_damaged_containers(self):
        file = self.path / "net.sync"
        self.assertEqual(run("compress", MODEL, "-o", str(file), "--codebook", "3").returncode, 0)
        whole = file.read_bytes()
        for size in (0, 7, 12, 100, len(whole) // 2, len(whole) - 1):
            file.write_bytes(whole[:size])
            for command in (("inspect",), ("decompress",), ("run", "--on", FIRST)):
                result = run(*command, str(file))
                self.assertEqual((result.returncode, result.stdout, result.stderr.count("\n")), (2, "", 1), result.stderr)
                self.assertIn("net.sync", result.stderr)
        for at in range(0, len(whole), max(1, len(whole) // 40)):
            file.write_bytes(whole[:at] + bytes([whole[at] ^ 4]) + whole[at + 1:])
            result = run("decompress", str(file), "-o", str(self.path / "x.onnx"))
            self.assertEqual((result.returncode, result.stderr.count("\n")), (2, 1), f"{at}: {result.stderr}")
        self.assertEqual([p.name for p in self.path.iterdir()], ["net.sync"])

    def test_compress_mistakes(self):
        self.refuses("--mode: best not in {max,fast,huffman} (see `syncopate compress --help`)", "compress", MODEL, "--mode", "best")
        self.refuses("--layer conv9=3: bits need --bits or --codebook", "compress", MODEL, "--layer", "conv9=3")
        self.refuses("there is no node 'conv9' whose bits could be 3", "compress", MODEL, "--bits", "4", "--layer", "conv9=3")
        self.refuses(f"'{MODEL}' is no .sync file (make one with `syncopate compress`)", "decompress", MODEL)
        old = self.path / "old.sync"
        old.write_text("old")
        self.assertEqual(run("compress", MODEL, "-o", str(old), "--bits", "4", "--layer", "conv9=3").returncode, 2)
        self.assertEqual((old.read_text(), len(list(self.path.iterdir()))), ("old", 1))
        self.refuses("cannot write '/dev/full': No space left on device", "compress", MODEL, "-o", "/dev/full")

    def test_a_kill_leaves_the_old_container(self):
        old = self.path / "old.sync"
        old.write_text("old")
        for delay in (0.05, 0.2, 0.4):
            process = subprocess.Popen([PROGRAM, "compress", "zoo:resnet50", "-o", str(old)], stdout=subprocess.DEVNULL, env=PLAIN)
            time.sleep(delay)
            process.kill()
            process.wait()
            self.assertEqual(old.read_text(), "old")

    def test_a_failed_run_leaves_old_results_alone(self):
        old = self.path / "r.json"
        old.write_text("old")
        self.assertEqual(run("run", "/no/model.onnx", "--on", FIRST, "--json", str(old)).returncode, 2)
        self.assertEqual(old.read_text(), "old")
        self.assertEqual([p.name for p in self.path.iterdir()], ["r.json"])

    def test_a_reader_that_leaves(self):
        process = subprocess.Popen([PROGRAM, "inspect", "zoo:resnet50", "--text"], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                   text=True, env=PLAIN)
        process.stdout.close()
        self.assertEqual(process.stderr.read(), "", "head and pagers leave early; that is no error")
        process.stderr.close()
        self.assertEqual(process.wait(), 0)


class Terminal(Case):
    def in_terminal(self, arguments, environment, interrupt_after=None):
        """Runs with both outputs on a pseudo-terminal; returns exit code and everything shown."""
        child, terminal = pty.fork()
        if child == 0:
            os.execve(PROGRAM, [PROGRAM, *arguments], environment)
        shown = b""
        begin = time.monotonic()
        while True:
            if interrupt_after is not None and interrupt_after in shown:
                os.kill(child, signal.SIGINT)
                interrupt_after = None
            try:
                piece = os.read(terminal, 65536)
            except OSError:
                break
            if not piece or time.monotonic() - begin > 300:
                break
            shown += piece
        os.close(terminal)
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), shown.decode(errors="replace")

    def test_colors_and_progress_on_a_terminal(self):
        code, shown = self.in_terminal(["run", MODEL, "--on", FIRST], {**PLAIN, "TERM": "xterm"})
        self.assertEqual(code, 0)
        self.assertIn("\x1b[1m", shown)
        self.assertIn("\r\x1b[2K", shown, "a progress line")
        self.assertIn(FIRST, shown.split("\r\x1b[2K")[-1], "the results stand below the cleared progress line")

    def test_no_color_is_honored(self):
        _, shown = self.in_terminal(["list"], {**PLAIN, "TERM": "xterm", "NO_COLOR": "1"})
        self.assertNotIn("\x1b[", shown)
        _, shown = self.in_terminal(["list"], {**PLAIN, "TERM": "dumb"})
        self.assertNotIn("\x1b[", shown)
        _, shown = self.in_terminal(["list", "--color", "always"], {**PLAIN, "NO_COLOR": "1"})
        self.assertIn("\x1b[", shown)

    def test_interrupt_writes_nothing(self):
        output = self.path / "r.json"
        code, shown = self.in_terminal(["run", "zoo:vgg16", "--on", ",".join(MACHINES), "--json", str(output)],
                                       {**PLAIN, "TERM": "xterm"}, interrupt_after=b"import")
        self.assertEqual(code, 130, shown[-500:])
        self.assertIn("interrupted; nothing was written", shown)
        self.assertEqual(list(self.path.iterdir()), [])


class Completion(Case):
    def complete(self, *words):
        script = f"""
          PATH={os.path.dirname(PROGRAM)}:$PATH
          source {SOURCE}/completions/syncopate.bash
          compopt() {{ :; }}
          COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMPREPLY=()
          _syncopate
          printf '%s\\n' "${{COMPREPLY[@]}}"
        """
        result = subprocess.run(["bash", "-c", script, "bash", *words], capture_output=True, text=True, cwd=self.path)
        self.assertEqual(result.stderr, "")
        return result.stdout.split()

    def test_words(self):
        commands = self.complete("syncopate", "")
        for command in re.findall(r"^  (\w+)  ", run("--help").stdout.split("Subcommands:")[1], re.M):
            self.assertIn(command, commands)
        self.assertEqual(self.complete("syncopate", "insp"), ["inspect"])
        self.assertEqual(self.complete("syncopate", "run", "x", "--check", "s"), ["sample"])

    def test_names_come_from_the_program(self):
        self.assertEqual(self.complete("syncopate", "run", "--on", ""), MACHINES)
        rest = self.complete("syncopate", "run", "--on", FIRST + ",")
        self.assertEqual(rest, [f"{FIRST},{name}" for name in MACHINES[1:]])
        self.assertIn("ddr4-2400", self.complete("syncopate", "run", "x", "--dram", "ddr4"))

    def test_every_option_is_offered(self):
        for command in re.findall(r"^  (\w+)  ", run("--help").stdout.split("Subcommands:")[1], re.M):
            known = set(re.findall(r"(--[a-z-]+)", re.split(r"\nExamples?:", run(command, "--help").stdout)[0]))
            offered = set(self.complete("syncopate", command, "--"))
            described = {"--params"} if command != "list" else set()  # named in another option's help
            self.assertLessEqual(known - described, offered, command)

    def test_files(self):
        (self.path / "net.onnx").touch()
        self.assertIn("net.onnx", self.complete("syncopate", "inspect", "n"))
        self.assertIn("vgg16", self.complete("syncopate", "inspect", "zoo", ":", "vg"))


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
