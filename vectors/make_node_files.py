#!/usr/bin/env python3
"""Makes node_files.json: what the real Tahoe-LAFS 1.20 does when it is told to make nodes.

Usage: python3 make_node_files.py > node_files.json     (needs `pip install tahoe-lafs==1.20.0`)
       python3 make_node_files.py introducers > introducer_files.json     (the same of introducers)

A list of objects, one a line:
  args    the arguments; they run in an empty directory, save for `make`
  make    files that are there before
  exit    exit status
  out     lines on standard output; of a usage error only the last, the message
  err     lines on standard error
  files   path: [mode, lines] of all files and directories after, if all went well

The directory is called BASE, a port that the system chose PORT. Lines of tahoe.cfg that are prose
(`# ` and then words) and empty lines are left out: only what a program reads is compared, and the
settings that are there to be uncommented.
"""

import json
import os
import re
import stat
import subprocess
import sys
import tempfile

RUN = "import sys; from allmydata.scripts.runner import run; sys.argv[0] = 'tahoe'; run()"

FURL = "pb://v67jiisoty6ooyxlql5fuucitqiok2ic@tcp:example.org:1234/introducer"
WHERE = ["--port=tcp:1234", "--location=tcp:example.org:1234"]

CASES = [
    ["create-node", "--hostname=example.org", "node"],
    ["create-node", *WHERE, "node"],
    ["create-node", *WHERE, "--nickname=Zo\u00eb", f"--introducer={FURL}", "--no-storage",
     "--helper", "--storage-dir=/srv/storage", "--shares-needed=1", "--shares-happy=2",
     "--shares-total=3", "--webport=none", "node"],
    ["create-node", "--port", "tcp:1234:interface=127.0.0.1,tcp:1235", "--location",
     "tcp:a.example:1234,tcp:b.example:1235", "-n", "n", "-i", FURL, "-p", "tcp:0", "-C", "node"],
    ["create-node", "--listen=none", "node"],
    ["create-node", "--listen=none", "--no-storage", "node"],
    ["-q", "create-node", *WHERE, "node"],
    ["-d", "node", "create-node", *WHERE],
    ["create-client", "node"],
    ["create-client", "-n", "me", "-i", FURL, "-p", "4567", "--shares-total=20", "node"],
    ["create-client", "--webport=NONE", "node"],
    ["create-node", "node"],
    ["create-node", "--listen=none", "--hostname=h", "node"],
    ["create-node", "--listen=none", *WHERE, "node"],
    ["create-node", "--location=tcp:h:1", "node"],
    ["create-node", "--port=tcp:1", "node"],
    ["create-node", *WHERE, "--hostname=h", "node"],
    ["create-node", "--listen=udp", "node"],
    ["create-node", *WHERE, "--shares-needed=few", "node"],
    ["create-client", "--shares-total=", "node"],
    ["create-node", "--hostname=h", "--tor-launch", "node"],
    ["create-node", *WHERE, "-C", "a", "b"],
    ["-d", "a", "create-node", *WHERE, "b"],
    ["-d", "a", "create-node", *WHERE, "-C", "b"],
]

FULL = [
    (["create-node", *WHERE, "node"], ["node/precious"]),
    (["create-client", "node"], ["node/"]),
]

INTRODUCERS = [
    (["create-introducer", "--hostname=example.org", "node"], []),
    (["create-introducer", *WHERE, "node"], []),
    (["create-introducer", *WHERE, "-C", "node"], []),
    (["-d", "node", "create-introducer", *WHERE], []),
    (["create-introducer", "--listen=none", "node"], []),
    (["create-introducer", *WHERE], []),
    (["create-introducer", "node"], []),
    (["create-introducer", "--listen=none", *WHERE, "node"], []),
    (["create-introducer", "--location=tcp:h:1", "node"], []),
    (["create-introducer", "--listen=udp", "node"], []),
    (["-d", "a", "create-introducer", *WHERE, "b"], []),
    (["-d", "a", "create-introducer", *WHERE, "-C", "b"], []),
    (["create-introducer", *WHERE, "node"], ["node/precious"]),
    (["create-introducer", *WHERE, "node"], ["node/"]),
]


def run(args, make):
    with tempfile.TemporaryDirectory() as base:
        base = os.path.realpath(base)
        for path in make:
            os.makedirs(os.path.join(base, os.path.dirname(path)), exist_ok=True)
            if not path.endswith("/"):
                open(os.path.join(base, path), "w").close()
        done = subprocess.run([sys.executable, "-c", RUN, *args], cwd=base, capture_output=True,
                              text=True, umask=0o022)
        normal = lambda text: text.replace(base, "BASE")
        out = normal(done.stdout).splitlines()
        if done.returncode == 1:
            out = [line for line in out if line][-1:]
        return {
            "args": args,
            "make": make,
            "exit": done.returncode,
            "out": out,
            "err": normal(done.stderr).splitlines(),
            "files": files(base, normal) if done.returncode == 0 else {},
        }


def files(base, normal):
    found = {}
    for directory, names, leaves in os.walk(base):
        for name in [*names, *leaves]:
            path = os.path.join(directory, name)
            mode = stat.S_IMODE(os.stat(path).st_mode)
            lines = None
            if os.path.isfile(path):
                with open(path, encoding="utf-8") as file:
                    lines = settings(normal(file.read())) if name == "tahoe.cfg" else \
                        normal(file.read()).splitlines()
                if name.endswith(".tac"):
                    lines = []
            found[os.path.relpath(path, base)] = [oct(mode), lines]
    return dict(sorted(found.items()))


def settings(text):
    text = re.sub(r"tcp:(example\.org:)?[0-9]{5}$", r"tcp:\1PORT", text, flags=re.M)
    return [line for line in text.splitlines()
            if line and (not line.startswith("# ") or "-*-" in line)]


def main():
    if sys.argv[1:] == ["introducers"]:
        cases = INTRODUCERS
    else:
        cases = [(args, []) for args in CASES] + FULL
    results = [run(args, make) for args, make in cases]
    print("[\n" + ",\n".join(json.dumps(result) for result in results) + "\n]")


main()
