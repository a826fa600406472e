#!/usr/bin/env python3
"""Makes mutable_files.json: mutable files published by the real Tahoe-LAFS 1.20.

Usage: python3 make_mutable_files.py > mutable_files.json     (needs `pip install tahoe-lafs==1.20.0`)

A list of objects, one a line, each one version of a file:
  name      what is special about it
  format    SDMF or MDMF
  k, n      its encoding
  size      bytes of content; byte i is (i * 7 + i // 251) % 256
  seqnum    its sequence number
  private   the PKCS#8 DER of its key, in base64
  write, read, verify   its caps
  shares    each share in base64 where they are small
  sha256    the SHA-256 of each share where they are not
  salts     where they are not small, the salt of each segment, in hexadecimal
  signature where they are not small, the signature, in hexadecimal
  edit      for a version made by changing the one before it in place: [offset, bytes], with byte i
            of the change (i * 5) % 256; then size is that of the result

Salts and the salts of signatures come from a counter, so that every run gives the same bytes.
"""

import base64
import hashlib
import json
import os
import sys

from cryptography.hazmat.primitives import serialization
from twisted.internet import defer, task

COUNTER = [0]


def fake_urandom(length):
    COUNTER[0] += 1
    out = b""
    block = 0
    while len(out) < length:
        out += hashlib.sha256(b"salt %d %d" % (COUNTER[0], block)).digest()
        block += 1
    return out[:length]


KEY_DER = base64.b64decode(
    "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQDBBtJ0gqWm9Ast+6vf4VQnO4UXT07SZxbu049qiw"
    "KTfA5h/nAAlLavhWDuEq8/opy2Z/DmVY8FD7O74Qx4pEyGc8F1HOAvFbwy7Bf6U9Nw1m0342uKUkHgwgePN1aKsWWb"
    "PwimmRqNVJx3HsOyVJxb1oZ0OGVYhRD6ApzFEJvziiP2vK697pims1NAWQvnaDlvFt6ez9TCJg7xaO+HcTDHT34jnD"
    "muxhAQCF7TfVlJl5udB9ojHwtpDbu62LfrMRzUVoopOMAOMv+Zip2qE/gFkYLTGsn4sAjXZUt+m58recEC2OpaPgLV"
    "EfmDfhwwVXRqqPdXSIqhdbRma0Ms/PF7AgMBAAECggEAFAZP/UaecRhT3pSDdfQreu8e9VZEwD7HRMXNf4k7SQSaKL"
    "VbdjFMqx8kTp5r8Cc/qGFWaaF09wVJfpNawVs+FcawH6T8EYu+Me7cj/DJTc/uQFmHSwVnOy4LLbgucgX0RgDp4Kqf"
    "yWCpOLxdeJnJfMeKZvKAz7Ls73Anm6lc8bdJLOoTaDsNaRR3qYwfRcE6+2xaiI02IVNMh19huqf8Axr+VGudw1pgZa"
    "fegXuKMXcZbLg9JYnCYfsqbOIqO490/aVlj2XZxnEWlVGrQLHGSAI2Afk7n2RDPbbztgQesIGzHkSOqGZt4G/GVGqT"
    "dcqZKiInVX0tRimjXq3Jn5UsYQKBgQD0t0cx9uygeZn+xa2eYs62FjE8djZxXHAmDr8/GAwojRwIbDXLyE/0aHcYiK"
    "y/tM5lpAhTFMfm3vP9A2HXr+ZtAygN+Q3BUeSflSR6Ia5LKASNd3rHd79KVGN7+1zja329I2frJHUR8+ntVuHj3Pht"
    "/ju8ERy9btY6QQuT71hamwKBgQDJ7WI1kb32PQGBSUuP/PWCsfDzL65uA6NtZOwbLnJkjoHM6AgbSiGZC7wRaD1GHz"
    "oZqGHQhsQj3X0du8QZUYNCX49fVZ++7uezAk/weTcq9Nbw0erEaIhesmsK3LKF1OSAiERS5YrAgylJT2MFz+mpovSw"
    "+UA2YFgKePigxjBCoQKBgQCiKwqtG7s3pR3d7dXeThA6Ln62WIg/m0hekAtAnokAHnLjSgJkZvxFNS0nPvtrlz/nr0"
    "os9Gp8nmcF1kXyjwieWSckC1WINOLSth0UKlm8SGqr7O+aW8qSUVYUBUFLHCKZQmtNMj26he8RbzAGtpqTGZUwTg7D"
    "oj2pIQ2xHT1p3QKBgCYR/2YiKDJ4pgP+EaUACDmv2sG+x6AuR22kjW9Cfoa+53H+fSjH/TWhpL+Ta5oA4S9dM7Pg9L"
    "HeXGxyrjIn0Bt/cMSEnC2fVUfGs9OexuvuZWfZ6+1D2BIiiVPu8CmTTdF934PRiytojywnL4A1BtTYyFFlbNnTqEWx"
    "MQ7+zrKBAoGAAeexezDYU/knrvP+7csQ6cjKkliWTuoOOXVrWERfbH+0ykxCXacaRM7MG6SZUNRnN+tHxsv3pSc0ZS"
    "JFdVpDNQnTyJOv3av0qT9g+40OTD8zho+y3UIAPPQcn7J8pnJ0T4mTZQQ3kLfQX80cNn17wvLHXehQ1Ih+RMyeRnQE"
    "rG8="
)


