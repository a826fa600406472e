#!/usr/bin/env python3
"""Makes placement.txt: what the real Tahoe-LAFS 1.20 says of random placements of shares.

Usage: python3 make_placement.py > placement.txt     (needs `pip install tahoe-lafs==1.20.0`)

Lines (fields parted by one blank; a server is its number, its shares follow a colon):
  happy HAPPINESS SERVER:SHARES...
        SHARES parted by commas; HAPPINESS as allmydata.util.happinessutil has it.
  plan HAPPINESS COUNT WRITABLE READONLY SERVER:SHARES...
        COUNT shares, numbered from 0, are to be placed; WRITABLE and READONLY are servers parted by
        commas ("-" for none); what follows are the shares that they hold before. HAPPINESS is what
        allmydata.immutable.happiness_upload reaches, existing shares included. What 1.20 places on
        a read-only server that does not hold the share is not counted: no server will take it.

Share sets go in sorted, and servers as whole numbers, so that every run gives the same lines.
"""

import random

from allmydata.immutable.happiness_upload import share_placement
from allmydata.util.happinessutil import servers_of_happiness


def by_share(held):
    shares = {}
    for server, numbers in held.items():
        for number in numbers:
            shares.setdefault(number, set()).add(server)
    return shares


def spell(held):
    return [f"{server}:{','.join(map(str, sorted(held[server])))}" for server in sorted(held)]


def some_held(rng, servers, count, density):
    held = {s: {n for n in range(count) if rng.random() < density} for s in servers}
    return {server: numbers for server, numbers in held.items() if numbers}


def happy(rng):
    servers, count = rng.randrange(1, 15), rng.randrange(1, 20)
    held = some_held(rng, range(servers), count, rng.choice([0.05, 0.1, 0.2, 0.5]))
    print("happy", servers_of_happiness(by_share(held)), *spell(held))


def plan(rng):
    writable = list(range(rng.randrange(1, 14)))
    readonly = list(range(100, 100 + rng.choice([0, 0, 1, 2, 4, 8])))
    count = rng.randrange(1, 16)
    density = rng.choice([0, 0.05, 0.1, 0.2, 0.5])
    held = some_held(rng, writable + readonly, count, density)
    placed = share_placement(
        set(writable + readonly),
        set(readonly),
        set(range(count)),
        {server: set(numbers) for server, numbers in held.items()},
    )
    result = {server: set(numbers) for server, numbers in held.items()}
    for share, server in placed.items():
        if server in writable:
            result.setdefault(server, set()).add(share)
    names = [",".join(map(str, servers)) or "-" for servers in (writable, readonly)]
    print("plan", servers_of_happiness(by_share(result)), count, *names, *spell(held))


def main():
    print("# Made by make_placement.py, which says what the lines mean.")
    rng = random.Random(20)
    for _ in range(400):
        happy(rng)
    for _ in range(600):
        plan(rng)


if __name__ == "__main__":
    main()
