# SPDX-License-Identifier: MIT
"""A mysql:// DSN as the keyword arguments of aiomysql."""
from urllib.parse import parse_qs, unquote, urlsplit


def mysql(text):
    parts = urlsplit(text)
    if parts.scheme not in ("mysql", "mariadb"):
        raise SystemExit("the DSN must begin with mysql:// or mariadb://")
    query = parse_qs(parts.query)
    found = {
        "user": unquote(parts.username or ""),
        "password": unquote(parts.password or ""),
        "host": parts.hostname or "localhost",
        "port": parts.port or 3306,
        "db": unquote(parts.path.lstrip("/")),
        "charset": "utf8mb4",
    }
    for name in ("unix_socket", "socket"):
        if name in query:
            found["unix_socket"] = query[name][0]
    return found
