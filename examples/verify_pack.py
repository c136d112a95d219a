#!/usr/bin/env python3
"""Checks a bet's evidence pack without the program that made it: `verify_pack.py bet-123.html [segment-digests.txt]`.

Believe what this script prints, not what the page says: it reads stake, prices, scores, answers, reasons, payouts and balances from the raw
records itself, holds the page's words and each ledger entry against them, and follows each block to the digest that its segment was sealed
with. With a file of exported digests (keep yours elsewhere) also that those are the ones you were given; without it, checksums alone prove
nothing against who wrote the pack. Rules that passed, and whether something was left out, only a replay of the journal shows (`grandstand
replay bet`, `grandstand journal verify`). Needs Python 3 alone. Formats: docs/formats/journal.md, docs/formats/replay.md.
"""

import base64, functools, hashlib, html, json, re, struct, sys

PAGE, SLOT, HEADER, PLACED, SETTLED, UNKNOWN = 4096, 256, 256, 33, 44, 0xFFFFFFFF
STATUS = {1: "pending", 2: "open", 3: "refused", 4: "settled"}
CODES = dict(zip([*range(1, 19), *range(20, 31), *range(40, 52), *range(60, 64), *range(80, 86)], (
    "account_unknown id_reused id_outside_window deadline_passed deadline_too_far too_many_refused account_closed "
    "structure_unsupported leg_count_out_of_range currency_mismatch stake_kind_unsupported system_malformed too_many_lines "
    "stake_not_divisible offer_expired channel_shut location_unknown location_refused market_unknown selection_unknown "
    "market_suspended selection_not_offered score_changed price_moved related place_terms_changed starting_price_not_taken "
    "market_changed barred stake_below_minimum stake_above_maximum return_above_maximum insufficient_funds exposure_limit "
    "too_many_pending too_many_open_bets too_many_timers too_many_ids too_many_bets_of_account customer_payout_cap day_payout_cap "
    "suspended_during_delay changed_during_delay interrupted price_moved_during_delay bet_unknown bet_not_open cash_out_pending "
    "part_not_divisible cash_out_not_offered cash_out_changed").split()))
ASKED = {"stake": (8, 8), "not to be decided after": (48, 8), "received": (56, 8), "video delay": (64, 4)}
BALANCES = {"cash after": 0, "held after": 24, "open bets after": 32, "owed after": 40}
ANSWERED = {"bet": (0, 8), "status": (8, 1), "refusal": (10, 2), "value": (16, 8), "threshold": (24, 8), "potential return": (80, 8),
            **{name: (32 + offset, 8) for name, offset in BALANCES.items()}}
PAID = {"bet": (0, 8), "status": (20, 1), "stake": (24, 8), "paid before": (32, 8), "payout": (40, 8),
        **{name: (48 + offset, 8) for name, offset in BALANCES.items()}}
# What must be in a step of each kind: the kinds of its records, and where their numbers stand.
STEPS = {"place": ((32, ASKED), (PLACED, ANSWERED)), "timer_due": ((34, {}), (PLACED, ANSWERED)), "bet_settled": ((None, {}), (SETTLED, PAID))}
TABLE = [functools.reduce(lambda value, _: value >> 1 ^ (0x82F63B78 if value & 1 else 0), range(8), byte) for byte in range(256)]
def crc32c(data): return functools.reduce(lambda value, byte: value >> 8 ^ TABLE[(value ^ byte) & 255], data, UNKNOWN) ^ UNKNOWN
class Wrong(Exception): pass
def expect(holds, what):
    if not holds: raise Wrong(what)
