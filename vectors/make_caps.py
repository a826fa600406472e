#!/usr/bin/env python3
"""Makes caps.json: what the real Tahoe-LAFS 1.20 makes of texts that are, or nearly are, caps.

Usage: python3 make_caps.py > caps.json     (needs `pip install tahoe-lafs==1.20.0`)

A list of objects, one a line:
  in      the text
  deep    whether it was parsed where all must be immutable
  kind    prefix of the kind that it was taken for; null if unknown
  out     what it prints as
  error   null, "malformed", "readonly" or "immutable": the constraint that it breaks
and for known ones:
  write   whether it lets its holder change something
  mutable whether what it reads may change
  ro      the cap without that power
  verify  the cap that only checks shares; null if there is none; false where 1.20 itself fails
  si      storage index; null if there is none

Keys come from a counter, so that every run gives the same bytes. Left out are numbers of more
than 64 bits: Tahoe-LAFS takes them, but no file has such a size.
"""

import hashlib
import json

from allmydata import uri
from allmydata.util import base32

COUNTER = 0


def noise(length):
    global COUNTER
    COUNTER += 1
    return hashlib.sha256(b"cap vectors %d" % COUNTER).digest()[:length]


def b32(length):
    return base32.b2a(noise(length)).decode()


CHK = ["URI:CHK:", "URI:CHK-Verifier:", "URI:DIR2-CHK:", "URI:DIR2-CHK-Verifier:"]
SSK = [
    start + end
    for start in ["URI:SSK", "URI:MDMF", "URI:DIR2", "URI:DIR2-MDMF"]
    for end in [":", "-RO:", "-Verifier:"]
]
LIT = ["URI:LIT:", "URI:DIR2-LIT:"]


def chk_tails():
    key, ueb = b32(16), b32(32)
    yield f"{key}:{ueb}:3:10:1000"
    for numbers in [
        "1:1:0", "256:256:18446744073709551615", "0:0:0", "10:3:5", "3:300:7", "0003:010:00099",
        "3:10:", "3:10", "3:10:x", "3:10:-1", "3:10:+1", "3: 10:5", "3:10:5 ", "3:10:5:6",
        "3:10:5/name", "3:10:5\n", "3:10:5\n\n", "3:10:5é", "::", "3::5", "٣:10:5", "3:10:1e3",
    ]:
        yield f"{key}:{ueb}:{numbers}"
    yield f"{key[:-1]}:{ueb}:3:10:5"
    yield f"{key}a:{ueb}:3:10:5"
    yield f"{key[:-1]}b:{ueb}:3:10:5"
    yield f"{key.upper()}:{ueb}:3:10:5"
    yield f"{key}:{ueb[:-1]}b:3:10:5"
    yield f"{key}:{ueb[:-1]}:3:10:5"
    yield f"{key}::3:10:5"
    yield f":{ueb}:3:10:5"
    yield f"{key}{ueb}:3:10:5"
    yield ""


def ssk_tails():
    key, fingerprint = b32(16), b32(32)
    both = f"{key}:{fingerprint}"
    for end in ["", ":", ":3:131073", ":ext é", "\n", "\n\n", "\n:x", " ", "a", "/name"]:
        yield both + end
    yield f"{key[:-1]}b:{fingerprint}"
    yield f"{key}:{fingerprint[:-1]}b"
    yield f"{key}:{fingerprint[:-1]}"
    yield f"{key[:-1]}:{fingerprint}"
    yield f"{fingerprint}:{key}"
    yield f"{key}"
    yield f"{key}:"
    yield f"{key.upper()}:{fingerprint}"


def lit_tails():
    for length in [0, 1, 2, 3, 4, 5, 6]:
        yield b32(length)
    for length in [54, 55, 56, 200]:
        yield base32.b2a(b"x" * length).decode()
    yield from ["a", "aaa", "aaaaaa", "ab", "AA", "aa=", "aa:", "aa\n", "\n", " ", "0", "aa aa"]
    yield "é"


def texts():
    """Each text, and whether to try it in every context."""
    for prefixes, tails in [(CHK, chk_tails), (SSK, ssk_tails), (LIT, lit_tails)]:
        for prefix in prefixes:
            for number, tail in enumerate(tails()):
                yield prefix + tail, number == 0 or number % 9 == 4
    for text in [
        "", "URI:", "ro.", "imm.", "URI", "URI:DIR:abc:def", "uri:lit:aa", " URI:LIT:aa",
        "URI:LIT", "URI:CHK", "URI:DIR2", "http://127.0.0.1/", "tahoe:", "URI:NEW:abc",
        "x-tahoe-future-test-writeable:abc", "x-tahoe-future-test-mutable:abc",
        "x-tahoe-future-test-readable:abc", "lafs://from_the_future", "é", "\n",
        "URI:SSK-RW:abc:def", "URI:SSK-Verify:abc:def", "URI:MDMF-verifier:a:b",
    ]:
        yield text, True


def contexts(text, in_all):
    yield text, False
    if in_all:
        yield text, True
        yield "ro." + text, False
        yield "imm." + text, False
        yield "ro." + text, True
        yield "imm.ro." + text, False
        yield "ro.imm." + text, False


def describe(text, deep):
    cap = uri.from_string(text, deep_immutable=deep)
    line = {"in": text, "deep": deep, "kind": None, "out": cap.to_string().decode(), "error": None}
    if isinstance(cap, uri.UnknownURI):
        if cap.get_error() is not None:
            line["error"] = {
                "BadURIError": "malformed",
                "MustBeReadonlyError": "readonly",
                "MustBeDeepImmutableError": "immutable",
            }[type(cap.get_error()).__name__]
        return line
    si = cap.get_storage_index()
    verify = cap.get_verify_cap()
    try:
        verify = verify and verify.to_string().decode()
    except AssertionError:
        verify = False
    line.update(
        kind=cap.BASE_STRING.decode(),
        write=not cap.is_readonly(),
        mutable=cap.is_mutable(),
        ro=cap.get_readonly().to_string().decode(),
        verify=verify,
        si=si and base32.b2a(si).decode(),
    )
    return line


def main():
    lines = [
        json.dumps(describe(*case), sort_keys=True)
        for text, in_all in texts()
        for case in contexts(text, in_all)
    ]
    print("[\n" + ",\n".join(lines) + "\n]")


if __name__ == "__main__":
    main()
