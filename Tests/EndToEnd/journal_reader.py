"""Reads a journal from docs/formats/journal.md alone; shares no code with the platform.

usage: journal_reader.py DIR     prints the number of blocks, records and records by kind as JSON
"""

import hashlib
import json
import pathlib
import struct
import sys

TABLE = []
for byte in range(256):
    for _ in range(8):
        byte = (byte >> 1) ^ (0x82F63B78 if byte & 1 else 0)
    TABLE.append(byte)


def crc32c(data: bytes) -> int:
    crc = 0xFFFFFFFF
    for byte in data:
        crc = TABLE[(crc ^ byte) & 255] ^ (crc >> 8)
    return crc ^ 0xFFFFFFFF


class Corrupt(Exception):
    pass


def header(data: bytes):
    """The fields of a block's header, or None where its checksum does not hold."""
    if data[:8] != b"GRANDBLK":
        return None
    (version, crc, journal, incarnation, segment, number, offset, first, last, slots, flags, body, body_crc,
     parent, durable, time) = struct.unpack_from("<II16sIIQQQQIIII16sQq", data, 8)
    if crc32c(data[:12] + b"\0\0\0\0" + data[16:256]) != crc or version != 1:
        return None
    return dict(journal=journal, incarnation=incarnation, segment=segment, number=number, offset=offset, first=first,
                last=last, slots=slots, flags=flags, body=body, body_crc=body_crc, parent=parent, durable=durable)


def records(body: bytes, head: dict):
    slot, sequence = 0, head["first"]
    while slot < head["slots"]:
        base = slot * 256
        kind, layout, flags, count = struct.unpack_from("<BBHH", body, base + 4)
        number, time = struct.unpack_from("<Qq", body, base + 16)
        if count < 1 or number != sequence:
            raise Corrupt(f"record {sequence}")
        for index in range(count):
            one = body[base + index * 256:base + index * 256 + 256]
            if struct.unpack_from("<I", one)[0] != crc32c(one[4:]):
                raise Corrupt(f"slot of record {sequence}")
        yield dict(kind=kind, sequence=number, time=time, slots=count, bytes=body[base:base + count * 256])
        slot += count
        sequence += 1
    if head["slots"] and sequence != head["last"] + 1:
        raise Corrupt(f"block {head['number']} holds other records than it says")


def prove_end(next_block, journal, segments, offset):
    """Nothing behind the valid part was ever acknowledged: zeros, or whole slots of one torn block."""
    for index, path in enumerate(segments):
        data = path.read_bytes()
        for place in range(offset if index == 0 else 0, len(data), 4096):
            page = data[place:place + 4096]
            head = header(page[:256])
            if head and journal in (None, head["journal"]):
                whole = head["offset"] == place and crc32c(data[place + 256:place + 256 + head["body"]]) == head["body_crc"]
                if whole or (next_block > 0 and head["durable"] >= next_block):
                    raise Corrupt(f"block {head['number']} stands at {place} of {path.name}, block {next_block} is missing")
            for start in range(0, len(page), 256):
                slot = page[start:start + 256]
                if not any(slot):
                    continue
                torn = index == 0 and place < offset + (1 << 20)
                if not torn or not (start == 0 and head) and struct.unpack_from("<I", slot)[0] != crc32c(slot[4:]):
                    raise Corrupt(f"{path.name} at {place + start}")


def read(directory: pathlib.Path):
    """Every record of the valid part, in order."""
    parent, next_block, last_sequence, last_time, journal, incarnation = bytes(16), 0, 0, 0, None, 0
    segments = sorted(directory.glob("journal-*.seg"))
    for index, path in enumerate(segments):
        data = path.read_bytes()
        offset = 0
        while offset < len(data):
            head = header(data[offset:offset + 256])
            body = data[offset + 256:offset + 256 + head["body"]] if head else b""
            good = (head and crc32c(body) == head["body_crc"] and head["parent"] == parent and head["number"] == next_block
                    and head["offset"] == offset and head["segment"] == int(path.stem.split("-")[1])
                    and journal in (None, head["journal"]) and head["incarnation"] >= incarnation
                    and head["first"] == last_sequence + 1)
            if not good:
                prove_end(next_block, journal, segments[index:], offset)
                return
            journal, incarnation = head["journal"], head["incarnation"]
            for record in records(body, head):
                # What came of a command carries the command's own time.
                if record["time"] < last_time:
                    raise Corrupt("time went back")
                last_time = record["time"]
                yield head, record
            parent = hashlib.sha256(data[offset:offset + 256]).digest()[:16]
            next_block += 1
            last_sequence = head["last"]
            offset += 256 + head["body"]


if __name__ == "__main__":
    kinds, blocks = {}, set()
    for head, record in read(pathlib.Path(sys.argv[1])):
        kinds[record["kind"]] = kinds.get(record["kind"], 0) + 1
        blocks.add(head["number"])
    print(json.dumps({"records": sum(kinds.values()), "kinds": kinds}))
