// What the page knows, and who wants to hear when it changes.

import { checksum } from "/format.js";

class State extends EventTarget {
    fixtures = new Map();
    markets = new Map();
    bets = new Map();
    account = null;
    // Where we are taken to be, where bets are taken from some places only.
    location = null;
    slip = [];
    format = localStorage.getItem("format") ?? "decimal";
    rule = localStorage.getItem("rule") ?? "exact";
    isStale = true;
    link = "connecting";

    changed(what, detail) { this.dispatchEvent(new CustomEvent(what, { detail })); }

    setFormat(format) {
        this.format = format;
        localStorage.setItem("format", format);
        this.changed("format");
    }

    setRule(rule) {
        this.rule = rule;
        localStorage.setItem("rule", rule);
    }

    get currency() { return this.account?.currency ?? "EUR"; }

    takeImage(message) {
        const old = this.markets.get(message.market.id);
        const market = { ...message.market, epoch: message.epoch, sequence: message.sequence };
        if (old) markMoves(old, market.selections);
        this.markets.set(market.id, market);
        this.changed("market", market.id);
        return this.verify(market, message.checksum);
    }

    // False when a version is missing or the picture is not the book's: ask for an image then.
    takeDelta(message) {
        const market = this.markets.get(message.topic.slice(7));
        if (!market || market.epoch !== message.epoch || message.sequence !== market.sequence + 1) return false;
        market.sequence = market.version = message.sequence;
        market.status = message.status;
        market.reasons = message.reasons;
        if (message.betDelay != null) market.betDelay = message.betDelay;
        if (message.eachWay) market.eachWay = message.eachWay;
        markMoves(market, message.selections);
        for (const change of message.selections) {
            const selection = market.selections[change.id];
            selection.odds = change.odds;
            if (change.result) selection.result = change.result;
            if (change.withdrawn) selection.withdrawn = true;
        }
        this.changed("market", market.id);
        return this.verify(market, message.checksum);
    }

    verify(market, sum) {
        const text = [market.id, market.version, market.reasons.join(","),
            ...market.selections.map(s => `${s.id}:${s.odds ? s.odds.join("/") : "-"}`)].join("|");
        return checksum(text) === sum;
    }

    takeFixtures(message) {
        if (message.type === "image") this.fixtures.clear();
        for (const fixture of message.fixtures) this.fixtures.set(fixture.id, fixture);
        this.changed("fixtures");
    }

    setBalances(balances, order) {
        if (!this.account || order < (this.account.order ?? 0)) return;
        this.account.balances = balances;
        this.account.order = order;
        this.changed("account");
    }

    putBet(bet) {
        const key = bet.clientId ?? bet.id;
        const known = this.bets.get(key) ?? [...this.bets.values()].find(b => b.id && b.id === bet.id);
        // Rows may be older than what was pushed: then they only fill gaps.
        const isOlder = known?.order != null && bet.order != null && bet.order < known.order;
        // Why it came to what it did goes with what it came to.
        const merged = { ...(isOlder ? { ...bet, ...known } : { ...known, ...bet }), reason: (isOlder ? known : bet).reason };
        this.bets.set(known ? this.keyOf(known) : key, merged);
        this.changed("bets");
        return merged;
    }

    // A bet, or a part of one, that was sold back; each is said once.
    takeSale(sold, order) {
        const known = [...this.bets.values()].find(bet => bet.id === sold.bet);
        if (known && sold.status === "cashed_out" && !(known.order >= order)) {
            const isWhole = sold.betStatus === "cashed_out";
            this.putBet(isWhole
                ? { ...known, order, status: "cashed_out", payout: sold.payout }
                : { ...known, order, stake: sold.standing, potentialReturn: sold.potentialReturn,
                    sold: { stake: (known.sold?.stake ?? 0) + sold.stake, payout: (known.sold?.payout ?? 0) + sold.payout } });
        }
        this.changed("cashOut", sold);
    }

    // Whether bets are taken at what a market's selections start at.
    takesAtStart(market) { return Boolean(market?.startingPrice) && !this.fixtures.get(market.fixture)?.inPlay; }

    // Why no bets are taken from here; null where they are.
    get whyNotHere() {
        if (!this.location?.required || this.location.verdict === "inside") return null;
        return this.location.verdict === "outside" ? "No bets are taken from where you are" : "We cannot tell where you are";
    }

    keyOf(bet) { return bet.clientId ?? bet.id; }

    inSlip(market, selection) { return this.slip.some(l => l.market === market && l.selection === selection); }

    toggle(market, selection) {
        if (this.inSlip(market.id, selection.id)) {
            this.slip = this.slip.filter(l => l.market !== market.id || l.selection !== selection.id);
        } else {
            const fixture = this.fixtures.get(market.fixture);
            this.slip = [...this.slip.filter(l => l.market !== market.id), {
                market: market.id, selection: selection.id, name: selection.name, marketName: market.name,
                fixture: fixture ? `${fixture.home} v ${fixture.away}` : "", odds: selection.odds, isAtStart: !selection.odds && this.takesAtStart(market),
                version: market.version, score: fixture?.score ?? null,
            }];
        }
        this.changed("slip");
    }
}

function markMoves(old, changes) {
    for (const change of changes) {
        const before = old.selections[change.id]?.odds;
        const now = change.odds;
        if (!before || !now) continue;
        const difference = now[0] * before[1] - before[0] * now[1];
        if (difference) {
            const selection = old.selections[change.id];
            selection.moved = change.moved = difference > 0 ? "up" : "down";
            selection.movedAt = change.movedAt = Date.now();
        }
    }
}

export const state = new State();
