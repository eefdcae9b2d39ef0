# SPDX-License-Identifier: MIT
"""Running contenders in turn, and what their samples say together."""
import json
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from servers import Servers, ServerError

SOURCE = Path(__file__).resolve().parent
PYTHON = "/usr/bin/python3"     # the one that Debian's packages belong to
GOCODE = Path("/usr/share/gocode")


class Problem(Exception):
    """The run cannot go on: one line that says what to do."""


# What a program of ours may tell beside its operations.
NOTES = {
    "missed_ticks": "ours missed {:.2%} of its ticks",
    "call_ms": "the call that cancels all of ours takes {:.1f} ms",
}


class Failure(Exception):
    """One contender failed."""


@dataclass
class Sample:
    ops: int
    value: float                # in the unit of the row: more is better
    cpu: float                  # user + system seconds of the process
    peak_kb: int
    notes: dict = field(default_factory=dict)   # key of NOTES -> number


@dataclass
class Result:
    row: object
    samples: dict = field(default_factory=dict)     # name -> [Sample]
    missing: dict = field(default_factory=dict)     # name -> why
    failed: dict = field(default_factory=dict)      # name -> why

    def stats(self, name):
        samples = self.samples.get(name)
        if not samples:
            return None
        values = [s.value for s in samples]
        return {
            "median": round(statistics.median(values), 1),
            "min": round(min(values), 1),
            "max": round(max(values), 1),
            "cpu_us": round(1e6 * statistics.median(
                s.cpu / s.ops for s in samples), 4),
            "peak_kb": max(s.peak_kb for s in samples),
        }

    def ratio(self, name, over):
        """The median over the rounds: in one round both met the same
        machine, so that what else it did in another one cancels out."""
        pairs = zip(self.samples.get(name, ()), self.samples.get(over, ()))
        each = [a.value / b.value for a, b in pairs]
        return round(statistics.median(each), 3) if each else None

    def notes(self):
        """What else ours told: key -> the median over the rounds."""
        told = {}
        for key in NOTES:
            each = [s.notes[key] for s in self.samples.get("ours", ())
                    if key in s.notes]
            if each:
                told[key] = round(statistics.median(each), 5)
        return told

    def limit(self):
        """Is the bare loop of this run good enough to be called the limit?"""
        if not self.row.limit:
            return None
        over, need = self.row.limit
        ratio = self.ratio("bare", over)
        return {"over": over, "ratio": ratio, "need": need,
                "holds": ratio is not None and ratio >= need}


