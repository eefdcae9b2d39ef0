# SPDX-License-Identifier: MIT
"""The schema and the statements of the fetch worker.

examples/fetch_worker/ sends the same ones (queue.c, store.c); change both or
the rows worker-pg and worker-mysql compare different work.

A job is `ready` (to be taken from `due` on), `leased` (somebody has it until
`due`; past that it may be taken again), `done` or `failed`. Who holds a lease
is (owner, attempts): a late worker whose lease was lost matches no row, and a
page is never overwritten by an earlier attempt. attempts counts claims and
failures what went wrong with the page, so that a worker that dies does not
use up the page's retries.

The order for one page is: store it, add its links, end its job. A worker
killed between two of them repeats the page and nothing happens twice. Links
are added by a statement of their own: one that also updated the page's job
would deadlock against the page that links back (ON CONFLICT waits for whoever
is updating the row it meets). They are sorted for the same reason.
"""

CREATE_JOB = """
CREATE TABLE IF NOT EXISTS job (
	url text PRIMARY KEY,
	state text NOT NULL DEFAULT 'ready'
		CHECK (state IN ('ready', 'leased', 'done', 'failed')),
	attempts int NOT NULL DEFAULT 0,
	failures int NOT NULL DEFAULT 0,
	due timestamptz NOT NULL DEFAULT now(),
	owner text)"""
CREATE_JOB_INDEX = """
CREATE INDEX IF NOT EXISTS job_due ON job (due)
	WHERE state IN ('ready', 'leased')"""

# owner, lease in seconds, how many
CLAIM = """
UPDATE job SET state = 'leased', attempts = attempts + 1, owner = $1,
	due = now() + make_interval(secs => $2)
WHERE url = ANY (ARRAY(
	SELECT url FROM job
	WHERE state IN ('ready', 'leased') AND due <= now()
	ORDER BY due LIMIT $3 FOR UPDATE SKIP LOCKED))
RETURNING url, attempts, failures"""
# the links, sorted; gives how many were new
ADD = """
WITH added AS (
	INSERT INTO job (url)
	SELECT link FROM unnest($1::text[]) AS link
	WHERE NOT EXISTS (SELECT FROM job WHERE url = link)
	ON CONFLICT DO NOTHING RETURNING 1)
SELECT count(*), CASE WHEN count(*) > 0
	THEN pg_notify('job', '')::text END FROM added"""
# url, owner, attempts, 'done' or 'failed'
END = """
UPDATE job SET state = $4, owner = NULL
WHERE url = $1 AND owner = $2 AND attempts = $3"""
# url, owner, attempts, seconds to wait, 1 if it counts against --retries
LATER = """
UPDATE job SET state = 'ready', owner = NULL, failures = failures + $5,
	due = now() + make_interval(secs => $4)
WHERE url = $1 AND owner = $2 AND attempts = $3"""
# owner, lease in seconds, the pages in flight: what was claimed by a statement
# whose answer got lost must not be renewed
HEARTBEAT = """
UPDATE job SET due = now() + make_interval(secs => $2)
WHERE owner = $1 AND state = 'leased' AND url = ANY ($3::text[])"""
OPEN = "SELECT EXISTS (SELECT FROM job WHERE state IN ('ready', 'leased'))"

CREATE_PAGE_PG = """
CREATE TABLE IF NOT EXISTS page (
	url text PRIMARY KEY,
	final_url text,
	status int,
	content_type text,
	body bytea,
	bytes bigint,
	sha256 text,
	error text,
	attempts int NOT NULL,
	fetched_at timestamptz NOT NULL DEFAULT now())"""
STORE_PG = """
INSERT INTO page (url, final_url, status, content_type, body, bytes, sha256,
	error, attempts)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
ON CONFLICT (url) DO UPDATE SET final_url = EXCLUDED.final_url,
	status = EXCLUDED.status, content_type = EXCLUDED.content_type,
	body = EXCLUDED.body, bytes = EXCLUDED.bytes,
	sha256 = EXCLUDED.sha256, error = EXCLUDED.error,
	attempts = EXCLUDED.attempts, fetched_at = now()
WHERE page.attempts <= EXCLUDED.attempts"""

CREATE_PAGE_MYSQL = """
CREATE TABLE IF NOT EXISTS page (
	url varchar(2048) CHARACTER SET ascii COLLATE ascii_nopad_bin
		PRIMARY KEY,
	final_url text,
	status int,
	content_type text,
	body longblob,
	bytes bigint,
	sha256 char(64),
	error text,
	attempts int NOT NULL,
	fetched_at timestamp NOT NULL DEFAULT current_timestamp)"""
# From left to right: attempts must come last. ? instead of %s in C.
STORE_MYSQL = """
INSERT INTO page (url, final_url, status, content_type, body, bytes, sha256,
	error, attempts)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)
ON DUPLICATE KEY UPDATE """ + ", ".join(
    f"{column} = IF(attempts <= VALUES(attempts), {value}, {column})"
    for column, value in [
        (name, f"VALUES({name})") for name in (
            "final_url", "status", "content_type", "body", "bytes", "sha256",
            "error")] + [("fetched_at", "current_timestamp")]
) + ", attempts = GREATEST(attempts, VALUES(attempts))"

QUEUE_CONNECTIONS = 4
STORE_CONNECTIONS = 4
