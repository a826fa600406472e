#!/usr/bin/env python3
"""Makes dump_cap.json and dump_share.json: what `tahoe debug dump-cap` and `tahoe debug dump-share`
of the real Tahoe-LAFS 1.20 print, and the containers that its uploader and its storage server made.

Usage: python3 make_dumps.py     (writes beside itself; needs `pip install tahoe-lafs==1.20.0`)

dump_cap.json, a list of objects, one a line:
  args    the arguments; CLIENT is a node directory whose private/secret holds `secret`
  out     the lines it prints
dump_share.json, a list of objects:
  path    where the container is, under a directory BASE
  hex     the container
  runs    pairs of arguments and lines; how long a lease still lasts is left out ("expire in _")

All is made from fixed keys and a clock that stands still, so that every run gives the same bytes.
"""

import hashlib
import io
import json
import os
import re
import sys
import tempfile

from twisted.internet import defer, task

from allmydata import uri
from allmydata.immutable import encode, layout, upload
from allmydata.scripts.debug import DumpCapOptions, DumpOptions, dump_cap, dump_share
from allmydata.storage.common import si_b2a
from allmydata.storage.immutable import ShareFile
from allmydata.storage.immutable_schema import schema_from_version
from allmydata.storage.lease import LeaseInfo
from allmydata.storage.server import StorageServer
from allmydata.util import base32

HERE = os.path.dirname(os.path.abspath(__file__))
SECRET = "boity2cdh7jvl3ltaeebuiobbspjmbuopnwbde2yeh4k6x7jioga"
NODE = "v67jiisoty6ooyxlql5fuucitqiok2ic"
NOW = 1_800_000_000


def noise(name, length):
    return hashlib.sha256(name.encode()).digest()[:length]


def write(name, entries):
    with open(os.path.join(HERE, name), "w") as file:
        file.write("[\n" + ",\n".join(json.dumps(entry) for entry in entries) + "\n]\n")


def caps():
    chk = uri.CHKFileURI(noise("key", 16), noise("ueb", 32), 3, 10, 12345)
    sdmf = uri.WriteableSSKFileURI(noise("write", 16), noise("fingerprint", 32))
    mdmf = uri.WriteableMDMFFileURI(noise("write", 16), noise("fingerprint", 32))
    files = [chk, chk.get_verify_cap()]
    for cap in (sdmf, mdmf):
        files += [cap, cap.get_readonly(), cap.get_verify_cap()]
    directories = [uri.DirectoryURI(sdmf), uri.MDMFDirectoryURI(mdmf)]
    texts = [cap.to_string().decode() for cap in files]
    for cap in directories:
        texts += [c.to_string().decode() for c in (cap, cap.get_readonly(), cap.get_verify_cap())]
    texts += [text.replace("URI:CHK", "URI:DIR2-CHK") for text in texts[:2]]
    texts += ["URI:LIT:" + base32.b2a(data).decode() for data in
              (b"", b"plain text", b"it's \"$quoted\" `here`", b"two\nlines", "Zo\u00eb".encode(),
               b"\x00\xff\x7f", b"back\\slash", b"it's")]
    texts += ["URI:DIR2-LIT:" + base32.b2a(b"").decode()]
    texts += ["ro." + texts[0], "ro." + texts[2], "imm." + texts[0], "URI:FUTURE:1", "nonsense"]
    return texts


def dump_caps(client):
    texts = caps()
    secrets = [["-n", NODE], ["-c", SECRET], ["-n", NODE, "-c", SECRET],
               ["--client-dir", client, "--nodeid", NODE.upper()]]
    runs = [[text] for text in texts]
    runs += [[*options, text] for options in secrets
             for text in texts if text.startswith(("URI:CHK:", "URI:SSK:", "URI:MDMF:", "URI:DIR2:",
                                                   "URI:DIR2-CHK:", "URI:SSK-RO:"))]
    runs += [["http://127.0.0.1:3456/uri/" + texts[0].replace(":", "%3A")],
             ["https://example.org/uri/" + texts[2]]]
    results = []
    for args in runs:
        options = DumpCapOptions()
        options.stdout = io.StringIO()
        options.parseOptions(args)
        dump_cap(options)
        args = ["CLIENT" if arg == client else arg for arg in args]
        results.append({"args": args, "out": options.stdout.getvalue().splitlines()})
    return results


class Local:
    """A bucket of a server in this process, called as if it were elsewhere."""

    def __init__(self, bucket):
        self.bucket = bucket

    def callRemote(self, name, *args):
        return defer.maybeDeferred(getattr(self.bucket, name), *args)


