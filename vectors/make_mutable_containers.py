#!/usr/bin/env python3
"""Prints mutable_containers.json: what the storage server of the real Tahoe-LAFS 1.20 makes of
containers of mutable shares when they are written, cut, deleted and leased.

Usage: python3 make_mutable_containers.py > mutable_containers.json
       (needs `pip install tahoe-lafs==1.20.0`)

A list of objects, one a line, each a slot's story:
  version  that of the container it begins with; a slot that begins empty gets version 2
  steps    what happened, in order:
    now      the time in seconds
    enabler  the write enabler is this byte 32 times
    lease    the renew secret is this byte 32 times, the cancel secret the next byte
    changes  by share number: tests [offset, size, hex], writes [offset, hex], new length or null;
             null if a lease was added instead
    reads    [offset, size]
    success  whether the tests held; null if the write enabler was refused
    read     by share number: what was read, in hex
    after    by share number: the whole container in hex
The server's node id is the byte 7, 20 times.
"""

import json
import os
import shutil
import tempfile

from twisted.internet import task

from allmydata.interfaces import BadWriteEnablerError
from allmydata.storage.common import storage_index_to_dir
from allmydata.storage.mutable import MutableShareFile
from allmydata.storage.mutable_schema import ALL_SCHEMAS
from allmydata.storage.server import StorageServer

NODE = b"\x07" * 20
SI = b"\x01" * 16
START = 1_700_000_000


class Slot:
    def __init__(self, version):
        self.base = tempfile.mkdtemp()
        self.clock = task.Clock()
        self.clock.advance(START)
        self.server = StorageServer(self.base, NODE, clock=self.clock)
        self.dir = os.path.join(self.server.sharedir, storage_index_to_dir(SI))
        self.version, self.steps = version, []
        if version == 1:
            os.makedirs(self.dir)
            schema = {schema.version: schema for schema in ALL_SCHEMAS}[1]
            share = MutableShareFile(os.path.join(self.dir, "0"), schema=schema)
            share.create(b"\x08" * 20, b"\x03" * 32)

    def containers(self):
        after = {}
        if os.path.isdir(self.dir):
            for name in sorted(os.listdir(self.dir)):
                with open(os.path.join(self.dir, name), "rb") as file:
                    after[name] = file.read().hex()
        return after

    def note(self, **step):
        self.steps.append({"now": int(self.clock.seconds()), **step, "after": self.containers()})
        self.clock.advance(100)

    def write(self, changes, lease=20, enabler=3, reads=((0, 1000),)):
        vectors = {
            share: (
                [(offset, size, b"eq", data) for offset, size, data in tests],
                list(writes),
                length,
            )
            for share, (tests, writes, length) in changes.items()
        }
        secrets = (bytes([enabler]) * 32, bytes([lease]) * 32, bytes([lease + 1]) * 32)
        try:
            success, read = self.server.slot_testv_and_readv_and_writev(
                SI, secrets, vectors, list(reads)
            )
        except BadWriteEnablerError:
            success, read = None, {}
        self.note(
            enabler=enabler,
            lease=lease,
            changes={
                share: [
                    [[offset, size, data.hex()] for offset, size, data in tests],
                    [[offset, data.hex()] for offset, data in writes],
                    length,
                ]
                for share, (tests, writes, length) in changes.items()
            },
            reads=list(reads),
            success=success,
            read={share: [data.hex() for data in read[share]] for share in sorted(read)},
        )

    def add_lease(self, lease):
        self.server.add_lease(SI, bytes([lease]) * 32, bytes([lease + 1]) * 32)
        self.note(enabler=3, lease=lease, changes=None, reads=[], success=True, read={})


def put(*writes, length=None, tests=()):
    return (tests, writes, length)


def writing(slot):
    slot.write({0: put((0, b"the first bytes"))})
    slot.write({0: put((20, b"behind a hole"))}, reads=((0, 4), (10, 100), (100, 5)))
    slot.write({0: put((4, b"FIRST"), tests=((0, 3, b"the"), (100, 5, b"")))})
    slot.write({0: put((0, b"not this"), tests=((0, 3, b"The"),))})
    slot.write({0: put((0, b"nor this"))}, enabler=4)
    slot.write({}, enabler=4)
    slot.write({0: put(length=10)})
    slot.write({0: put((15, b"!"))})
    slot.write({0: put((0, b"0123456789abcdefghij"), (5, b"-"), (30, b"end"), length=31)})
    slot.write({0: put(length=100), 2: put((0, b"two"), tests=((0, 1, b""),))})
    slot.write({2: put((0, b"")), 3: put((5, b"")), 4: put()})
    slot.write({2: put(length=0), 3: put((0, b"gone"), length=0), 9: put(length=0)})
    slot.write({0: put(length=0), 4: put(length=0)})
    slot.write({0: put((0, b"again"))}, enabler=5)


def leasing(slot):
    slot.write({0: put((0, b"share"))}, lease=20)
    slot.write({0: put((0, b"SHARE"))}, lease=20)
    for lease in (30, 40, 50):
        slot.write({0: put()}, lease=lease)
    slot.add_lease(60)
    slot.add_lease(70)
    slot.write({0: put((5, b" grows a little"))}, lease=60)
    slot.write({0: put((20, b" and then" * 30))}, lease=30)
    slot.write({0: put((290, b"x"), (400, b"y" * 9), (2, b"z"))}, lease=80)
    slot.write({0: put((0, b"no lease"), tests=((0, 1, b"S"), (1, 1, b"x")))}, lease=90)
    slot.write({0: put(length=3), 1: put((0, b"one"))}, lease=90)
    slot.add_lease(70)


def main():
    stories = []
    for version in (2, 1):
        for story in (writing, leasing):
            slot = Slot(version)
            story(slot)
            stories.append({"version": version, "steps": slot.steps})
            shutil.rmtree(slot.base)
    print("[\n" + ",\n".join(json.dumps(story) for story in stories) + "\n]")


main()
