#!/usr/bin/env python3
"""Holds the tree to the data flow of src/CMakeLists.txt: a folder may include only what stands above it.

Also: protobuf stays in onnx/, oneDNN in ref/, and no accelerator is named outside its own folder and
reproduce/.
"""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
SRC = ROOT / "src"
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.M)
# Headers that these folders alone may see.
PRIVATE = {"google/protobuf": ["onnx"], "onnx/onnx": ["onnx"], "oneapi/dnnl": ["ref", "train"], "torch/": ["train"],
           "CLI/": ["cli"], "spdlog/": ["cli"]}


def allowed_folders():
    """Folder -> the folders it may use, from the build: transitive, as the linker sees it."""
    text = (SRC / "CMakeLists.txt").read_text()
    uses = {}
    for match in re.finditer(r"^\s*(syncopate_folder\(([\w/]+)([^)]*)\)|add_subdirectory\((\w+)\))", text, re.M):
        name = match.group(2) or match.group(4)
        direct = []
        if match.group(2):
            found = re.search(r"USES((?:\s+[\w/]+)*)", match.group(3).split("LINKS")[0])
            direct = found.group(1).split() if found else []
        else:  # Says itself what it links; it may use every folder above it.
            direct = list(uses)
        unknown = [d for d in direct if d not in uses]
        if unknown:
            sys.exit(f"src/CMakeLists.txt: {name} uses {unknown}, which stand below it or do not exist")
        uses[name] = set(direct).union(*(uses[d] for d in direct)) if direct else set()
    return uses


def main():
    uses = allowed_folders()
    accelerators = [p.parent.name for p in SRC.glob("accel/*/accel.cpp")]
    problems = []
    files = sorted(p for p in SRC.rglob("*") if p.suffix in (".h", ".cpp"))
    for path in files:
        relative = path.relative_to(SRC)
        folder = relative.parts[0]
        if folder not in uses:
            problems.append(f"src/{relative}: folder {folder} is not in src/CMakeLists.txt")
            continue
        text = path.read_text()
        for kind, header in INCLUDE.findall(text):
            for prefix, owners in PRIVATE.items():
                if kind == "<" and header.startswith(prefix) and folder not in owners:
                    problems.append(f"src/{relative}: {header} belongs to {' and '.join(owners)} alone")
            used = header.split("/")[0]
            if kind == '"' and used in uses and used != folder and used not in uses[folder]:
                problems.append(f"src/{relative}: {folder} may not use {used} ({header})")
            if kind == '"' and header.startswith("accel/") and folder == "accel" and len(relative.parts) > 2:
                other = header.split("/")[1]
                if other in accelerators and other != relative.parts[1]:
                    problems.append(f"src/{relative}: uses another accelerator ({header})")
        if folder in ("accel", "reproduce"):
            continue
        for name in accelerators:
            if re.search(rf"\b{name}\b", text):
                problems.append(f"src/{relative}: names the accelerator {name}")
    for problem in problems:
        print(problem)
    print(f"{len(files)} files in {len(uses)} folders, {len(problems)} problems")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
