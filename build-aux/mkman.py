#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Write man pages (section 3) from the documentation blocks of the headers.

usage: mkman.py VERSION OUTDIR LIBRARY: HEADER... [LIBRARY: HEADER...]

One page per block. The macro aw_x() over the function aw_x_with() or
aw_x_v() gets a page that sends man to the function's. OUTDIR/LIBRARY.pages
lists the pages of a library: what make install installs.
"""
import re
import sys
from pathlib import Path

sys.dont_write_bytecode = True
import aw_headers  # noqa: E402 (after the line that keeps the tree clean)


def roff(text):
    """Text with nothing left in it that roff would take for a command."""
    text = text.replace("\\", "\\e").replace("-", "\\-")
    text = re.sub(r"@(\w+)", r"\\fI\1\\fR", text)
    return re.sub(r"^([.'])", r"\\&\1", text, flags=re.M)


def paragraphs(lines):
    """Filled text and, where lines begin with a tab, samples as they are."""
    out, sample = [], False
    for line in lines:
        if line.startswith("\t") != sample and line.strip():
            sample = not sample
            out.append(".RS 4\n.EX" if sample else ".EE\n.RE")
        if line.strip():
            out.append(roff(line[1:] if sample else line.strip()))
        else:
            out.append("" if sample else ".PP")
    if sample:
        out.append(".EE\n.RE")
    return re.sub(r"(?:\.PP\n?)+\Z", "", "\n".join(out)).rstrip("\n")


def synopsis(block):
    """The prototype, one parameter a line where it is long."""
    text = block.prototype
    if len(text) > 72 and block.kind not in ("macro", "data"):
        head, _, rest = text.partition("(")
        params = aw_headers.split_params(rest[:-2])
        text = head + "(\n    " + ",\n    ".join(params) + ");"
    return text.replace("\\", "\\e").replace("-", "\\-")


def mentioned(block, known):
    """Other pages that the block names."""
    text = "\n".join(block.prose + [line for _, lines in block.args
                                    for line in lines]
                     + sum(block.tags.values(), []))
    found = set(re.findall(r"\b(aw_\w+|AW_\w+)\b", text))
    return sorted((found & known) - {block.name})


def page(block, library, version, aliases, known):
    """The whole page as text."""
    also = ["%s (3)" % n for n in mentioned(block, known)]
    out = ['.TH %s 3 "" "await %s" "await"' % (block.name, version),
           ".SH NAME",
           ", ".join([block.name] + aliases) + " \\- " + roff(block.purpose),
           ".SH LIBRARY", roff(library) + " (pkg\\-config " + roff(library[3:]) + ")",
           ".SH SYNOPSIS", ".nf", "#include <await/%s>" % block.header, "",
           synopsis(block), ".fi"]
    if aliases:
        out += [".PP", "The macro %s() takes %s." % (
            aliases[0], "the values themselves as its last arguments"
            if block.name.endswith("_v") else
            "the options as named arguments: .\\fIname\\fR = \\fIvalue\\fR")]
    if block.args:
        out.append(".SH ARGUMENTS")
    for name, lines in block.args:
        out += [".TP", "\\fI%s\\fR" % name, paragraphs(lines) or "."]
    if any(line.strip() for line in block.prose):
        out += [".SH DESCRIPTION", paragraphs(block.prose)]
    titles = ("RETURN VALUE", "LIFETIME", "CONTEXT", "SOURCE", "HISTORY")
    for tag, title in zip(aw_headers.TAGS, titles):
        if block.has_tag(tag):
            since = ["Since await " + block.tags[tag][0]]
            out += [".SH " + title,
                    paragraphs(since if tag == "Since" else block.tags[tag])]
    if also:
        out += [".SH SEE ALSO"]
        out += [".BR %s%s" % (a, "," if i + 1 < len(also) else "")
                for i, a in enumerate(also)]
    return "\n".join(out) + "\n"


def aliases_of(block, macros):
    stem = re.sub(r"_(with|v)$", "", block.name)
    return [stem] if stem != block.name and stem in macros else []


def main(version, outdir, *words):
    out = Path(outdir)
    pairs = list(aw_headers.libraries(words))
    found = [(lib, b) for lib, h in pairs for b in aw_headers.blocks(h)]
    known = {b.name for _, b in found}
    macros = {m for _, h in pairs for m in aw_headers.macros(h)} - known
    known |= {a for _, b in found for a in aliases_of(b, macros)}
    out.mkdir(parents=True, exist_ok=True)
    for old in list(out.glob("*.3")) + list(out.glob("*.pages")):
        old.unlink()
    pages = {word[:-1]: [] for word in words if word.endswith(":")}
    for library, block in found:
        aliases = aliases_of(block, macros)
        (out / (block.name + ".3")).write_text(
            page(block, library, version, aliases, known))
        pages[library] += [block.name + ".3"]
        for alias in aliases:
            pages[library] += [alias + ".3"]
            (out / (alias + ".3")).write_text(
                ".so man3/%s.3\n" % block.name)
    for library, of_library in pages.items():
        (out / (library + ".pages")).write_text(
            "".join(p + "\n" for p in sorted(of_library)))


if __name__ == "__main__":
    if len(sys.argv) < 4:
        sys.exit(__doc__)
    main(*sys.argv[1:])
