# SPDX-License-Identifier: MIT
"""Read the public headers: every documentation block and what it documents.

A block is a comment that begins with /** and directly above a prototype, an
inline function or a macro says:

    name - purpose
    @parameter: meaning, one entry per parameter, in order
    prose
    Return: ... Lifetime: ... Context: ... Source: ... Since: ...
"""
import re
from pathlib import Path

TOP = Path(__file__).resolve().parent.parent
TAGS = ("Return", "Lifetime", "Context", "Source", "Since")
BLOCK = re.compile(r"^/\*\*\n(.*?)\n \*/\n", re.S | re.M)
COMMENT = re.compile(r"/\*.*?\*/", re.S)
ATTRIBUTE = re.compile(r"\bAW_[A-Z_]+\b(?:\((?:[^()]|\([^()]*\))*\))?")


class Block:
    """One documented name."""

    def __init__(self, header, comment, code):
        self.header = header
        self.tags, self.args, self.prose = {}, [], []
        self._read_comment([re.sub(r"^ \*( |$)", "", line)
                            for line in comment.split("\n")])
        self._read_code(code)

    def _read_comment(self, lines):
        """Paragraphs, each under the heading that began it."""
        head = []
        into = head
        for line in lines:
            arg = re.match(r"@(\w+|\.\.\.):\s*(.*)", line)
            tag = re.match(r"(%s):\s*(.*)" % "|".join(TAGS), line)
            if arg and (into is head or self.args and into is self.args[-1][1]):
                into = [arg.group(2)]
                self.args.append((arg.group(1), into))
            elif tag:
                into = self.tags.setdefault(tag.group(1), [])
                into.append(tag.group(2))
            elif not line.strip() and into is not self.prose \
                    and not self.tags:
                into = self.prose
            else:
                into.append(line)
        self.name, _, self.purpose = " ".join(head).partition(" - ")

    def _read_code(self, code):
        if code.startswith("#define"):
            self.kind = "macro"
            self.prototype = re.match(r"#define (\w+(?:\([^)]*\))?)",
                                      code).group(1)
            self.declared = re.match(r"\w+", self.prototype).group()
            self.params = re.findall(r"\w+", self.prototype)[1:]
            return
        end = re.search(r"[;{]", code)
        text = " ".join(COMMENT.sub(" ", code[:end.start()]).split())
        self.kind = "inline" if "static inline" in text else "function"
        self.awaits = "AW_AWAITS" in text
        self.prototype = ATTRIBUTE.sub("", text).replace("static inline", "")
        self.prototype = " ".join(self.prototype.split()) + ";"
        if re.match(r"extern [^(]*;$", self.prototype):
            self.kind = "data"
        self.declared, self.params = names(self.prototype)
        self.void = self.kind == "data" or \
            bool(re.match(r"void\s+\w", self.prototype))

    def has_tag(self, tag):
        return bool(" ".join(self.tags.get(tag, [])).strip())


def split_params(text):
    """Split at the commas that are not inside parentheses."""
    parts, depth, part = [], 0, ""
    for c in text:
        depth += (c == "(") - (c == ")")
        if c == "," and depth == 0:
            parts.append(part)
            part = ""
        else:
            part += c
    return [p.strip() for p in parts + [part]]


def names(prototype):
    """The name that a prototype declares, and those of its parameters; a
    variable has none."""
    m = re.match(r"extern [^(]*?\b(\w+)\s*;$", prototype)
    if m:
        return m.group(1), []
    m = re.match(r"[^(]*?\b(\w+)\s*\((.*)\)\s*;$", prototype)
    if not m:
        return "", []
    params = []
    for p in split_params(m.group(2)):
        pointer = re.search(r"\(\s*\*\s*(?:const\s+)?(\w+)\s*\)\s*\(", p)
        plain = re.search(r"(\w+|\.\.\.)\s*(?:\[[^]]*\])?$", p)
        if p != "void":
            params.append((pointer or plain).group(1))
    return m.group(1), params


def blocks(path):
    """All blocks of one header, in order."""
    text = Path(path).read_text()
    return [Block(Path(path).name, m.group(1), text[m.end():])
            for m in BLOCK.finditer(text)]


def prototypes(path):
    """The names of all exported functions that a header declares."""
    text = COMMENT.sub(" ", Path(path).read_text())
    text = re.sub(r"^#(?:.*\\\n)*.*$", "", text, flags=re.M)
    found = []
    for m in re.finditer(r"^AW_API\b([^;{]*);", text, re.M):
        code = " ".join(ATTRIBUTE.sub("", m.group(1)).split()) + ";"
        found.append(names(code)[0])
    return found


def libraries(words):
    """The words 'LIBRARY: HEADER...' as (library, header) pairs; headers are
    named from the top of the tree."""
    library = None
    for word in words:
        if word.endswith(":"):
            library = word[:-1]
        else:
            yield library, TOP / word


def macros(path):
    """The function-like macros that a header defines."""
    return re.findall(r"^#define (\w+)\(", Path(path).read_text(), re.M)
