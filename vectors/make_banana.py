#!/usr/bin/env python3
"""Makes banana.json: the bytes that the real Foolscap 24.9 sends for values, calls and answers.

Usage: python3 make_banana.py > banana.json     (needs `pip install tahoe-lafs==1.20.0`)

A list of objects, one a line:
  name     what it is about
  before   how many sequences the connection has had before
  decode   true if the same can be said in other bytes: sharing, frozen sets
  bytes    what is sent, in hexadecimal
  message  {"call": [request, clid, method, positional, named]}, {"answer": [request, value]} or
           {"error": [request, kind, message, traceback]}

A value is null, true, false, or an object with one key: `int` (decimal), `float` (the eight bytes
in hexadecimal), `bytes` (hexadecimal), `text`, `list`, `tuple`, `set`, `dict` (list of pairs),
`copyable` ([name, pairs]), `mine` ([clid], or [clid, interface, FURL or null]), `yours` (clid).
"""

import json
import struct

from foolscap.api import Copyable, Referenceable, RemoteInterface, Violation
from foolscap.broker import Broker
from foolscap.call import AnswerSlicer, CallSlicer, ErrorSlicer
from foolscap.referenceable import RemoteReference, RemoteReferenceTracker, TubRef
from twisted.python.failure import Failure
from zope.interface import implementer

FURL = "pb://v67jiisoty6ooyxlql5fuucitqiok2ic@tcp:127.0.0.1:3457/hush"


class Transport:
    """Keeps what is written."""

    def __init__(self):
        self.data = b""

    def write(self, data):
        self.data += data

    def loseConnection(self):
        raise AssertionError("the connection is given up")


class FakeTub:
    """Has a FURL for some objects."""

    unsafeTracebacks = False
    _expose_remote_exception_types = False
    debugBanana = False
    logLocalFailures = logRemoteFailures = False

    def getOrCreateURLForReference(self, obj):
        return FURL if obj.has_furl else None


class RIThing(RemoteInterface):
    __remote_name__ = "RIThing.example.com"


class Plain(Referenceable):
    has_furl = False


@implementer(RIThing)
class Named(Referenceable):
    has_furl = True


@implementer(RIThing)
class Unregistered(Referenceable):
    has_furl = False


class Results(Copyable):
    typeToCopy = "allmydata.upload.UploadResults.tahoe.allmydata.com"


class Connection:
    def __init__(self):
        broker = Broker(TubRef("a" * 32), {"initial-vocab-table-index": 1})
        broker.tub = FakeTub()
        broker.unsafeTracebacks = False
        broker.transport = Transport()
        broker.initSlicer()
        broker.initUnslicer()
        broker._create_remote_broker()
        broker.produce()
        self.broker = broker

    def yours(self, clid):
        return RemoteReference(RemoteReferenceTracker(self.broker, clid, None, None))

    def send(self, slicer):
        before = self.broker.openCount
        self.broker.transport.data = b""
        failures = []
        self.broker.send(slicer).addErrback(failures.append)
        assert not failures, failures
        return before, self.broker.transport.data


ROWS = []


def told(value, objects):
    """A value as JSON; `objects` says what objects are."""
    told_all = lambda items: [told(item, objects) for item in items]
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return {"int": str(value)}
    if isinstance(value, float):
        return {"float": struct.pack("!d", value).hex()}
    if isinstance(value, bytes):
        return {"bytes": value.hex()}
    if isinstance(value, str):
        return {"text": value}
    if isinstance(value, list):
        return {"list": told_all(value)}
    if isinstance(value, tuple):
        return {"tuple": told_all(value)}
    if isinstance(value, (set, frozenset)):
        return {"set": told_all(value)}
    if isinstance(value, dict):
        return {"dict": [told_all(item) for item in sorted(value.items())]}
    if isinstance(value, Copyable):
        state = [[name, told(of, objects)] for name, of in value.__dict__.items()]
        return {"copyable": [value.typeToCopy, state]}
    return objects[id(value)]


def row(name, sent, message, decode=False):
    before, data = sent
    ROWS.append(dict(name=name, before=before, decode=decode, bytes=data.hex(), message=message))


def call(name, connection, call, objects={}, decode=False):
    request, clid, method, args, kwargs = call
    named = [[key, told(kwargs[key], objects)] for key in sorted(kwargs)]
    message = {"call": [request, clid, method, told(args, objects)["list"], named]}
    row(name, connection.send(CallSlicer(request, clid, method, args, kwargs)), message, decode)


def answer(name, connection, value, objects={}, decode=False):
    message = {"answer": [5, told(value, objects)]}
    row(name, connection.send(AnswerSlicer(5, value)), message, decode)


