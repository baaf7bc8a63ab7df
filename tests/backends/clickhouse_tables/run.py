"""Executes statements in the ClickHouse of this environment: JSON in, JSON lines out.

Argument: the folder of the database. Standard input: a list of statements. Of each, the result is a
line of JSON: the list of its rows. It runs in an environment of its own, with `chdb` alone.
"""

import json
import sys

from chdb import session  # type: ignore[import-not-found]

database = session.Session(sys.argv[1])
for statement in json.load(sys.stdin):
    result = database.query(statement, "JSONEachRow").bytes() or b""
    rows = [json.loads(line) for line in result.splitlines()]
    sys.stdout.write(json.dumps(rows) + "\n")
