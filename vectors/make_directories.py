#!/usr/bin/env python3
"""Makes directories.json: what the real Tahoe-LAFS 1.20 makes of directories, caps and metadata.

Usage: python3 make_directories.py > directories.json     (needs `pip install tahoe-lafs==1.20.0`)

A list of objects, one a line, of these sorts:
  node      a write cap, a read cap and whether the context is immutable; then `error`, the class of
            what raise_error() raises, or `write`, `read`, and `kind`: "file", "directory" or
            "unknown"
  json      a JSON text and what json.dumps makes of it
  metadata  old and new metadata, the time, and what update_metadata makes of them; metadata as text
  table     a directory's packed bytes in hexadecimal, and how it is `held` ("write", "read" or
            "immutable", with a write key of 16 times 0x07); then its `children` as listed (name,
            write cap, read cap, metadata as text), or `fails`: unpacking raised something
  edited    the table that the edits which follow begin with
  edit      one edit, the time, and the SHA-256 of the table after it (null if it writes nothing),
            or the class of the `error`
  buckets   the first buckets of the histogram of deep-stats

Keys come from a counter, so that every run gives the same bytes.
"""

import hashlib
import json
import time

from allmydata import dirnode, nodemaker, uri
from allmydata.deep_stats import DeepStats
from allmydata.util.netstring import netstring

COUNTER = 0
WRITE_KEY = b"\x07" * 16
NOW = 1764038400.25


def sha256(table):
    return hashlib.sha256(table).hexdigest()


def noise(length):
    global COUNTER
    COUNTER += 1
    return hashlib.sha256(b"directory vectors %d" % COUNTER).digest()[:length]


class Table:
    """The file that keeps a directory: only its kind and its key matter."""

    def __init__(self, held):
        self.held = held

    def is_readonly(self):
        return self.held != "write"

    def is_mutable(self):
        return self.held != "immutable"

    def get_writekey(self):
        return WRITE_KEY


MAKER = nodemaker.NodeMaker(None, None, None, None, None, {"k": 3, "n": 10}, None, None)


def directory(held):
    node = dirnode.DirectoryNode.__new__(dirnode.DirectoryNode)
    node._node = Table(held)
    node._nodemaker = MAKER
    node._uploader = None
    return node


def data(cap):
    return None if cap is None else cap.encode()


def text(cap):
    return None if cap is None else cap.decode()


def emit(sort, **fields):
    print(("[" if not emit.some else ",") + json.dumps({"sort": sort, **fields}))
    emit.some = True


emit.some = False


def kind(node):
    if node.is_unknown():
        return "unknown"
    return "directory" if isinstance(node, dirnode.DirectoryNode) else "file"


CHK = uri.CHKFileURI(noise(16), noise(32), 3, 10, 1234)
LIT = uri.LiteralFileURI(b"hello")
SSK = uri.WriteableSSKFileURI(noise(16), noise(32))
MDMF = uri.WriteableMDMFFileURI(noise(16), noise(32))
DIR = uri.DirectoryURI(uri.WriteableSSKFileURI(noise(16), noise(32)))
DIRM = uri.MDMFDirectoryURI(uri.WriteableMDMFFileURI(noise(16), noise(32)))
DIRCHK = uri.ImmutableDirectoryURI(CHK)
DIRLIT = uri.LiteralDirectoryURI(uri.LiteralFileURI(b""))


def nodes():
    caps = [None, "", "future", "ro.future", "imm.future", "imm.ro.future", "ro.imm.future"]
    caps += ["x-tahoe-future-test-writeable:1", "ro.x-tahoe-future-test-writeable:1"]
    caps += ["x-tahoe-future-test-mutable:1", "imm.x-tahoe-future-test-mutable:1"]
    caps += ["URI:CHK:broken", "URI:DIR:old", "ro.URI:DIR2-RO:broken"]
    for cap in [CHK, LIT, SSK, MDMF, DIR, DIRM, DIRCHK, DIRLIT]:
        caps.append(cap.to_string().decode())
    for cap in [SSK, MDMF, DIR, DIRM]:
        caps.append(cap.get_readonly().to_string().decode())
    caps.append(SSK.get_verify_cap().to_string().decode())
    caps.append(DIR.get_verify_cap().to_string().decode())
    for prefix in ["ro.", "imm."]:
        for cap in [CHK, SSK, DIR, SSK.get_readonly(), DIRCHK]:
            caps.append(prefix + cap.to_string().decode())
    some = caps[2:5] + caps[7:10] + [caps[11], caps[16], caps[22]]
    pairs = [(cap, None) for cap in caps] + [(None, cap) for cap in caps]
    pairs += [(write, read) for write in some for read in some if write and read]
    for write, read in pairs:
        for deep in [False, True]:
            node = MAKER.create_from_cap(
                data(write), data(read), deep_immutable=deep
            )
            given = {"write_in": write, "read_in": read, "deep": deep}
            try:
                node.raise_error()
            except Exception as error:
                emit("node", **given, error=type(error).__name__)
                continue
            emit(
                "node",
                **given,
                write=text(node.get_write_uri()),
                read=text(node.get_readonly_uri()),
                kind=kind(node),
                allowed=node.is_allowed_in_immutable_directory(),
            )