def pss_sign(private_key, data):
    """RSASSA-PSS of RFC 8017 with a salt that is a hash of the data."""
    numbers = private_key.private_numbers()
    n, d = numbers.public_numbers.n, numbers.d
    salt = hashlib.sha256(b"pss" + data).digest()
    digest = hashlib.sha256(b"\0" * 8 + hashlib.sha256(data).digest() + salt).digest()
    em_len = 256
    block = b"\0" * (em_len - 32 - 32 - 2) + b"\1" + salt
    mask = b""
    for i in range((len(block) + 31) // 32):
        mask += hashlib.sha256(digest + i.to_bytes(4, "big")).digest()
    masked = bytearray(a ^ b for a, b in zip(block, mask))
    masked[0] &= 0x7F
    em = bytes(masked) + digest + b"\xbc"
    return pow(int.from_bytes(em, "big"), d, n).to_bytes(em_len, "big")


class Storage(object):
    """A storage server's slots, in memory."""

    def __init__(self):
        self.slots = {}

    def get_version(self):
        return {}

    def slot_readv(self, si, shares, readv):
        slot = self.slots.get(si, {})
        answer = {
            number: [bytes(data[o : o + n]) for o, n in readv]
            for number, data in slot.items()
            if not shares or number in shares
        }
        return defer.succeed(answer)

    def slot_testv_and_readv_and_writev(self, si, secrets, tw_vectors, read_vector):
        slot = self.slots.setdefault(si, {})
        read = {n: [bytes(d[o : o + s]) for o, s in read_vector] for n, d in slot.items()}
        for number, (tests, writes, new_length) in tw_vectors.items():
            data = slot.get(number, bytearray())
            for test in tests:
                if bytes(data[test[0] : test[0] + test[1]]) != test[-1]:
                    return defer.succeed((False, read))
        for number, (tests, writes, new_length) in tw_vectors.items():
            data = slot.setdefault(number, bytearray())
            for offset, piece in writes:
                if len(data) < offset + len(piece):
                    data.extend(b"\0" * (offset + len(piece) - len(data)))
                data[offset : offset + len(piece)] = piece
        return defer.succeed((True, read))


class Server(object):
    def __init__(self, number):
        self.id = bytes([number]) * 20
        self.storage = Storage()

    def get_serverid(self):
        return self.id

    def get_longname(self):
        return self.id.hex()

    get_name = get_longname

    def get_lease_seed(self):
        return self.id

    get_foolscap_write_enabler_seed = get_lease_seed

    def get_storage_server(self):
        return self.storage

    def get_rref(self):
        return self.storage

    def upload_permitted(self):
        return True

    def __lt__(self, other):
        return self.id < other.id


class Broker(object):
    def __init__(self, count):
        self.servers = [Server(i) for i in range(count)]

    def get_servers_for_psi(self, si, for_upload=False):
        return self.servers

    def get_all_serverids(self):
        return frozenset(s.id for s in self.servers)


def content(size):
    return bytes((i * 7 + i // 251) % 256 for i in range(size))


def change(size):
    return bytes(i * 5 % 256 for i in range(size))


@defer.inlineCallbacks
def main(reactor):
    os.urandom = fake_urandom
    from allmydata.client import SecretHolder
    from allmydata.crypto import rsa
    from allmydata.interfaces import MDMF_VERSION, SDMF_VERSION
    from allmydata.mutable.filenode import MutableFileNode
    from allmydata.mutable.publish import MutableData
    from allmydata.util import base32

    rsa.sign_data = pss_sign
    private, public = rsa.create_signing_keypair_from_string(KEY_DER)
    cases = [
        ("empty", "SDMF", 3, 10, 0, None),
        ("one byte", "SDMF", 3, 10, 1, None),
        ("one of one", "SDMF", 1, 1, 100, None),
        ("odd sizes", "SDMF", 2, 5, 1001, None),
        ("large", "SDMF", 3, 10, 300000, None),
        ("empty", "MDMF", 3, 10, 0, None),
        ("one segment", "MDMF", 3, 10, 1000, None),
        ("exactly one segment", "MDMF", 2, 3, 131072, None),
        ("several segments", "MDMF", 3, 10, 300000, None),
        ("changed inside one segment", "MDMF", 3, 10, 300000, (1000, 500)),
        ("changed across segments", "MDMF", 3, 10, 300000, (131000, 200)),
        ("appended", "MDMF", 3, 10, 300000, (300000, 200000)),
        ("overlapping the end", "MDMF", 2, 5, 262144, (262100, 100)),
    ]
    rows = []
    for name, format, k, n, size, edit in cases:
        broker = Broker(n)
        node = MutableFileNode(
            broker, SecretHolder(b"lease secret", b"converge"), {"k": k, "n": n, "happy": 1}, None
        )
        version = SDMF_VERSION if format == "SDMF" else MDMF_VERSION
        yield node.create_with_keys((public, private), content(size), version)
        if edit:
            best = yield node.get_best_mutable_version()
            yield best.update(MutableData(change(edit[1])), edit[0])
        result = size if not edit else max(size, edit[0] + edit[1])
        cap = node._uri
        si = cap.get_storage_index()
        shares = {}
        for server in broker.servers:
            for number, data in server.storage.slots.get(si, {}).items():
                shares[number] = bytes(data)
        row = {
            "name": name, "format": format, "k": k, "n": n, "size": result,
            "seqnum": 2 if edit else 1,
            "private": base64.b64encode(KEY_DER).decode(),
            "write": cap.to_string().decode(),
            "read": cap.get_readonly().to_string().decode(),
            "verify": cap.get_verify_cap().to_string().decode(),
        }
        assert sorted(shares) == list(range(n)), shares.keys()
        if edit:
            row["edit"] = list(edit)
        if sum(map(len, shares.values())) < 60000:
            row["shares"] = [base64.b64encode(shares[i]).decode() for i in range(n)]
        else:
            row["sha256"] = [hashlib.sha256(shares[i]).hexdigest() for i in range(n)]
            one = shares[0]
            if format == "SDMF":
                sig, chain = (int.from_bytes(one[a : a + 4], "big") for a in (75, 79))
                row["salts"] = [one[41:57].hex()]
                row["signature"] = one[sig:chain].hex()
            else:
                at = lambda o: int.from_bytes(one[o : o + 8], "big")
                row["signature"] = one[at(75) : at(83)].hex()
                segsize = at(43)
                step = segsize // k + 16
                count = -(-result // segsize)
                row["salts"] = [one[2167 + i * step :][:16].hex() for i in range(count)]
        rows.append(json.dumps(row))
    print("[\n" + ",\n".join(rows) + "\n]")


if __name__ == "__main__":
    task.react(main)