def body(record, offset, width):  # a field by its logical offset: bodies step over the heads of further slots
    place = 80 + offset if offset < 176 else SLOT * (1 + (offset - 176) // 248) + 8 + (offset - 176) % 248
    expect(place + width <= len(record), "a field after its record's end")
    return int.from_bytes(record[place:place + width], "little", signed=width == 8)
def amounts(text): return [int(re.sub(r"[^\d-]", "", one)) for one in re.findall(r"-?\d[\d.,]*", text)]

def entry_holds(entry, own):  # whether a ledger entry is the one that these records post
    post, stake = (lambda name: entry["postings"].get(name, 0)), own["stake"]
    change, customer = own.get("payout", 0) - own.get("paid before", 0), post("cash") + post("receivable")
    return sum(entry["postings"].values()) == 0 and {
        "hold": lambda: (post("cash"), post("held")) == (-stake, stake), "accept": lambda: (post("held"), post("open_bets")) == (-stake, stake),
        "release": lambda: (post("held"), post("cash")) == (-stake, stake), "settle": lambda: (post("open_bets"), customer) == (-stake, own["payout"]),
        "resettle": lambda: customer == change, "reopen": lambda: (post("open_bets"), customer) == (stake, -own["paid before"])}[entry["reason"]]()
def words_hold(step, own, asked):  # the page's words; what must be said and is not is wrong too
    fields, where = step["fields"], f"record {step['sequence']}"
    money = {"place": ["stake"], "timer_due": [], "bet_settled": ["payout", "paid before"]}[step["kind"]]
    for label in money + (["potential return"] if own["status"] != 3 and "potential return" in own else []):
        expect(amounts(fields[label])[:1] == [abs(own[label])], f"{where}: the page says {label} {fields[label]}, the record {own[label]}")
    left = [own[name] for name in BALANCES]
    expect(amounts(fields["balances after"]) == left[:4 if left[3] else 3], f"{where}: the page says {fields['balances after']}, the record {left}")
    expect(fields.get("answer", fields.get("stands")) == STATUS[own["status"]], f"{where}: the page says {fields.get('answer', fields.get('stands'))}")
    if own.get("refusal"): expect(fields["refused for"].startswith(CODES[own["refusal"]] + ":"), f"{where}: refused for {CODES[own['refusal']]}")
    for leg in range(body(asked, 35, 1) if step["kind"] == "place" else 0):
        start = 112 + leg * 64
        above, below, version, score = (body(asked, start + offset, width) for offset, width in ((24, 4), (28, 4), (32, 8), (40, 4)))
        text, cut = fields[f"leg {leg + 1}"], above * 1000 // max(1, below)
        odds = f"{cut / 1000:.2f}" if cut % 10 == 0 else f"{cut / 1000:.3f}"
        seen = "unknown" if score == UNKNOWN else f"{score >> 16}-{score & 0xFFFF}"
        expect(f" at {odds}, as shown in version {version} with score {seen}," in text, f"{where}: leg {leg + 1} was shown at {odds}, version {version}, score {seen}")
def check_block(block):
    data, where = block["data"], f"segment {block['segment']} at byte {block['offset']}"
    header = crc32c(data[:12] + bytes(4) + data[16:HEADER])
    expect(data[:8] == b"GRANDBLK" and struct.unpack_from("<I", data, 12)[0] == header, f"{where}: no block, or its header's checksum")
    (segment,), (offset,) = struct.unpack_from("<I", data, 36), struct.unpack_from("<Q", data, 48)
    slots, _, size, check = struct.unpack_from("<IIII", data, 72)
    expect((segment, offset) == (block["segment"], block["offset"]), f"{where}: it belongs elsewhere")
    expect(len(data) == HEADER + size and crc32c(data[HEADER:]) == check, f"{where}: the body's checksum")
    for one in (data[HEADER + slot * SLOT:HEADER + (slot + 1) * SLOT] for slot in range(slots)):
        expect(struct.unpack_from("<I", one)[0] == crc32c(one[4:]), f"{where}: the checksum of a slot")
    return data[16:32]
def climb(page, path):  # from a page to the root of its segment's tree
    value = hashlib.sha256(b"\0" + page).digest()
    for side, other in ((step[0], bytes.fromhex(step[1:])) for step in path.split()):
        value = hashlib.sha256(b"\1" + (other + value if side == "l" else value + other)).digest()
    return value.hex()

def main():
    if len(sys.argv) not in (2, 3): sys.exit(__doc__)
    page = open(sys.argv[1], encoding="utf-8").read()
    pack = json.loads(re.search(r'<script type="application/json" id="pack">(.*)</script>', page, re.S)[1])
    shown = page[:page.index('id="pack">')].replace("&quot;", '"')
    history, blocks = pack["history"], {}
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
    last = {}
    for step in history["steps"]:
        records = [record(place) for place in step["records"]]
        expect(not records or struct.unpack_from("<Q", records[0], 16)[0] == int(step["sequence"]), f"record {step['sequence']} is another one")
        for text in step["fields"].values(): expect(html.escape(text, quote=False) in shown, f"record {step['sequence']}: the page shows something else")
        for fact, value in ((fact, body(record(fact["record"]), fact["offset"], fact["width"])) for fact in step["facts"]):
            expect(value == int(fact["value"]), f"record {step['sequence']}, {fact['label']}: told {fact['value']}, written {value}")
        own = {}
        for found, (kind, numbers) in zip(records, STEPS.get(step["kind"], ()), strict=step["kind"] in STEPS):
            expect(kind in (None, found[4]), f"record {step['sequence']} is no {step['kind']}")
            own |= {label: body(found, *where) for label, where in numbers.items()}
        for entry in step["entries"]: expect(entry_holds(entry, {"stake": last.get("stake", 0), **own}), f"record {step['sequence']}: another ledger entry")
        if own:
            expect(own["bet"] in (int(history["bet"]), 0) and (own["bet"] or own["status"] == 3), f"record {step['sequence']} is about another bet")
            words_hold(step, own, records[0])
            last |= own
            said = {"status": STATUS[own["status"]], **({"refusal": CODES.get(own["refusal"], "none")} if "refusal" in own else {})}
            print(f"  record {step['sequence']}, {step['kind']}: " + ", ".join(f"{label} {said.get(label, value)}" for label, value in own.items()))
    expect(last and history["summary"]["stands"].split()[0] == STATUS[last["status"]], f"the summary says {history['summary']['stands']}")
    for label, text in history["summary"].items():
        expect(label not in ("payout", "potential return") or amounts(text)[:1] == [last[label]], f"the summary says {label} {text}")
        expect(f"<td>{html.escape(text, quote=False)}</td>" in shown, f"the page shows another {label}")
    check_seals(pack, record)

def check_seals(pack, record):
    lines = [line.split() for line in open(sys.argv[2], encoding="utf-8")] if len(sys.argv) == 3 else []
    exported = {int(segment): (digest, root) for segment, _, digest, _, root in lines}
    seals, open_ends = {seal["segment"]: seal for seal in pack["seals"]}, []
    for segment in sorted({block["segment"] for block in pack["blocks"]}):
        seal = seals.get(segment)
        if not seal or not int(seal["root"], 16):
            expect(segment not in exported, f"segment {segment} was sealed and exported, and the pack has no way to its digest")
            open_ends.append(segment)
            continue
        for block in (block for block in pack["blocks"] if block["segment"] == segment):
            expect(len(block["paths"]) * PAGE == len(block["data"]), "a page without its way to the root")
            for index, path in enumerate(block["paths"]):
                expect(climb(block["data"][index * PAGE:(index + 1) * PAGE], path) == seal["root"], f"segment {segment}: a page is not part of it")
        if "record" in seal:
            sealed, start = record(seal["record"]), 80 + 16
            expect(sealed[start:start + 64].hex() == seal["digest"] + seal["root"], "the journal sealed another digest")
        if exported: expect(exported.get(segment) == (seal["digest"], seal["root"]), f"segment {segment}: another digest was exported")
        held = "as exported" if exported else "as the journal sealed it" if "record" in seal else "which nothing here holds: compare it with what was exported"
        print(f"segment {segment}: every page leads to {seal['root']}, {held}")
    print(f"bet {pack['history']['bet']}: verified" + (f", but for segments {open_ends}, which nothing seals yet" if open_ends else ""))
if __name__ == "__main__":
    try:
        main()
    except Wrong as wrong:
        sys.exit(f"NOT VERIFIED: {wrong}")
    except (OSError, ValueError, TypeError, KeyError, IndexError, struct.error) as error:
        sys.exit(f"NOT VERIFIED: this is no evidence pack, or a file cannot be read: {error!r}")
