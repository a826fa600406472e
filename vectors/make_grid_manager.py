"""Prints vectors of grid managers, made by running Tahoe-LAFS 1.20: a manager's own files,
certificates with what its verifier says to them, and moments as Python reads and writes them."""
import json
from datetime import datetime, timedelta, timezone
from io import StringIO

from allmydata import grid_manager
from allmydata.crypto import ed25519
from allmydata.util import base32


def key(n):
    text = ed25519.PRIVATE_KEY_PREFIX + base32.b2a(bytes([n]) * 32)
    return text.decode(), ed25519.signing_keypair_from_string(text)


def public(n):
    return ed25519.string_from_verifying_key(key(n)[1][1]).decode()


NOW = datetime(2026, 11, 25, 12, 0, 0, tzinfo=timezone.utc)


def signed(n, text):
    """What manager n makes of any text."""
    signature = ed25519.sign_data(key(n)[1][0], text.encode())
    return {"certificate": text, "signature": base32.b2a(signature).decode()}


def sign(manager, server, delta):
    """What manager makes of server, by way of its own code."""
    grid_manager.current_datetime_with_zone = lambda: NOW
    made = grid_manager._GridManager(key(manager)[0].encode(), {})
    made.add_storage_server("server", key(server)[1][1])
    return json.loads(grid_manager.json.dumps(made.sign("server", delta).marshal()))


def verdict(managers, certificates, server, now):
    loaded = [grid_manager.SignedCertificate.load(StringIO(json.dumps(c))) for c in certificates]
    keys = [key(n)[1][1] for n in managers]
    check = grid_manager.create_grid_manager_verifier(
        keys, loaded, public(server).encode(), lambda: now, lambda k, c: None
    )
    return check()


good = sign(1, 9, timedelta(days=3))
other = sign(2, 9, timedelta(days=1, microseconds=17))
spaced = signed(1, '{"version": 1,  "expires": "2026-11-26T00:00:00+02:00", "more": [], '
                   '"public_key": "%s"}' % public(9))
beyond = signed(1, '{"expires":"2026-12-01T00:00:00+00:00","note":"\u00e4 \U0001f600",'
                   '"public_key":"%s","version":1}' % public(9))
changed = dict(good, certificate=good["certificate"].replace("2026", "2027"))

cases = []
for managers, certificates, server in [
    ([], [], 9), ([1], [], 9), ([1], [good], 9), ([2], [good], 9), ([1, 2], [good], 9),
    ([1], [good], 8), ([1], [other], 9), ([1, 2], [other, good], 9), ([1], [changed], 9),
    ([1], [spaced], 9), ([1], [beyond], 9), ([1], [changed, spaced], 9),
]:
    moments = [NOW + timedelta(hours=hours) for hours in (0, 9, 10, 11, 24, 25, 72, 73, 200)]
    cases.append({
        "managers": [public(n) for n in managers],
        "certificates": certificates,
        "server": public(server)[len("pub-"):],
        "permitted": {
            now.isoformat(): verdict(managers, certificates, server, now) for now in moments
        },
    })

times = []
for at in [NOW, NOW + timedelta(microseconds=1), NOW.replace(tzinfo=None),
           NOW.astimezone(timezone(timedelta(hours=5, minutes=45))),
           NOW.astimezone(timezone(-timedelta(hours=3, seconds=1))),
           datetime(1, 1, 2, tzinfo=timezone.utc), datetime(9999, 12, 30, tzinfo=timezone.utc)]:
    aware = at if at.tzinfo else at.replace(tzinfo=timezone.utc)
    us = (aware - datetime(1970, 1, 1, tzinfo=timezone.utc)) // timedelta(microseconds=1)
    times.append({"text": at.isoformat(), "shown": str(at), "us": us})

container = grid_manager.SignedCertificate(
    good["certificate"].encode(), base32.a2b(good["signature"].encode()))
escaped = grid_manager.SignedCertificate(
    beyond["certificate"].encode(), base32.a2b(beyond["signature"].encode()))
print(json.dumps({
    "private_keys": {str(n): key(n)[0] for n in (1, 2, 8, 9)},
    "sign": {"manager": 1, "server": 9, "expires": (NOW + timedelta(days=3)).isoformat()},
    "files": [grid_manager.json.dumps(c.marshal(), indent=4) for c in (container, escaped)],
    "cases": cases,
    "times": times,
}, indent=1, sort_keys=True))
