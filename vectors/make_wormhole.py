"""Prints vectors of magic-wormhole, made by running the Python program: what it seals."""
import json
from unittest import mock

from wormhole import _key

sealed = []
for n, (side, phase, plain) in enumerate([
    ("a1b2c3d4e5", "version", '{"app_versions": {}}'),
    ("a1b2c3d4e5", "0", "hello"),
    ("0000000000", "12", ""),
    ("ffffffffff", "1", "x" * 1000),
]):
    key = bytes([n]) * 32
    with mock.patch("nacl.utils.random", lambda size: bytes(range(n, n + size))):
        body = _key.encrypt_data(_key.derive_phase_key(key, side, phase), plain.encode())
    sealed.append({"key": key.hex(), "side": side, "phase": phase, "plain": plain,
                   "body": body.hex()})
print(json.dumps({"sealed": sealed}, indent=1, sort_keys=True))
