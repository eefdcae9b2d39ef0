#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What a crawler must find, computed from the files on disk.

usage: crawl.py [--missing] ROOT URL [URL...]

ROOT is the document root of the server, each URL a seed on it. The pages are
read as files, never over HTTP, and with the parser of the standard library,
so that nothing is shared with the worker under test. Prints one line per
reachable page, sorted by URL:

    URL<tab>SHA-256 of the file<tab>bytes

With --missing it prints instead the reachable URLs that have no file.

Followed are "a href" links of .html files with the scheme, host and port of
the seed; fragments are removed, everything else of a URL counts.
"""
import hashlib
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urldefrag, urljoin, urlsplit

HTML_SPACE = " \t\n\f\r"


class Links(HTMLParser):
    """The href of every <a>, and the first <base href>."""

    def __init__(self):
        super().__init__(convert_charrefs=True)
        self.hrefs = []
        self.base = None

    def handle_starttag(self, tag, attrs):
        href = dict(reversed(attrs)).get("href")
        if href is None:
            return
        href = href.strip(HTML_SPACE)
        if tag == "a":
            self.hrefs.append(href)
        elif tag == "base" and self.base is None:
            self.base = href


def origin(url):
    parts = urlsplit(url)
    port = parts.port or {"http": 80, "https": 443}.get(parts.scheme)
    return parts.scheme, parts.hostname, port


def links(url, body):
    parser = Links()
    parser.feed(body.decode("utf-8", "replace"))
    parser.close()
    base = urljoin(url, parser.base) if parser.base else url
    for href in parser.hrefs:
        try:
            target = urldefrag(urljoin(base, href)).url
            if origin(target) == origin(url):
                yield target
        except ValueError:
            pass            # not a URL: "http://[", a port that is no number


def file_of(root, url):
    """The file that the server sends for url, or None."""
    path = unquote(urlsplit(url).path).lstrip("/")
    file = root / path
    if path == "" or path.endswith("/"):
        file = file / "index.html"
    try:
        inside = file.resolve().is_relative_to(root)
        return file if inside and file.is_file() else None
    except (OSError, ValueError):
        return None         # a name too long, a NUL


def crawl(root, seeds):
    """(pages: {url: body}, missing: [url])"""
    pages, missing = {}, []
    seen = {urldefrag(seed).url for seed in seeds}
    todo = sorted(seen)
    while todo:
        url = todo.pop()
        file = file_of(root, url)
        if file is None:
            missing.append(url)
            continue
        pages[url] = body = file.read_bytes()
        if file.suffix == ".html":
            new = set(links(url, body)) - seen
            seen |= new
            todo.extend(sorted(new))
    return pages, missing


def main():
    args = sys.argv[1:]
    want_missing = args[:1] == ["--missing"]
    if want_missing:
        args = args[1:]
    if len(args) < 2:
        sys.exit(__doc__)
    root = Path(args[0]).resolve()
    pages, missing = crawl(root, args[1:])
    if want_missing:
        lines = sorted(missing)
    else:
        lines = [f"{url}\t{hashlib.sha256(body).hexdigest()}\t{len(body)}"
                 for url, body in sorted(pages.items())]
    sys.stdout.write("".join(line + "\n" for line in lines))


if __name__ == "__main__":
    main()
