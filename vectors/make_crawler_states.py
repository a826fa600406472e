#!/usr/bin/env python3
"""Makes crawler_states.json: states of crawlers as old versions of Tahoe-LAFS pickled them, and the
JSON that its `admin migrate-crawler` makes of them.

Usage: python3 make_crawler_states.py > crawler_states.json
(needs `pip install tahoe-lafs==1.20.0`)
"""

import io
import json
import os
import pickle
import tempfile

from allmydata.scripts import admin

CYCLE = {
    "corrupt-shares": [("aaaaaaaaaaaaaaaaaaaaaaaaaa", 2)],
    "space-recovered": {"examined-shares": 9, "actual-sharebytes": 12345678901},
    "lease-age-histogram": {(0, 86400): 9, (86400, 172800): 3},
    "leases-per-share-histogram": {1: 9, 2: 4},
}
PAST = {
    "cycle-start-finish-times": (1.5, 2.5),
    "expiration-enabled": False,
    "configured-expiration-mode": ("age", None, None, ("mutable", "immutable")),
    "lease-age-histogram": [(0, 86400, 9)],
    "leases-per-share-histogram": {1: 2},
    "corrupt-shares": [],
    "space-recovered": {"examined-shares": 2},
}
STATES = {
    "lease_checker.state": {
        "version": 1,
        "last-cycle-finished": 6,
        "current-cycle": 7,
        "last-complete-prefix": "zy",
        "last-complete-bucket": None,
        "current-cycle-start-time": 1700000000.25,
        "cycle-to-date": CYCLE,
    },
    "bucket_counter.state": {
        "version": 1,
        "last-cycle-finished": None,
        "current-cycle": 0,
        "last-complete-prefix": None,
        "last-complete-bucket": None,
        "bucket-counts": {0: {"22": 3, "23": 70000}},
        "last-complete-bucket-count": None,
        "storage-index-samples": {"22": (0, ["aaaa", "bbbb"])},
    },
    "lease_checker.history": {3: PAST, 4: PAST},
}


class Options(dict):
    stdout = io.StringIO()


def migrated(protocol):
    with tempfile.TemporaryDirectory() as base:
        os.mkdir(os.path.join(base, "storage"))
        pickles, results = {}, {}
        for name, state in STATES.items():
            pickles[name] = pickle.dumps(state, protocol=protocol)
            with open(os.path.join(base, "storage", name), "wb") as f:
                f.write(pickles[name])
        admin.migrate_crawler(Options(basedir=base))
        for name in STATES:
            with open(os.path.join(base, "storage", name + ".json")) as f:
                results[name] = json.load(f)
    return [
        {"name": name, "pickle": pickles[name].hex(), "json": results[name]} for name in STATES
    ]


print(json.dumps({str(protocol): migrated(protocol) for protocol in range(5)}, indent=1))
