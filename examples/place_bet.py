#!/usr/bin/env python3
"""Opens a demo account on a running server, bets on the first open market, and prints what came of it.

usage: place_bet.py [ADDRESS:PORT]        (127.0.0.1:8080)
"""

import json
import secrets
import sys
import time
import urllib.error
import urllib.request
import uuid

BASE = "http://" + (sys.argv[1] if len(sys.argv) > 1 else "127.0.0.1:8080")


def call(method, path, body=None, cookie=None, key=None):
    headers = {"Origin": BASE, **({"Cookie": cookie} if cookie else {}), **({"Idempotency-Key": f'"{key}"'} if key else {})}
    data = None if body is None else json.dumps(body).encode()
    if data:
        headers["Content-Type"] = "application/json"
    request = urllib.request.Request(BASE + path, data, headers, method=method)
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status, json.load(answer), answer.headers
    except urllib.error.HTTPError as error:
        return error.code, json.load(error), error.headers
    except urllib.error.URLError as error:
        sys.exit(f"No server answers on {BASE} ({error.reason}). Start one with `make run`.")


def new_key():
    """A UUID of version 7, made before sending: asking again with it can never move money twice."""
    return uuid.UUID(int=int(time.time() * 1000) << 80 | 7 << 76 | secrets.randbits(12) << 64 | 2 << 62 | secrets.randbits(62))


status, account, headers = call("POST", "/api/v1/demo", key=new_key())
if status != 201:
    sys.exit(f"No demo account: {account.get('title')} {account.get('detail', '')}")
cookie = headers["Set-Cookie"].split(";")[0]
print("balance", account["balances"]["cash"], account["currency"], "(demo money, in minor units)")

for fixture in call("GET", "/api/v1/fixtures")[1]["fixtures"]:
    markets = call("GET", f"/api/v1/fixtures/{fixture['id']}")[1]["markets"]
    # A selection may be without a price for a while.
    market = next((m for m in markets if m["status"] == "open" and any(s["odds"] for s in m["selections"])), None)
    if market:
        break
else:
    sys.exit("no market is open at this moment")

key = new_key()
choice = next(s for s in market["selections"] if s["odds"])
bet = {
    "validUntil": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 15)),
    "stake": {"amount": 250, "currency": account["currency"]},
    "priceRule": "better",
    "legs": [{"market": market["id"], "selection": choice["id"], "odds": choice["odds"], "score": fixture["score"]}],
}
status, answer, _ = call("POST", "/api/v1/bets", bet, cookie, key)
placed = answer.get("bet", {})
print(status, placed.get("status"), fixture["home"], "v", fixture["away"], "-", choice["name"], f"{choice['odds'][0] / choice['odds'][1]:.2f}")
if "refusal" in placed:
    print("because:", placed["refusal"]["text"])
