#!/usr/bin/env python3
"""Makes backupdb.json: databases of backups made by the real Tahoe-LAFS 1.20.

Usage: python3 make_backupdb.py > backupdb.json     (needs `pip install tahoe-lafs==1.20.0`)

A list of databases: the `schema` as SQL, and the `rows` of each table. A value is a number, a text,
or {"hex": ...} for a blob. `contents` are the names and caps of the directory that is known.
"""

import io
import json
import os
import re
import shutil
import sqlite3
import tempfile
import time

from allmydata.scripts import backupdb

TABLES = ["version", "local_files", "caps", "last_upload", "directories"]
PLACE = "/tmp/tallac-vectors-backupdb"
CONTENTS = {"Zo\u00eb": b"URI:LIT:krugkidfnzsc4", "a": b"URI:DIR2-LIT:"}
NOW = 1764038400.25


def plain(value):
    return {"hex": value.hex()} if isinstance(value, bytes) else value


def dump(path, **more):
    db = sqlite3.connect(path)
    names = [name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    schema = [
        re.sub(r"\s*--[^\n]*", "", sql) for (sql,) in db.execute("SELECT sql FROM sqlite_master WHERE name IN (%s)" % ", ".join(
            "'%s'" % name for name in TABLES))
    ]
    rows = {
        name: [[plain(value) for value in row] for row in db.execute("SELECT * FROM " + name)]
        for name in TABLES if name in names
    }
    return dict(schema=schema, rows=rows, **more)


def fill(db):
    """Two files of the same content."""
    for name in ("one", "two"):
        path = os.path.join(PLACE, name)
        with open(path, "w") as out:
            out.write("hello")
        os.utime(path, (1700000000, 1700000000))
        result = db.check_file(path)
        result.ctime = 1700000001  # nobody can choose this one
        result.did_upload(b"URI:LIT:nbswy3dp")


def main():
    time.time = lambda: NOW
    os.makedirs(PLACE)
    out = []
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "v2.sqlite")
        db = backupdb.get_backupdb(path, io.StringIO())
        fill(db)
        db.check_directory(CONTENTS).did_create(b"URI:DIR2-LIT:gqwgg33o")
        contents = {name: cap.decode() for name, cap in CONTENTS.items()}
        out.append(dump(path, contents=contents))
        path = os.path.join(folder, "v1.sqlite")
        db = backupdb.get_backupdb(path, io.StringIO(), (backupdb.SCHEMA_v1, 1), just_create=True)
        fill(db)
        out.append(dump(path, contents={}))
    print(json.dumps(out, indent=1))


try:
    main()
finally:
    shutil.rmtree(PLACE, ignore_errors=True)
