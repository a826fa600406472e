#!/usr/bin/env python3
"""Makes zfec.txt: what the real zfec 1.6 computes. Needs `pip install zfec`.

Usage: python3 make_zfec.py > zfec.txt

Data come from a linear congruential generator, so that a line can name them by a seed:
state = seed; for each byte: state = state * 6364136223846793005 + 1442695040888963407 mod 2^64,
byte = state >> 56.  Blocks are consecutive cuts of that stream.

Lines (fields parted by one blank):
  full K N LENGTH SEED SHARE...        the N shares of K blocks of LENGTH bytes, in hex
  encode K N LENGTH SEED SHA256        SHA-256 of the N shares one after the other
  decode K N LENGTH SEED SHARES SHA256 the K blocks taken as the shares with these numbers (parted
                                       by commas), decoded; SHA-256 of the K results. They are no
                                       shares of anything, so this fixes the decoding of any input.
"""

import hashlib
import random

import zfec

FULL = [(1, 1, 4), (1, 4, 3), (2, 3, 5), (3, 10, 8), (7, 10, 4), (4, 4, 2), (16, 31, 2)]
ENCODE = [
    (1, 1, 100), (1, 2, 100), (1, 256, 33), (2, 2, 64), (2, 256, 65), (3, 10, 1),
    (3, 10, 19), (3, 10, 4097), (3, 10, 43691), (4, 12, 127), (5, 13, 128), (7, 10, 129),
    (7, 10, 18724), (8, 16, 255), (9, 17, 256), (10, 20, 257), (16, 31, 1000), (22, 64, 191),
    (25, 100, 77), (60, 100, 63), (100, 256, 31), (127, 255, 100), (128, 256, 1100),
    (200, 201, 66), (255, 255, 9), (255, 256, 70), (256, 256, 40),
]
DECODE = [
    (1, 1, 10), (1, 256, 50), (2, 5, 64), (3, 10, 33), (3, 10, 1000), (7, 10, 100), (16, 31, 65),
    (25, 100, 70), (128, 256, 90), (255, 256, 40), (256, 256, 20),
]


def noise(seed, length):
    state, out = seed, bytearray()
    for _ in range(length):
        state = (state * 6364136223846793005 + 1442695040888963407) % 2**64
        out.append(state >> 56)
    return bytes(out)


def blocks(k, length, seed):
    data = noise(seed, k * length)
    return [data[i * length : (i + 1) * length] for i in range(k)]


def encode(k, n, length, seed):
    return zfec.Encoder(k, n).encode(blocks(k, length, seed))


def digest(parts):
    return hashlib.sha256(b"".join(bytes(part) for part in parts)).hexdigest()


def main():
    print("# Made by make_zfec.py, which says what the lines mean.")
    for seed, (k, n, length) in enumerate(FULL, 1):
        print("full", k, n, length, seed, *(bytes(s).hex() for s in encode(k, n, length, seed)))
    for seed, (k, n, length) in enumerate(ENCODE, 101):
        print("encode", k, n, length, seed, digest(encode(k, n, length, seed)))
    for seed, (k, n, length) in enumerate(DECODE, 201):
        for attempt in range(3):
            shares = random.Random(seed * 10 + attempt).sample(range(n), k)
            out = zfec.Decoder(k, n).decode(blocks(k, length, seed), shares)
            print("decode", k, n, length, seed, ",".join(map(str, shares)), digest(out))


if __name__ == "__main__":
    main()
