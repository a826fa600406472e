#!/usr/bin/env python3
"""Makes share_tools.json: what `tahoe debug dump-share`, `catalog-shares` and `corrupt-share` of the
real Tahoe-LAFS 1.20 print of mutable shares, and `catalog-shares` of all kinds.

Usage: python3 make_share_tools.py     (reads mutable_files.json and dump_share.json, writes beside
itself; needs `pip install tahoe-lafs==1.20.0`)

An object:
  dumps    a list: path of the container under a directory BASE, hex of the container, and runs:
           pairs of arguments and lines; how long a lease still lasts is left out ("expires in _")
  catalog  the lines that tell of the node directory BASE/node, in which are all containers of
           dumps, those of dump_share.json, and one file that is no share; how long leases last is
           left out ("_")
  corrupt  for the first path of each kind, what corrupt-share says of its blocks: "[start..end)"

All is made from fixed keys and a clock that stands still, so that every run gives the same bytes.
"""

import base64
import io
import json
import os
import re
import shutil
import tempfile

from allmydata import uri
from allmydata.scripts.debug import (CatalogSharesOptions, CorruptShareOptions, DumpOptions,
                                     catalog_shares, corrupt_share, dump_share)
from allmydata.storage.common import si_b2a
from allmydata.storage.lease import LeaseInfo
from allmydata.storage.mutable import MutableShareFile
from allmydata.storage.mutable_schema import ALL_SCHEMAS

HERE = os.path.dirname(os.path.abspath(__file__))
NOW = 1_800_000_000
NODE = b"\x07" * 20


def read(name):
    with open(os.path.join(HERE, name)) as file:
        return json.load(file)


def container(path, share, version, leases):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    file = MutableShareFile(path, schema=next(s for s in ALL_SCHEMAS if s.version == version))
    file.create(NODE, b"\x03" * 32)
    file.writev([(0, share)], None)
    for number in range(leases):
        secret = bytes([10 + number]) * 32
        lease = LeaseInfo(owner_num=1, renew_secret=secret, cancel_secret=secret[::-1],
                          expiration_time=NOW + number * 1000, nodeid=NODE)
        file.add_lease(1 << 60, lease)


def lines(command, options, args, base):
    options = options()
    options.stdout, options.stderr = io.StringIO(), io.StringIO()
    options.parseOptions(args)
    command(options)
    return options.stdout.getvalue().replace(base, "BASE").splitlines()


def dump(base, path):
    runs = []
    for flags in ([], ["--offsets"], ["--leases-only"]):
        text = lines(dump_share, DumpOptions, [*flags, path], base)
        runs.append([flags, [re.sub(r"expires in .*", "expires in _", line) for line in text]])
    with open(path, "rb") as file:
        return {"path": os.path.relpath(path, base), "hex": file.read().hex(), "runs": runs}


def main():
    with tempfile.TemporaryDirectory() as base:
        base = os.path.realpath(base)
        shares = os.path.join(base, "node", "storage", "shares")
        paths = []
        for place, entry in enumerate(e for e in read("mutable_files.json") if "shares" in e):
            index = si_b2a(uri.from_string(entry["verify"]).get_storage_index()).decode()
            for number in sorted({0, len(entry["shares"]) - 1}):
                path = os.path.join(shares, index[:2], index, str(number + 2 * place))
                share = base64.b64decode(entry["shares"][number])
                if number == 0 or place < 2:
                    container(path, share, 1 + place % 2, [1, 6, 1][place % 3])
                    paths.append(path)
        dumps = [dump(base, path) for path in paths]
        for entry in read("dump_share.json"):
            if entry["path"].startswith("storage") and entry["path"].count("/") == 4:
                path = os.path.join(base, "node", entry["path"])
                os.makedirs(os.path.dirname(path), exist_ok=True)
                with open(path, "wb") as file:
                    file.write(bytes.fromhex(entry["hex"]))
        other = os.path.join(shares, "zz")
        os.makedirs(os.path.join(other, "zzzzzzzzzzzzzzzzzzzzzzzzzz"))
        with open(os.path.join(other, "zzzzzzzzzzzzzzzzzzzzzzzzzz", "0"), "w") as file:
            file.write("this is no share of any kind at all, whoever looks at it\n")
        catalog = lines(catalog_shares, CatalogSharesOptions, [os.path.join(base, "node")], base)
        catalog = [re.sub(r" \d+ (\S*/shares/)", r" _ \1", line) for line in catalog]
        corrupt = []
        for path in paths:
            with open(path, "rb") as file:
                file.seek(468)
                if file.read(1) != b"\x00":
                    continue
            copy = os.path.join(base, "copy")
            shutil.copy(path, copy)
            try:
                text = lines(corrupt_share, CorruptShareOptions, [copy], base)
            except ValueError:
                continue
            corrupt.append([os.path.relpath(path, base), text[0].split(":")[0]])
        with open(os.path.join(HERE, "share_tools.json"), "w") as file:
            json.dump({"dumps": dumps, "catalog": catalog, "corrupt": corrupt}, file, indent=0)
            file.write("\n")


if __name__ == "__main__":
    main()
