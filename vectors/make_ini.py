#!/usr/bin/env python3
"""Makes ini.json: what Python's ConfigParser(strict=False), which Tahoe-LAFS reads tahoe.cfg with,
makes of texts.

Usage: python3 make_ini.py > ini.json     (Python 3.11; nothing else is needed)

A list of objects, one a line:
  in      the text
  out     null if it cannot be read, else [section, [[key, value], ...]] for each section in order,
          [DEFAULT] left out and its keys last in each; value is null where Python refuses to
          interpolate it

Half of the texts are written by hand, half are pieces put together by a generator with a fixed
seed, so that every run gives the same bytes.
"""

import configparser
import json
import random

BY_HAND = [
    "",
    "\ufeff[node]\nnickname = bom\n",
    "[node]\nnickname =\n",
    "[node]\nnickname\n",
    "nickname = early\n[node]\n",
    "# only a comment",
    "; only a comment\n\n\n",
    "[node]\r\nnickname = dos\r\nweb.port = 1\r\n",
    "[node]\nNickName = Zo\u00eb ; kept # kept\n",
    "[node]\nweb.port: tcp:3456:interface=127.0.0.1\n",
    "[node]\nweb.port = tcp:3456\nweb.port = tcp:3457\n",
    "[node]\na = 1\n[client]\nb = 2\n[node]\nA = 3\nc = 4\n",
    "[Node]\na = 1\n[node]\na = 2\n",
    "[node]\nx = one,\n  two,\n\n  three\n\n\ny = 1\n",
    "[node]\nx = one\n# a comment between\n  two\n ; another\n  three\n",
    "[node]\n  x = indented\n  y = as deep\n    z = deeper\n w = less deep\n",
    "  [node]\n  x = 1\n    [client]\n",
    "[node]\nx =\n  first on the next line\n",
    "[node]\nx = 1\n\ty = tab\n",
    "[node]\nx = 1\n\u00a0y = no-break space\n",
    "[node] and more\nx = 1\n",
    "[no]de]\nx = 1\n",
    "[]\nx = 1\n",
    "[ node ]\nx = 1\n",
    "[node\nx = 1\n",
    "[node\n",
    "[node]\n= nothing\n",
    "[node]\n : nothing\n",
    "[node]\na = b = c : d\n",
    "[node]\na : b = c\n",
    "[node]\na=b\n b=c\n",
    "[node]\npct = 100%%\n",
    "[node]\npct = 100%\n",
    "[node]\npct = 50% off\n",
    "[node]\na = 1\nb = %(a)s/%(A)s\n",
    "[node]\nb = %(nowhere)s\n",
    "[node]\nb = %(a\na = 1\n",
    "[node]\nb = %(a)d\na = 1\n",
    "[node]\nb = %()s\n",
    "[node]\nb = %(a)s\na = %(b)s\n",
    "[node]\na = %(a)s\n",
    "[node]\na = x%%y\nb = %(a)s\n",
    "[node]\n" + "".join(f"k{i} = %(k{i + 1})s\n" for i in range(12)) + "k12 = end\n",
    "[node]\n" + "".join(f"k{i} = %(k{i + 1})s\n" for i in range(12)) + "k12 = 5%%\n",
    "[DEFAULT]\nbase = /x\n[node]\npath = %(base)s/y\n[client]\nbase = /z\npath = %(BASE)s\n",
    "[DEFAULT]\nbase = /x\n",
    "[default]\nbase = /x\n",
    "[node]\nx = 1\n[DEFAULT]\nx = 2\ny = %(x)s\n",
    "[node]\nx = a\x0bb\n",
    "[node]\nx = \x1ctrimmed\x1f\n",
    "[node]\n\x0cx = form feed\n",
    "[node]\nx = lone\rreturn\n",
    "[node]\nx = 1\n#y = 2\n#z\n  # in a value\nw = 3",
    "[node]\nx = 1 \n   \n  \nz = 2\n",
    "[\u0130]\n\u0130key = \u0130\n",
    "[node]\nrem x = 1\n",
    "[node]\nx = \"quoted\"\n",
    "[node]\n[client]\n",
    "[node]\nx == y\n",
    "[a=b]\nx = 1\n",
    "[node]\n[x] = 1\n",
]

PIECES = [
    "[node]", "[client]", "[DEFAULT]", "[", "]", "a", "B", "c.d", " ", "  ", "\t", "=", ":", " = ",
    "\n", "\n", "\n", "\n ", "\n  ", "#", ";", "%", "%%", "%(a)s", "%(b)s", "%(c.d)s", "%(", ")s",
    "1", "true", "\u00e9", "\r\n", "[node]\n", "a = 1\n", "b = %(a)s\n", "\n\n",
]


def generated():
    source = random.Random(20)
    for _ in range(400):
        count = source.randrange(1, 24)
        start = source.choice(["", "[node]\n", "[node]\na = 1\n"])
        yield start + "".join(source.choice(PIECES) for _ in range(count))


def read(text):
    parser = configparser.ConfigParser(strict=False)
    try:
        # Tahoe-LAFS decodes the file as utf-8-sig.
        parser.read_string(text.encode().decode("utf-8-sig"))
    except configparser.Error:
        return None
    return [[section, [[key, value(parser, section, key)] for key in parser.options(section)]]
            for section in parser.sections()]


def value(parser, section, key):
    try:
        return parser.get(section, key)
    except configparser.Error:
        return None


def main():
    cases = [{"in": text, "out": read(text)} for text in [*BY_HAND, *generated()]]
    print("[\n" + ",\n".join(json.dumps(case) for case in cases) + "\n]")


main()
