# SPDX-License-Identifier: MIT
"""guide.py TOP - the programs of the guide against the examples.

In a chapter of doc/guide/, <!-- NN_name --> says which example the blocks
below it tell of. A block of C must be found in examples/NN_name.c as it is;
a block of Python must print what that example prints.
<!-- NN_name: c --> leaves the Python alone, and of the C the white space at
the begin of a line and before a comment: pieces of several functions.
"""
import re
import subprocess
import sys
from pathlib import Path


def promised(source):
    head = source.split("*/", 2)[1]
    below = head.split("* Prints", 1)[1]
    return re.findall(r"^ \*\t(.*)$", below, re.M)


def loosely(text):
    return re.sub(r"[\t ]*\t", "\t", re.sub(r"^\t+", "", text, flags=re.M))


def problem(kind, block, source, pieces):
    """What is wrong with a block, or None."""
    if pieces:
        block, source = loosely(block), loosely(source)
    if kind == "c":
        # Between two parts that stand apart in the example: a line "...".
        for part in re.split(r"^\t*\.\.\.\n", block, flags=re.M):
            if part.strip("\n") not in source:
                return "not in the example:\n" + part
        return None
    run = subprocess.run([sys.executable, "-c", block], capture_output=True,
                         text=True, timeout=60)
    if run.stdout.splitlines() != promised(source):
        return "prints\n%s%s" % (run.stdout, run.stderr)
    return None


def main():
    top = Path(sys.argv[1])
    for chapter in sorted(top.glob("doc/guide/*.md")):
        example, number, pieces = None, 0, ""
        for mark, of_c, kind, block in re.findall(
                r"<!-- (\d\d_\w+)(: c)? -->|^```(c|python)\n(.*?)^```",
                chapter.read_text(), re.M | re.S):
            if mark:
                example = (top / "examples" / (mark + ".c")).read_text()
                pieces = of_c
                continue
            if not example or (pieces and kind != "c"):
                continue
            number += 1
            wrong = problem(kind, block, example, pieces)
            print("%s - %s: block %d, %s" % ("not ok" if wrong else "ok",
                                             chapter.name, number, kind))
            if wrong:
                print(wrong)


main()
