# SPDX-License-Identifier: MIT
"""What a run prints: a JSON line per row, a table, bars."""
import json
import shutil
import subprocess
import sys
from pathlib import Path

from measure import NOTES

COLUMNS = ("row", "who", "median", "min", "max", "cpu/op", "peak",
           "ours is")


def json_line(result):
    names = [peer.name for peer in result.row.peers]
    line = {
        "row": result.row.name,
        "unit": result.row.unit,
        "ours": result.stats("ours"),
        "peers": {n: result.stats(n) for n in names if n in result.samples},
        "ratios": {n: result.ratio("ours", n) for n in names
                   if result.ratio("ours", n) is not None},
        "missing": list(result.missing),
    }
    line.update(result.notes())
    if result.failed:
        line["failed"] = result.failed
    if result.limit():
        line["limit"] = result.limit()
    return json.dumps(line)


def amount(x):
    """1234567 -> 1.23 M"""
    for size, letter in ((1e9, " G"), (1e6, " M"), (1e3, " k")):
        if x >= size:
            return f"{x / size:.3g}{letter}" if x < 1000 * size \
                else f"{x / size:.0f}{letter}"
    return f"{x:.3g}"


def cpu(us):
    return f"{us * 1e3:.0f} ns" if us < 1 else \
        f"{us:.1f} us" if us < 1000 else f"{us / 1e3:.2f} ms"


def lines_of(result):
    """The cells of a row: ours first, then its peers, then who is absent."""
    row = result.row
    for name in ["ours", *[peer.name for peer in row.peers]]:
        head = row.name if name == "ours" else ""
        stats, ratio = result.stats(name), result.ratio("ours", name)
        if stats:
            yield (head, name, f"{amount(stats['median'])} {row.unit}",
                   amount(stats["min"]), amount(stats["max"]),
                   cpu(stats["cpu_us"]), f"{stats['peak_kb'] / 1024:.1f} MB",
                   f"{ratio:.2f} x" if ratio and name != "ours" else "")
        else:
            why = result.failed.get(name)
            why = f"FAILED: {why}" if why else \
                f"missing: {result.missing.get(name)}"
            yield (head, name, why)


def table(results):
    cells = [COLUMNS] + [c for r in results for c in lines_of(r)]
    full = [c for c in cells if len(c) == len(COLUMNS)]
    widths = [max(len(c[i]) for c in full) for i in range(len(COLUMNS))]
    widths[0] = max(len(c[0]) for c in cells)
    widths[1] = max(len(c[1]) for c in cells)
    text = []
    for c in cells:
        left = f"{c[0]:{widths[0]}}  {c[1]:{widths[1]}}"
        if len(c) < len(COLUMNS):
            text.append(f"{left}  {c[2]}")
            continue
        rest = "  ".join(f"{cell:>{w}}" for cell, w in
                         zip(c[2:], widths[2:]))
        text.append(f"{left}  {rest}".rstrip())
    for r in results:
        for key, number in r.notes().items():
            text.append(f"{r.row.name}: {NOTES[key].format(number)}")
        limit = r.limit()
        if limit and limit["ratio"] is None:
            text.append(f"{r.row.name}: whether bare is a limit is not known: "
                        f"no comparison with {limit['over']}")
        elif limit:
            text.append(f"{r.row.name}: bare is {limit['ratio']:.2f} x "
                        f"{limit['over']}, {limit['need']} makes it a limit: "
                        f"{'holds' if limit['holds'] else 'DOES NOT HOLD'}")
    return "\n".join(text)


PLOT = """
set terminal svg size 640,{height} font "sans,12" background "white"
set output "{out}"
set title "{title}"
set xlabel "{unit}"
set xrange [0:*]
set yrange [{bottom}:0.6]
set style fill solid 0.8
set ytics nomirror scale 0
set xtics nomirror
set border 3
set format x "%.1s %c"
unset key
$data << END
{data}
END
plot $data using 2:(-$0):(0):2:(-$0-0.35):(-$0+0.35):5:ytic(1) \\
	with boxxyerror linecolor rgbcolor variable, \\
     $data using 2:(-$0):3:4 with xerrorbars pointtype 0 linecolor "black"
"""


def plot(results, folder):
    """DIR/ROW.svg: a bar per contender, its whisker from minimum to maximum."""
    if not shutil.which("gnuplot"):
        print("bench: no plots: gnuplot is not installed "
              "(Debian: apt-get install gnuplot-nox)", file=sys.stderr)
        return
    Path(folder).mkdir(parents=True, exist_ok=True)
    for result in results:
        if not result.samples:
            continue
        data = []
        for name in ["ours", *[peer.name for peer in result.row.peers]]:
            s = result.stats(name)
            if s:
                colour = 0x2060a0 if name == "ours" else 0xa0a0a0
                data.append(f'"{name}" {s["median"]} {s["min"]} {s["max"]} '
                            f"{colour}")
        script = PLOT.format(
            out=Path(folder) / f"{result.row.name}.svg",
            title=f"{result.row.name}: {result.row.what}",
            unit=result.row.unit, data="\n".join(data),
            height=120 + 40 * len(data), bottom=0.4 - len(data))
        subprocess.run(["gnuplot"], input=script, text=True, check=True)
