# SPDX-License-Identifier: MIT
"""What the checks of the tree share: its files, and a report in TAP."""
import os
import subprocess
import sys
from pathlib import Path

TOP = Path(__file__).resolve().parent.parent
# What a tarball or a build in the tree holds beside our own files.
SKIP = {"autom4te.cache", ".git", ".deps", ".libs", "man", "_build", "_inst"}
GENERATED = set("""INSTALL Makefile Makefile.in aclocal.m4 ar-lib compile
config.guess config.h config.h.in config.log config.status config.sub configure
depcomp install-sh libtool libtool.m4 ltmain.sh ltoptions.m4 ltsugar.m4
ltversion.m4 lt~obsolete.m4 missing tap-driver.sh test-driver""".split())


class Report:
    """One TAP case per question; a case fails if it was given problems."""

    def __init__(self):
        self.count = self.failed = 0

    def case(self, name, problems):
        self.count += 1
        problems = list(problems)
        self.failed += bool(problems)
        print("%s %d - %s" % ("not ok" if problems else "ok",
                              self.count, name))
        for problem in problems[:40]:
            print("# " + problem)
        if len(problems) > 40:
            print("# ... and %d more" % (len(problems) - 40))

    def done(self):
        """The plan; by hand also an exit status."""
        print("1..%d" % self.count)
        by_hand = "CK_TAP_LOG_FILE_NAME" not in os.environ
        sys.exit(1 if self.failed and by_hand else 0)


def files():
    """Tracked files; in a tarball, all that it holds."""
    git = subprocess.run(["git", "-C", str(TOP), "ls-files"],
                         capture_output=True, text=True) \
        if (TOP / ".git").exists() else None
    if git and git.returncode == 0:
        found = [TOP / name for name in git.stdout.split("\n") if name]
    else:
        found = [Path(folder) / name
                 for folder, folders, names in os.walk(TOP)
                 if not SKIP & set(Path(folder).relative_to(TOP).parts)
                 for name in names if name not in GENERATED]
    return sorted(p for p in found if p.is_file())


def relative(path):
    return str(Path(path).relative_to(TOP))