def error(name, connection, exception, kind, cut_message):
    try:
        raise exception
    except Exception:
        failure = Failure()
    failure.parents = [kind, "builtins.Exception", "builtins.BaseException", "builtins.object"]
    message = {"error": [6, kind, cut_message, "Traceback unavailable\n"]}
    row(name, connection.send(ErrorSlicer(6, failure)), message)


EDGES = [0, 1, 127, 128, 255, 16384, 2**31 - 1, 2**31, 2**32, 2**40, 2**63, 2**64, 2**126]

VALUES = [
    ("none", None),
    ("true", True),
    ("false", False),
    *[(f"int {n}", n) for n in EDGES],
    *[(f"int {-n}", -n) for n in EDGES[1:]],
    *[(f"float {x}", x) for x in (0.0, -0.0, 1.5, 1e300, float("inf"), -float("inf"))],
    ("no bytes", b""),
    ("bytes", bytes(range(256))),
    ("bytes like a word", b"dict"),
    ("long bytes", b"0123456789abcdef" * 512),
    ("no text", ""),
    ("text", "h\u00e9 \u2603 \U0001f600"),
    ("text like a word", "list"),
    ("empty containers", ([], (), {}, set())),
    ("list", [1, [2, [3, [4]]]]),
    ("tuple", (1, b"x", None)),
    ("set", {3}),
    ("dict by bytes", {b"b": 1, b"a": {b"z": 2, b"y": 3}, b"ab": 4}),
    ("dict by ints", {200: b"x", 3: b"y", 0: b"z"}),
    ("dict by text", {"b": 1, "a": 2}),
    ("version", {
        b"http://allmydata.org/tahoe/protocols/storage/v1": {
            b"maximum-immutable-share-size": 2**40,
            b"tolerates-immutable-read-overrun": True,
            b"available-space": 2**40 + 1,
        },
        b"application-version": b"tahoe-lafs/1.20.0",
    }),
]


def make_values():
    for name, value in VALUES:
        answer(name, Connection(), value)
    answer("frozen set", Connection(), frozenset([3]), decode=True)
    results = Results()
    results.file_size = 12345
    results.timings = {b"total": 1.5}
    results.uri = None
    answer("copyable", Connection(), results)


def make_calls():
    call("no arguments", Connection(), (1, 0, "get_version", [], {}))
    call("no answer wanted", Connection(), (0, 3, "announce_v2", [{1}], {}))
    call("bound method", Connection(), (7, -2, "", [], {"x": 1}))
    call("by name", Connection(), (2**31 - 1, 1, "go", [1, b"two"], {"b": 3, "a": None, "aa": 4}))
    connection = Connection()
    for turn in range(3):
        call(f"turn {turn}", connection, (turn + 1, 0, "decref", [], {"clid": turn, "count": 1}))


def make_shared():
    pair = (7, b"x")
    both = [pair, pair]
    connection = Connection()
    answer("before sharing", connection, [pair])
    call("shared", connection, (2, 1, "go", [both, both], {"k": pair}), decode=True)
    deep = [1]
    for _ in range(5):
        deep = [deep, deep]
    answer("shared deep", connection, {b"x": deep, b"y": (deep,)}, decode=True)
    shared = {b"k": [1]}
    answer("shared values", connection, {b"a": shared, b"b": {b"c": shared}}, decode=True)
    answer("after sharing", connection, [pair])


def make_objects():
    connection = Connection()
    plain, named, unregistered = Plain(), Named(), Unregistered()
    yours = connection.yours(9)
    objects = {id(plain): {"mine": [1, "", None]}, id(yours): {"yours": 9}}
    call("first reference", connection, (1, 1, "go", [plain, yours], {}), objects)
    objects[id(plain)] = {"mine": [1]}
    call("second reference", connection, (2, 1, "go", [(plain, plain)], {"to": yours}), objects)
    objects[id(named)] = {"mine": [2, "RIThing.example.com", FURL]}
    answer("reference with a FURL", connection, named, objects)
    objects[id(unregistered)] = {"mine": [3, "RIThing.example.com", None]}
    objects[id(named)] = {"mine": [2]}
    answer("references", connection, {1: unregistered, 2: named}, objects)


def make_errors():
    connection = Connection()
    error("error", connection, ValueError("boom"), "builtins.ValueError", "boom")
    error("error in words", connection, KeyError("h\u00e9"), "builtins.KeyError", "'h\u00e9'")
    violation = Violation("no such method")
    kind = "foolscap.tokens.Violation"
    error("violation", connection, violation, kind, str(violation))


make_values()
make_calls()
make_shared()
make_objects()
make_errors()
print("[")
print(",\n".join(json.dumps(made, sort_keys=True) for made in ROWS))
print("]")