class Server:
    """What a bucket's proxy wants to know of its server."""

    def get_name(self):
        return b"local"

    def get_longname(self):
        return b"local"

    def get_serverid(self):
        return b"local"


async def store(base, data, proxy):
    """Uploads a file to a storage server in this process; returns its storage index in base32."""
    clock = task.Clock()
    clock.advance(NOW)
    server = StorageServer(os.path.join(base, "storage"), b"\x01" * 20, clock=clock)
    source = upload.Data(data, convergence=b"c" * 16)
    source.set_default_encoding_parameters(
        {"k": 3, "n": 10, "happy": 1, "max_segment_size": 256})
    encrypted = upload.EncryptAnUploadable(source)
    encoder = encode.Encoder()
    await encoder.set_encrypted_uploadable(encrypted)
    index = encoder.get_param("storage_index")
    sizes = {name: encoder.get_param(name) for name in
             ("share_size", "block_size", "num_segments")}
    sizes["uri_extension_size"] = encoder.get_uri_extension_size()
    hashes = 5
    measure = proxy(None, Server(), sizes["share_size"], sizes["block_size"],
                    sizes["num_segments"], hashes, sizes["uri_extension_size"])
    _, buckets = server.allocate_buckets(index, noise("renew", 32), noise("cancel", 32),
                                         set(range(10)), measure.get_allocated_size())
    proxies = {number: proxy(Local(bucket), Server(), sizes["share_size"], sizes["block_size"],
                             sizes["num_segments"], hashes, sizes["uri_extension_size"])
               for number, bucket in buckets.items()}
    encoder.set_shareholders(proxies, {number: {b"local"} for number in proxies})
    await encoder.start()
    clock.advance(1000)
    server.add_lease(index, noise("other renew", 32), noise("other cancel", 32))
    return si_b2a(index).decode()


def container(base, index, number):
    return os.path.join(base, "storage", "shares", index[:2], index, str(number))


def old_container(base, source, target):
    """The same share in a container of version 1, with one lease."""
    share = ShareFile(source)
    data = share.read_share_data(0, share._lease_offset)
    os.makedirs(os.path.dirname(target), exist_ok=True)
    old = ShareFile(target, max_size=len(data), create=True, schema=schema_from_version(1))
    old.write_share_data(0, data)
    old.add_lease(LeaseInfo(owner_num=0, renew_secret=noise("renew", 32),
                            cancel_secret=noise("cancel", 32),
                            expiration_time=NOW + 31 * 24 * 3600, nodeid=b"\x01" * 20))


def bare_container(source, target):
    """The same share without any lease."""
    share = ShareFile(source)
    data = share.read_share_data(0, share._lease_offset)
    os.makedirs(os.path.dirname(target), exist_ok=True)
    ShareFile(target, max_size=len(data), create=True).write_share_data(0, data)


def dump(base, path):
    runs = []
    for flags in ([], ["--offsets"], ["--leases-only"]):
        options = DumpOptions()
        options.stdout = io.StringIO()
        options.parseOptions([*flags, path])
        dump_share(options)
        text = options.stdout.getvalue().replace(base, "BASE")
        text = re.sub(r"expire in .*", "expire in _", text)
        runs.append([flags, text.splitlines()])
    with open(path, "rb") as file:
        return {"path": os.path.relpath(path, base), "hex": file.read().hex(), "runs": runs}


async def main(reactor):
    with tempfile.TemporaryDirectory() as base:
        base = os.path.realpath(base)
        client = os.path.join(base, "client")
        os.makedirs(os.path.join(client, "private"))
        with open(os.path.join(client, "private", "secret"), "w") as file:
            file.write(SECRET + "\n")
        write("dump_cap.json", dump_caps(client))

        index = await store(base, b"c" * 1000, layout.WriteBucketProxy)
        wide = await store(base, b"d" * 700, layout.WriteBucketProxy_v2)
        paths = [container(base, index, 0), container(base, index, 9), container(base, wide, 4)]
        old = os.path.join(base, "old", index, "0")
        old_container(base, paths[0], old)
        bare = os.path.join(base, "bare", "0")
        bare_container(paths[0], bare)
        write("dump_share.json", [dump(base, path) for path in [*paths, old, bare]])


if __name__ == "__main__":
    sys.stderr.write("writing dump_cap.json and dump_share.json\n")
    task.react(lambda reactor: defer.Deferred.fromCoroutine(main(reactor)))