def jsons():
    numbers = "0 -0 1 -1 007 1.0 1.5 -0.0 1e5 1E5 1e+16 1e15 123456789012345678 1e16 1e22 1e-4"
    numbers += " 0.00001 1.7976931348623157e308 1e400 -1e400 5e-324 0.1 2.5e-7 3.141592653589793238"
    numbers += " 340282366920938463463374607431768211456 NaN Infinity -Infinity"
    numbers += " 1764038400.123456 1. .5 1e 1e+ -- +1 0x10 01"
    others = [
        "null", "true", "false", "[]", "{}", "[ 1 ,2 ]", '{"a":1,"b":[{"c":null}]}', "", " ",
        '{"b":1,"a":2,"b":3}', "[1,]", "{,}", '{"a" 1}', "{'a':1}", '"', '"\\x"', '"\\u12"',
        '"\\u00e9\\ud83d\\ude00é😀\\"\\\\\\/\\b\\f\\n\\r\\t\\u007f\\u0000"', '"tab\there"',
        "nul", "True", "[1] 2", "\t[1]\n", '{"a":1}x', '["\\u2028\u2028"]', "[" * 60 + "]" * 60,
        '{"":""}', '{"a":1 "b":2}', "{1:2}", "[1 2]", '"\x7f"',
    ]
    for given in numbers.split() + others:
        try:
            out = json.dumps(json.loads(given))
        except ValueError:
            out = None
        emit("json", given=given, out=out)


def metadata():
    olds = [
        None, {}, {"ctime": 5}, {"ctime": 5, "tahoe": {"linkcrtime": 6.5}},
        {"tahoe": {"linkmotime": 7, "x": [1]}, "z": 1, "a": 2}, {"tahoe": {}}, {"no-write": True},
    ]
    news = [
        None, {}, {"tahoe": {"linkcrtime": 1}, "user": "é"}, {"ctime": 9},
        {"a": 1, "tahoe": 5, "b": 2},
    ]
    for old in olds:
        for new in news:
            # Copies, since the real code keeps parts of what it is given.
            copies = json.loads(json.dumps([old, new]))
            out = dirnode.update_metadata(copies[0], copies[1], NOW)
            emit(
                "metadata",
                old=None if old is None else json.dumps(old),
                new=None if new is None else json.dumps(new),
                now=NOW,
                out=json.dumps(out),
            )


def link(write, read=None, deep=False):
    return MAKER.create_from_cap(write, read, deep_immutable=deep)


CHILDREN = {
    "chk": (link(CHK.to_string()), {}),
    "lit": (link(LIT.to_string()), {"x": 1.5, "a": "é"}),
    "ssk": (link(SSK.to_string()), {"tahoe": {"linkcrtime": 1.0, "linkmotime": 2}}),
    "ssk read": (link(SSK.get_readonly().to_string()), {}),
    "mdmf": (link(MDMF.to_string()), {"no-write": True}),
    "dir": (link(DIR.to_string()), {"ctime": 3, "mtime": 4}),
    "dir mdmf": (link(DIRM.to_string()), {}),
    "dir chk": (link(DIRCHK.to_string()), {}),
    "dir lit": (link(DIRLIT.to_string()), {}),
    "future": (link(b"future-rw", b"future-ro"), {"k": None}),
    "future ro": (link(None, b"ro.future"), {}),
    "future imm": (link(None, b"imm.future"), {}),
    "e\u0301t\u00e9/\u0000\U0001f600": (link(CHK.to_string()), {}),
    "": (link(CHK.to_string()), {}),
}
IMMUTABLE = {
    name: child
    for name, child in CHILDREN.items()
    if child[0].is_allowed_in_immutable_directory()
}


def entry(name, read, write, meta, more=b""):
    if isinstance(write, tuple):
        write = dirnode._encrypt_rw_uri(WRITE_KEY, write[0])
    return netstring(
        b"".join(netstring(part) for part in [name, read, write, meta]) + more
    )


