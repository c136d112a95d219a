import { state } from "/state.js";
import { element, money, odds, time } from "/format.js";
import { now } from "/link.js";
import { groupsLabel, label, placeTerms } from "/systems.js";
import "/cashout.js";

const reasons = {
    deposit: "Deposit", hold: "Stake held", accept: "Bet accepted", release: "Stake released",
    settle: "Settled", resettle: "Corrected", reopen: "Reopened", cash_out: "Cashed out",
    grant: "From the house",
};

const news = {
    set_risk: "Your limits", set_bar: "What you may bet on", resettled: "Bet corrected",
    reopened: "Bet open again", cancelled: "Bet taken back", voided_by_operators: "Bet made void",
};

// My bets, my statement, what I was told and what is promised.
class Mine extends HTMLElement {
    #tab = "bets";
    #lines = [];
    #notices = [];
    #promotions = [];
    // Whose they are.
    #whose = null;
    // Why settled bets came to what they did, by bet, as far as somebody asked; with the settlement it is of.
    #whys = new Map();
    #tabs = {};
    // By bet: what it could be sold for, as long as it is open.
    #sales = new Map();
    #body = element("div", { role: "tabpanel", id: "mine-panel", tabindex: "0" });

    connectedCallback() {
        const tab = (key, text) => this.#tabs[key] = element("button", {
            role: "tab", type: "button", id: `tab-${key}`, "aria-controls": "mine-panel", onclick: () => this.#show(key),
        }, text);
        this.append(element("div", { class: "tabs", role: "tablist", "aria-label": "My account" },
            tab("bets", "My bets"), tab("statement", "Statement"), tab("notices", "Notices"), tab("promotions", "Promotions")), this.#body);
        state.addEventListener("account", () => { if (state.account && state.account.account !== this.#whose) { this.#whose = state.account.account; this.#hear(); } });
        // The rows are a moment behind the message; and what came while nobody was connected is told once somebody is.
        state.addEventListener("opened", () => setTimeout(() => this.#hear(), 1000));
        state.addEventListener("settled", event => { if (news[event.detail.reason]) setTimeout(() => this.#hear(), 1000); });
        for (const event of ["bets", "account", "format"]) state.addEventListener(event, () => this.#render());
        state.addEventListener("cashOut", event => this.#sales.get(event.detail.bet)?.hear(event.detail));
        setInterval(() => {
            for (const line of this.querySelectorAll("[data-due]")) line.textContent = this.#waiting(line.dataset.due);
            for (const sale of this.#sales.values()) sale.tick();
        }, 250);
        this.addEventListener("calm", () => this.#render());
        setInterval(() => this.#value(), 2000);
        // They begin and end while the tab is open.
        setInterval(() => { if (this.#tab === "promotions" && !document.hidden) this.#promise(); }, 60_000);
        this.#show("bets");
    }

    #show(key) {
        this.#tab = key;
        for (const [name, button] of Object.entries(this.#tabs)) button.setAttribute("aria-selected", name === key);
        this.#body.setAttribute("aria-labelledby", `tab-${key}`);
        if (key === "statement") this.#load();
        if (key === "notices") this.#hear();
        if (key === "promotions") this.#promise();
        this.#render();
    }

    async #load() {
        if (!state.account) return;
        const response = await fetch("/api/v1/statement?limit=50");
        if (response.ok) this.#lines = (await response.json()).lines;
        this.#render();
    }

    // What the house has to say beside bets as they end.
    async #hear() {
        if (!state.account) return;
        const response = await fetch("/api/v1/notices?limit=50").catch(() => null);
        if (!response?.ok) return;
        this.#notices = (await response.json()).notices;
        const key = `notices-${state.account.account}`;
        if (this.#tab === "notices" && this.#notices.length) localStorage.setItem(key, this.#notices[0].record);
        // The newest that was looked at on this device.
        const seen = BigInt(localStorage.getItem(key) ?? 0);
        const fresh = this.#notices.filter(notice => BigInt(notice.record) > seen).length;
        this.#tabs.notices.textContent = fresh ? `Notices (${fresh})` : "Notices";
        if (this.#tab === "notices") this.#render();
    }

    async #promise() {
        if (!state.account) return;
        const response = await fetch("/api/v1/promotions").catch(() => null);
        if (!response?.ok) return;
        this.#promotions = (await response.json()).promotions;
        this.#render();
    }

    // What is offered now, by the terms that hold now.
    #promised() {
        if (!this.#promotions.length) return [element("p", { class: "muted small" }, "Nothing is promised at the moment.")];
        return this.#promotions.map(promotion => element("div", { class: "bet" },
            element("div", {}, element("b", {}, promotion.name)),
            element("div", { class: "terms" }, promotion.terms),
            element("p", { class: "small muted" }, `Version ${promotion.version} of its terms`,
                promotion.until ? `, until ${new Date(promotion.until).toLocaleString()}` : "")));
    }

    #told() {
        if (!this.#notices.length) return [element("p", { class: "muted small" }, "There is nothing that you were told.")];
        return this.#notices.map(notice => element("div", { class: "bet" },
            element("div", {}, element("b", {}, news[notice.kind] ?? notice.kind), " ", element("span", { class: "small muted" }, time(notice.time))),
            element("div", {}, notice.bet
                ? `Bet ${notice.bet} had paid ${money(notice.before, state.currency)} and pays ${money(notice.payout, state.currency)} now.`
                : notice.text)));
    }

    // What open bets are worth, while somebody looks.
    async #value() {
        const open = this.#newest().slice(0, 40).filter(bet => bet.status === "open" && bet.id).map(bet => bet.id);
        if (!state.account || this.#tab !== "bets" || document.hidden) return;
        for (let first = 0; first < open.length; first += 20) {
            try {
                const response = await fetch(`/api/v1/cash-outs?bets=${open.slice(first, first + 20).join(",")}`);
                if (!response.ok) return;
                for (const answer of (await response.json()).cashOuts) this.#sales.get(answer.bet)?.take(answer);
            } catch { return; /* The next look is two seconds away. */ }
        }
    }

    #sale(bet) {
        if (!this.#sales.has(bet.id)) {
            const sale = document.createElement("gs-cash-out");
            sale.bet = bet.id;
            this.#sales.set(bet.id, sale);
            clearTimeout(this.soon);
            this.soon = setTimeout(() => this.#value(), 50);
        }
        return this.#sales.get(bet.id);
    }

    #newest() { return [...state.bets.values()].sort((a, b) => (b.placedAt ?? "").localeCompare(a.placedAt ?? "")); }

    #render() {
        if (!state.account) {
            this.#body.replaceChildren(element("p", { class: "muted small" }, "Open a demo account to bet."));
            return;
        }
        const focused = document.activeElement?.closest?.("gs-cash-out") ? document.activeElement : null;
        this.#put(this.#tab === "bets" ? this.#bets() : this.#tab === "notices" ? this.#told()
            : this.#tab === "promotions" ? this.#promised() : this.#statement());
        if (focused?.isConnected && focused !== document.activeElement) focused.focus();
    }

    // What is there already stays where it is: a slider that is being dragged does not survive a move.
    #put(nodes) {
        const wanted = new Set(nodes);
        for (const node of [...this.#body.childNodes]) if (!wanted.has(node)) node.remove();
        let place = this.#body.firstChild;
        for (const node of nodes) {
            if (node === place) place = place.nextSibling; else this.#body.insertBefore(node, place);
        }
    }

    #waiting(due) { return `Accepted in ${(Math.max(0, Date.parse(due) - now()) / 1000).toFixed(1)} s unless something happens`; }

    #bets() {
        const all = this.#newest();
        if (!all.length) return [element("p", { class: "muted small" }, "No bets yet.")];
        // One that somebody is about to sell is not made anew under their hands.
        return all.slice(0, 40).map(bet => {
            const sale = this.#sales.get(bet.id);
            const shown = sale?.isBusy && bet.status === "open" ? sale.closest(".bet") : null;
            return shown ?? this.#bet(bet);
        });
    }

    #bet(bet) {
        const payout = bet.payout ?? 0;
        // Of a free stake nothing is returned, so that whatever is paid was won.
        const staked = bet.stake - (bet.stakeSplit?.free ?? 0);
        const [word, kind] = {
            sending: ["sending…", "warn"], pending: ["pending", "warn"], open: ["open", ""], refused: ["refused", "bad"],
            cashed_out: ["cashed out", ""],
            settled: payout > staked ? ["won", "live"] : payout === staked && (payout || bet.returned?.free) ? ["returned", ""] : payout > 0 ? ["part won", ""] : ["lost", ""],
        }[bet.status] ?? [bet.status, ""];
        return element("article", { class: "bet" },
            element("div", { class: "row" },
                element("strong", {}, (bet.legs ?? []).map(l => l.selectionName).join(" + ") || `Bet ${bet.id}`),
                element("span", { class: `tag ${kind}` }, word)),
            bet.jointOdds ? element("p", { class: "small" }, `Together at ${odds(bet.jointOdds, state.format)}`) : null,
            (bet.system || bet.eachWay) && bet.legs ? element("p", { class: "small" }, this.#parts(bet)) : null,
            ...(bet.legs ?? []).map((leg, index) => element("p", { class: "small muted" },
                `${bet.system?.bankers?.includes(index) ? "Banker · " : ""}${leg.fixtureName} · ${leg.marketName} @ ${leg.startingPrice ? "SP" : odds(bet.odds?.[index] ?? leg.odds, state.format)}${leg.eachWay ? ` · ${placeTerms(leg.eachWay)}` : ""}`)),
            bet.status === "pending" && bet.dueAt ? element("p", { class: "small number", "data-due": bet.dueAt }, this.#waiting(bet.dueAt)) : null,
            bet.refusal ? element("p", { class: "small message bad" }, bet.refusal.text) : null,
            element("div", { class: "row small number" }, `Stake ${money(bet.stake, state.currency)}`,
                element("span", { class: `outcome ${payout > staked ? "won" : ""}` },
                    bet.status === "settled" || bet.status === "cashed_out" ? `Paid ${money(payout, state.currency)}`
                        : bet.status === "refused" ? "" : bet.potentialReturn ? `Returns ${bet.legs?.some(leg => leg.startingPrice) ? "about " : ""}${money(bet.potentialReturn, state.currency)}` : "")),
            bet.stakeSplit ? element("p", { class: "small number muted" }, this.#split(bet)) : null,
            bet.sold ? element("p", { class: "small number muted" }, `Sold before: ${money(bet.sold.stake, state.currency)} of the stake for ${money(bet.sold.payout, state.currency)}`) : null,
            bet.status === "open" && bet.id ? this.#sale(bet) : null,
            bet.reason === "voided_by_operators" ? element("p", { class: "small message" }, "We have made this bet void and given your stake back. Write to us if you do not agree.")
                : bet.settlement > 1 ? element("p", { class: "small tag warn" }, "result corrected") : null,
            ...(bet.status === "settled" && bet.id ? this.#why(bet, payout) : []));
    }

    // "Why 12.34?": each leg and each line, asked for when somebody wants to know.
    #why(bet, payout) {
        const known = this.#whys.get(bet.id);
        const isOpen = known && known.settlement === bet.settlement;
        const button = element("button", { class: "quiet small why", type: "button", "aria-expanded": String(Boolean(isOpen)), onclick: async () => {
            if (isOpen) { this.#whys.delete(bet.id); return this.#render(); }
            const response = await fetch(`/api/v1/bets/${bet.id}/explanation`);
            if (response.ok) this.#whys.set(bet.id, { settlement: bet.settlement, ...await response.json() });
            this.#render();
        } }, `Why ${money(payout, state.currency)}?`);
        if (!isOpen) return [button];
        const times = factor => factor == null ? "open" : `× ${factor.length > 8 ? `${factor.slice(0, 8)}…` : factor}`;
        const cents = text => text == null ? "open" : money(Math.floor(Number(text)), state.currency);
        return [button, element("div", { class: "small explained" },
            ...known.legs.map(leg => element("p", {}, `${leg.selectionName} @ ${leg.startingPrice ? "SP" : odds(leg.odds, state.format)}: ${leg.why.join(" ")} `,
                element("span", { class: "number muted" }, `${times(leg.win)}${leg.place !== undefined ? `, place ${times(leg.place)}` : ""}`))),
            known.lineCount > 1 ? element("div", { class: "scroll", tabindex: "0", role: "group", "aria-label": "Lines of this bet" }, element("table", {},
                element("thead", {}, element("tr", {}, ...["Line", "Stake", "Comes to"].map(h => element("th", { scope: "col" }, h)))),
                element("tbody", {}, ...known.lines.map(line => element("tr", {},
                    element("td", {}, `${line.legs.map(index => known.legs[index].selectionName).join(" + ")}${line.part === "place" ? " (place)" : ""}`),
                    element("td", { class: "n" }, money(line.stake, state.currency)), element("td", { class: "n" }, cents(line.comesTo))))))) : null,
            known.lineCount > known.lines.length ? element("p", { class: "muted" }, `and ${known.lineCount - known.lines.length} more lines`) : null,
            known.bonus ? element("p", {}, known.bonus) : null,
            known.commission ? element("p", {}, `Less ${known.commission}: the house's part of the winnings.`) : null,
            known.notReturned ? element("p", {}, `Less ${known.notReturned}: the free stake itself is not returned.`) : null,
            element("p", {}, known.comesTo == null ? "Together it is still open." : /^\d+$/.test(known.comesTo)
                ? `Together ${money(Number(known.comesTo), state.currency)}; nothing was left to round.`
                : `Together ${known.comesTo} in the smallest coin, rounded ${known.rounding.replace("_", " ")} once.`),
            known.cappedAt == null ? null : element("p", {}, `No bet pays more than ${money(known.cappedAt, state.currency)}.`))];
    }

    // Such as "Of it €2.00 bonus money, €1.00 free, not returned".
    #split(bet) {
        const { bonus, free } = bet.stakeSplit;
        const parts = [bonus && `${money(bonus, state.currency)} bonus money`, free && `${money(free, state.currency)} free, not returned`];
        const back = [bet.returned?.bonus && `${money(bet.returned.bonus, state.currency)} of what was paid is bonus money again`,
            bet.returned?.free && `${money(bet.returned.free, state.currency)} of free stake is yours again`];
        return `Of it ${parts.filter(Boolean).join(", ")}${back.some(Boolean) ? `; ${back.filter(Boolean).join(", ")}` : ""}`;
    }

    // Such as "Trixie: 4 bets of €1.00 each way".
    #parts(bet) {
        const count = bet.system?.lines ?? 1;
        const each = money(bet.stake / count / (bet.eachWay ? 2 : 1), state.currency);
        return `${this.#kind(bet)}: ${count} ${count === 1 ? "bet" : "bets"} of ${each}${bet.eachWay ? " each way" : ""}`;
    }

    #kind(bet) {
        if (!bet.system) return label(0, bet.legs.length, 0);
        if (bet.system.groups) return groupsLabel(bet.system, bet.legs.length);
        const sizes = bet.system.sizes.reduce((bits, size) => bits | 1 << size - 1, 0);
        return label(sizes, bet.legs.length, bet.system.bankers.length);
    }

    // What moved beside cash.
    #beside(line) {
        const signed = amount => `${amount > 0 ? "+" : "−"}${money(Math.abs(amount), state.currency)}`;
        const parts = [line.bonusChange && `${signed(line.bonusChange)} bonus`, line.freeChange && `${signed(line.freeChange)} free`].filter(Boolean);
        return parts.length ? ` (${parts.join(", ")})` : "";
    }

    #statement() {
        if (!this.#lines.length) return [element("p", { class: "muted small" }, "Nothing yet.")];
        const table = element("table", { class: "lines" },
            element("thead", {}, element("tr", {}, ...["Time", "What", "Change", "Balance"].map(h => element("th", { scope: "col" }, h)))),
            element("tbody", {}, ...this.#lines.map(line => element("tr", {}, element("td", {}, time(line.time)),
                element("td", {}, (reasons[line.reason] ?? line.reason) + this.#beside(line)),
                element("td", {}, money(line.change, state.currency)), element("td", {}, money(line.balances.cash, state.currency))))));
        return [element("div", { class: "scroll" }, table)];
    }
}

customElements.define("gs-mine", Mine);
