#!/usr/bin/env python3
"""Writes the ```cpp blocks of a Markdown page, one after another, into a file: the recipe as code."""
import pathlib
import re
import sys

page, target = map(pathlib.Path, sys.argv[1:3])
code = "\n".join(re.findall(r"^```cpp\n(.*?)^```$", page.read_text(), re.M | re.S))
if not code:
    sys.exit(f"{page}: no ```cpp blocks")
target.parent.mkdir(parents=True, exist_ok=True)
target.write_text(code)