def tables():
    chk, ssk = CHK.to_string(), SSK.to_string()
    ssk_ro = SSK.get_readonly().to_string()
    packed = dirnode.pack_children(CHILDREN, WRITE_KEY)
    immutable = dirnode.pack_children(IMMUTABLE, None, deep_immutable=True)
    yield packed, ["write", "read"]
    yield immutable, ["immutable"]
    yield b"", ["write", "read", "immutable"]
    good = entry(b"good", chk, (b"",), b"{}")
    for odd in [
        entry(b"padded", ssk_ro + b"   ", (ssk + b"  ",), b"{}"),
        entry(b"more", chk, (b"",), b"{}", b"3:new,"),
        entry("e\u0301".encode(), chk, (b"",), b"{}") + entry("é".encode(), ssk_ro, (ssk,), b"{}"),
        entry(b"no mac", chk, dirnode._encrypt_rw_uri(WRITE_KEY, b"")[:-32] + b"m" * 32, b"{}"),
        entry(b"bad mac", ssk_ro, dirnode._encrypt_rw_uri(WRITE_KEY, ssk)[:-32] + b"m" * 32, b"{}"),
        entry(b"short", chk, b"", b"{}"),
        entry(b"only rw", b"", (b"future-rw",), b"{}"),
        entry(b"nothing", b"", (b"",), b"{}"),
        entry(b"malformed", b"URI:CHK:broken", (b"",), b"{}"),
        entry(b"rw in ro", ssk, (b"",), b"{}"),
        entry(b"both", ssk_ro, (ssk,), b'{"n": NaN, "big": 1e999, "u": "\\ud800"}'),
        entry(b"unsorted", chk, (b"",), b"{}") + entry(b"a", chk, (b"",), b"{}"),
        entry(b"twice", chk, (b"",), b"{}") + entry(b"twice", ssk_ro, (ssk,), b'{"2": 2}'),
        entry(b"hides", chk, (b"",), b"{}") + entry(b"hides", b"URI:CHK:broken", (b"",), b"{}"),
    ]:
        yield odd + good, ["write", "read"]
    plain = entry(b"good", chk, b"", b"{}")
    for odd in [
        entry(b"mutable", ssk_ro, b"", b"{}"),
        entry(b"ro", b"ro.future", b"", b"{}"),
        entry(b"imm", b"imm.future", b"", b"{}"),
        entry(b"bare", b"future", b"", b"{}"),
        entry(b"test", b"x-tahoe-future-test-mutable:1", b"", b"{}"),
        entry(b"write", chk, (b"",), b"{}"),
    ]:
        yield odd + plain, ["immutable"]
    latin = entry(b"\xff", chk, (b"",), b"{}")
    for broken in [b"x", b"5:abc,", good[:-1], good[:-1] + b";", b"3:abc,", latin]:
        yield good + broken, ["write"]


def unpacked():
    for packed, holders in tables():
        for held in holders:
            try:
                children = directory(held)._unpack_contents(packed)
            except Exception:
                emit("table", held=held, packed=packed.hex(), fails=True)
                continue
            emit(
                "table",
                held=held,
                packed=packed.hex(),
                children=[
                    [
                        name,
                        text(node.get_write_uri()),
                        text(node.get_readonly_uri()),
                        json.dumps(meta),
                    ]
                    for name, (node, meta) in sorted(children.items())
                ],
            )


def edits():
    packed = dirnode.pack_children(CHILDREN, WRITE_KEY)
    parent = directory("write")
    readonly = parent._create_readonly_node
    new = {"user": 1, "tahoe": {"linkcrtime": 1}}

    def adder(name, cap, meta, overwrite):
        node = link(cap.to_string())
        mode = {"yes": True, "no": False, "only-files": dirnode.ONLY_FILES}[overwrite]
        made = dirnode.Adder(parent, {name: (node, meta)}, mode, readonly)
        meta = None if meta is None else json.dumps(meta)
        return made, {"what": "set", "name": name, "cap": text(cap.to_string()),
                      "metadata": meta, "overwrite": overwrite}

    def deleter(name, must_be=None, must_exist=True):
        made = dirnode.Deleter(parent, name, must_exist, must_be == "directory", must_be == "file")
        return made, {"what": "remove", "name": name, "must_be": must_be, "must_exist": must_exist}

    def setter(name, meta):
        made = dirnode.MetadataSetter(parent, name, meta, readonly)
        return made, {"what": "metadata", "name": name, "metadata": json.dumps(meta)}

    cases = [adder(name, SSK, meta, overwrite)
             for name in ["new", "e\u0301te\u0301/\u0000\U0001f600", "dir", "ssk", "mdmf", "future"]
             for meta in [None, new, {"no-write": 1}]
             for overwrite in ["yes", "no", "only-files"]
             if overwrite == "yes" or meta is None]
    cases += [deleter(name, must_be, must_exist)
              for name in ["chk", "dir", "future", "none"]
              for must_be in [None, "file", "directory"]
              for must_exist in [True, False]]
    cases += [setter(name, meta) for name in ["chk", "mdmf", "dir", "none"] for meta in [{}, new]]
    emit("edited", packed=packed.hex())
    for made, fields in cases:
        time.time = lambda: NOW
        try:
            out = made.modify(packed, None, True)
        except Exception as error:
            emit("edit", **fields, now=NOW, error=type(error).__name__)
            continue
        emit("edit", **fields, now=NOW, sha256=None if out is None else sha256(out))


def buckets():
    stats = DeepStats(None)
    stats.which_bucket(10**13)
    emit("buckets", buckets=stats.buckets)


nodes()
jsons()
metadata()
unpacked()
edits()
buckets()
print("]")