class Bench:
    def __init__(self, opt):
        self.opt = opt
        self.rounds = opt.rounds
        self.seconds = opt.seconds
        self.park = 100000 if opt.quick else 1000000
        self.source = SOURCE
        self.build = find_build(opt.build)
        self.kept = {}
        self.servers = Servers()
        self.scratch = None

    def __enter__(self):
        self.scratch = Path(tempfile.mkdtemp(prefix="aw-bench."))
        for sig in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(sig, lambda *_: sys.exit(130))
        self.make()
        return self

    def __exit__(self, *_):
        self.servers.close()
        shutil.rmtree(self.scratch, ignore_errors=True)

    def make(self):
        """Bring the programs up to date; one that has no source yet, or
        whose library is not built, is missing later and no error here."""
        if (self.build / "Makefile").exists():
            done = subprocess.run(
                ["make", "-s", "-k", "-C", str(self.build), "all",
                 "bench-programs"],
                capture_output=True, text=True)
            if done.returncode:
                last = done.stderr.strip().split("\n")[-1]
                print(f"bench: make bench-programs: {last}", file=sys.stderr)
        if not self.find("meter"):
            raise Problem(f"bench/meter is not built in {self.build}: "
                          "make bench-programs")

    def find(self, program):
        for folder in ("bench", "."):
            path = self.build / folder / program
            if path.is_file() and os.access(path, os.X_OK):
                return path
        return None

    def lacks(self, contender):
        """Why a contender cannot run here; None if it can."""
        if contender.kind == "build":
            found = self.find(contender.program)
            return None if found else f"{contender.program} is not built"
        if contender.kind == "tool":
            found = shutil.which(contender.program)
        elif contender.kind == "python":
            names = ", ".join(contender.needs)
            found = os.path.exists(PYTHON) and subprocess.run(
                [PYTHON, "-c", f"import {names}"],
                capture_output=True).returncode == 0
        else:
            found = shutil.which("go") and all(
                (GOCODE / "src" / need).is_dir() for need in contender.needs)
            if found and not self.go_build(contender):
                return "go build failed"
        return None if found else f"needs {contender.package}"

    def go_build(self, contender):
        peers = self.source / "peers"
        sources = [peers / contender.program, peers / "go_common.go"]
        binary = self.build / "bench" / Path(contender.program).stem
        if binary.exists() and all(s.stat().st_mtime <
                                   binary.stat().st_mtime for s in sources):
            return True
        env = dict(os.environ, GO111MODULE="off", GOPATH=str(GOCODE),
                   GOFLAGS="", GOCACHE=str(self.build / "bench" / "go-cache"))
        return subprocess.run(
            ["go", "build", "-o", str(binary), *map(str, sources)],
            env=env).returncode == 0

    def command(self, contender):
        if contender.kind == "python":
            return [PYTHON, str(self.source / "peers" / contender.program)]
        if contender.kind == "go":
            return [str(self.build / "bench" / Path(contender.program).stem)]
        return [str(self.find(contender.program))]

    def metered(self, contender, argv, parse):
        """Run a command under bench/meter; parse makes its stdout a dict."""
        note = self.scratch / "meter.json"
        process = subprocess.Popen(
            [str(self.find("meter")), str(note), *argv],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env=dict(os.environ, PYTHONDONTWRITEBYTECODE="1"),
            start_new_session=True)
        try:
            out, err = process.communicate(timeout=120 + 10 * self.seconds)
        except subprocess.TimeoutExpired:
            raise Failure("still running after two minutes") from None
        finally:
            if process.returncode is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        used = json.loads(note.read_text()) if note.exists() else {}
        if used.get("status", 1) != 0:
            last = (err.strip() or out.strip()).split("\n")[-1]
            raise Failure(f"exit status {used.get('status')}: {last}")
        note.unlink()
        try:
            said = parse(out)
            rate = said.get("rate") or said["ops"] / said["seconds"]
        except (ValueError, KeyError, ZeroDivisionError) as error:
            raise Failure(f"no result in its output: {error}") from None
        return Sample(int(said["ops"]), rate, used["cpu"], used["peak_kb"],
                      {key: said[key] for key in NOTES if key in said})

    def sample(self, row, contender):
        if contender.run:
            return contender.run(self, contender)
        argv = [*self.command(contender), "--seconds", str(self.seconds),
                *self.servers.fill(row.args, park=self.park)]
        return self.metered(contender, argv, json.loads)

    def row(self, row):
        """All rounds of a row. Who begins moves on by one each round."""
        result = Result(row)
        present = []
        for contender in [row.ours, *row.peers]:
            why = self.lacks(contender)
            if why:
                result.missing[contender.name] = why
            else:
                present.append(contender)
        if not present:
            return result
        try:
            self.servers.need(row.servers)
            self.servers.accounts()
        except ServerError as error:
            raise Problem(f"servers: {error}") from None
        for turn in range(self.rounds):
            first = turn % len(present)
            for contender in present[first:] + present[:first]:
                self.one(result, contender, turn)
        return result

    def one(self, result, contender, turn):
        name = contender.name
        if name in result.failed:
            return
        print(f"\r\033[K{result.row.name} {turn + 1}/{self.rounds} {name} "
              if sys.stderr.isatty() else
              f"{result.row.name} {turn + 1}/{self.rounds} {name}",
              end="" if sys.stderr.isatty() else "\n",
              file=sys.stderr, flush=True)
        try:
            sample = self.sample(result.row, contender)
            result.samples.setdefault(name, []).append(sample)
        except (Failure, ServerError) as error:
            result.failed[name] = str(error)
            result.samples.pop(name, None)
            print(f"\nbench: {result.row.name}: {name}: {error}",
                  file=sys.stderr)


def find_build(named):
    named = named or os.environ.get("AWAIT_BUILD")
    top = SOURCE.parent
    choices = [Path(named)] if named else [Path.cwd(), top / "build", top]
    for path in choices:
        if (path / "config.status").exists() or \
                (path / "bench" / "meter").exists():
            return path.resolve()
    raise Problem(f"no build in {named}" if named else "no build tree found: "
                  "configure and make, or name one with --build DIR")
