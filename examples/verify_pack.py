#!/usr/bin/env python3
"""Checks a bet's evidence pack without the program that made it: `verify_pack.py bet-123.html [segment-digests.txt]`.

Every block's checksums, every number that the history names, every record it cites, that they are about this bet, and the way from each
block to the digest that its segment was sealed with. With a file of exported digests (keep yours elsewhere) also that those digests are the
ones you were given; without it, checksums alone prove nothing against who wrote the pack. A pack cannot show that nothing was left out:
for that replay the journal (`grandstand replay bet`, `grandstand journal verify`).
Needs Python 3 and nothing else. Blocks and records: docs/formats/journal.md.
"""

import base64, hashlib, html, json, re, struct, sys

PAGE, SLOT, HEADER = 4096, 256, 256
TABLE = []
for byte in range(256):
    for _ in range(8): byte = byte >> 1 ^ (0x82F63B78 if byte & 1 else 0)
    TABLE.append(byte)

def crc32c(data):
    value = 0xFFFFFFFF
    for byte in data: value = value >> 8 ^ TABLE[(value ^ byte) & 255]
    return value ^ 0xFFFFFFFF

class Wrong(Exception): pass

def expect(holds, what):
    if not holds: raise Wrong(what)

def body(record, offset, width):
    """A field by its logical offset: bodies step over the heads of further slots."""
    place = 80 + offset
    if offset >= 176:
        place = SLOT * (1 + (offset - 176) // 248) + 8 + (offset - 176) % 248
    expect(place + width <= len(record), "a field after its record's end")
    return int.from_bytes(record[place:place + width], "little", signed=width == 8)

def told(label, fact, fields):
    """What the page says of a number is that number."""
    text = fields.get(label, "")
    if label in ("stake", "potential return", "payout", "paid before") and text:
        expect(int(re.sub(r"\D", "", text)) == abs(int(fact["value"])), f"the page says {label} {text}, the record {fact['value']}")
    if label == "status":
        word = fields.get("answer", fields.get("stands", ""))
        expect(word == {1: "pending", 2: "open", 3: "refused", 4: "settled"}.get(int(fact["value"])), f"the page says {word}")

def check_block(block):
    data, where = block["data"], f"segment {block['segment']} at byte {block['offset']}"
    expect(data[:8] == b"GRANDBLK", f"{where}: no block")
    head = data[:12] + bytes(4) + data[16:HEADER]
    expect(struct.unpack_from("<I", data, 12)[0] == crc32c(head), f"{where}: the header's checksum")
    segment, = struct.unpack_from("<I", data, 36)
    offset, = struct.unpack_from("<Q", data, 48)
    slots, _, size, check = struct.unpack_from("<IIII", data, 72)
    expect((segment, offset) == (block["segment"], block["offset"]), f"{where}: it belongs elsewhere")
    expect(len(data) == HEADER + size and crc32c(data[HEADER:]) == check, f"{where}: the body's checksum")
    for slot in range(slots):
        one = data[HEADER + slot * SLOT:HEADER + (slot + 1) * SLOT]
        expect(struct.unpack_from("<I", one)[0] == crc32c(one[4:]), f"{where}: the checksum of slot {slot}")
    return data[16:32]

def climb(page, path):
    """From a page to the root of its segment's tree."""
    value = hashlib.sha256(b"\0" + page).digest()
    for side, other in ((step[0], bytes.fromhex(step[1:])) for step in path.split()):
        value = hashlib.sha256(b"\1" + (other + value if side == "l" else value + other)).digest()
    return value.hex()

def main():
    if len(sys.argv) not in (2, 3): sys.exit(__doc__)
    page = open(sys.argv[1], encoding="utf-8").read()
    pack = json.loads(re.search(r'<script type="application/json" id="pack">(.*)</script>', page, re.S)[1])
    shown = page[:page.index('id="pack">')].replace("&quot;", '"')
    history = pack["history"]
    blocks = {}
    for block in pack["blocks"]:
        block["data"] = base64.b64decode(block["bytes"])
        blocks[block["segment"], block["offset"]] = block

    def record(place):
        start = HEADER + place["slot"] * SLOT
        found = blocks[place["segment"], place["block"]]["data"][start:start + place["slots"] * SLOT]
        expect(len(found) == place["slots"] * SLOT and struct.unpack_from("<H", found, 8)[0] == place["slots"], "a record is cut off")
        return found

    journals = {check_block(block) for block in pack["blocks"]}
    expect(len(journals) == 1, "blocks of several journals")
    print(f"{len(blocks)} blocks of journal {journals.pop().hex()}: every checksum holds")

    cited = facts = 0
    for step in history["steps"]:
        for index, place in enumerate(step["records"]):
            found = record(place)
            sequence, = struct.unpack_from("<Q", found, 16)
            expect(index > 0 or sequence == int(step["sequence"]), f"record {step['sequence']} is another one")
            cited += 1
        for text in step["fields"].values():
            expect(html.escape(text, quote=False) in shown, f"record {step['sequence']}: the page shows something else")
        for fact in step["facts"]:
            value = body(record(fact["record"]), fact["offset"], fact["width"])
            expect(value == int(fact["value"]), f"record {step['sequence']}, {fact['label']}: told {fact['value']}, written {value}")
            told(fact["label"], fact, step["fields"])
            expect(fact["label"] != "bet" or value in (int(history["bet"]), 0), f"record {step['sequence']} is about another bet")
            facts += 1
        if step["facts"]:
            print(f"  record {step['sequence']}, {step['title']}: " + ", ".join(f"{fact['label']} {step['fields'].get(fact['label']) or fact['value']}" for fact in step["facts"]))
        for entry in step["entries"]:
            expect(sum(entry["postings"].values()) == 0, f"record {step['sequence']}: an entry that does not sum to zero")
    print(f"{cited} records cited, {facts} numbers: all as written")

    lines = {(label, text) for step in history["steps"] for label, text in step["fields"].items()}
    for label, text in history["summary"].items():
        expect(label in ("bet", "account", "stands") or (label, text) in lines, f"the summary's {label} is in no record")
        expect(f"<td>{html.escape(text, quote=False)}</td>" in shown, f"the page shows another {label}")
    exported = {}
    if len(sys.argv) == 3:
        for line in open(sys.argv[2], encoding="utf-8"):
            segment, _, digest, _, root = line.split()
            exported[int(segment)] = (digest, root)
    seals = {seal["segment"]: seal for seal in pack["seals"]}
    open_ends = []
    for segment in sorted({block["segment"] for block in pack["blocks"]}):
        seal = seals.get(segment)
        if not seal or not int(seal["root"], 16):
            expect(segment not in exported, f"segment {segment} was sealed and exported, and the pack has no way to its digest")
            open_ends.append(segment)
            print(f"segment {segment}: not sealed when this was written; checksums only")
            continue
        for block in pack["blocks"]:
            if block["segment"] == segment:
                expect(len(block["paths"]) * PAGE == len(block["data"]), "a page without its way to the root")
                for index, path in enumerate(block["paths"]):
                    expect(climb(block["data"][index * PAGE:(index + 1) * PAGE], path) == seal["root"], f"segment {segment}: a page is not part of it")
        expect("record" in seal or segment in exported, f"segment {segment}: neither the journal's seal nor an exported digest")
        if "record" in seal:
            sealed = record(seal["record"])
            start = 80 + 16
            expect(sealed[start:start + 32].hex() == seal["digest"] and sealed[start + 32:start + 64].hex() == seal["root"], "the journal sealed another digest")
        if exported:
            expect(exported.get(segment) == (seal["digest"], seal["root"]), f"segment {segment}: another digest was exported")
        print(f"segment {segment}: every page leads to {seal['root']}" + (", as exported" if exported else ""))
    print(f"bet {history['bet']}: verified" + (f", but for segments {open_ends}, which nothing seals yet" if open_ends else ""))

if __name__ == "__main__":
    try:
        main()
    except Wrong as wrong:
        sys.exit(f"NOT VERIFIED: {wrong}")
    except (OSError, ValueError, TypeError, KeyError, struct.error) as error:
        sys.exit(f"NOT VERIFIED: this is no evidence pack, or a file cannot be read: {error}")
