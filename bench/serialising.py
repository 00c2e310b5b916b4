"""JSON, pickle, struct, base64, zlib, hashes and copy over the same nested data."""

import base64
import binascii
import copy
import hashlib
import io
import json
import pickle
import struct
import zlib


class Point:
    def __init__(self, x, y):
        self.x = x
        self.y = y

    def __reduce__(self):
        return Point, (self.x, self.y)


def records(n):
    return [
        {
            "id": i,
            "name": f"record {i}",
            "tags": ["a", "b" * (i % 5), "é\u20ac" if i % 3 else "\U0001f600"],
            "price": i * 1.25,
            "nested": {"flag": i % 2 == 0, "none": None, "list": list(range(i % 7))},
        }
        for i in range(n)
    ]


data = records(300)
total = 0
for turn in range(9):
    text = json.dumps(data)
    total += len(text) + len(json.dumps(data, indent=2, sort_keys=True, ensure_ascii=False))
    total += json.loads(text) == data
    total += len("".join(json.JSONEncoder(separators=(",", ":")).iterencode(data[:50])))
    for protocol in (2, 4, 5):
        dump = pickle.dumps((data, [Point(1, i) for i in range(100)]), protocol)
        total += len(dump)
        total += pickle.loads(dump)[1][5].y
    stream = io.BytesIO()
    pickle._Pickler(stream, 4).dump(data[:60])
    stream.seek(0)
    total += pickle._Unpickler(stream).load() == data[:60]
    raw = text.encode()
    total += len(base64.b64decode(base64.b64encode(raw))) + len(base64.b85encode(raw[:2000]))
    total += len(base64.b32encode(raw[:3000])) + len(binascii.hexlify(raw))
    total += len(zlib.decompress(zlib.compress(raw))) + zlib.crc32(raw) % 7
    total += hashlib.sha256(raw).digest()[0] + hashlib.md5(raw).digest()[0]
    packed = b"".join(struct.pack("<IdH4s", i, i / 3, i % 65536, b"abcd") for i in range(2000))
    total += sum(record[0] + record[2] for record in struct.iter_unpack("<IdH4s", packed))
    total += len(copy.deepcopy(data[:80])) + len(copy.copy(data))
print(total)
