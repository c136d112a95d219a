import { state } from "/state.js";
import { newID, now, place } from "/link.js";
import { element, minor, money, odds, plain } from "/format.js";
import { bonusWords, kinds, label, lines, placeTerms, sizeList } from "/systems.js";

const rules = { exact: "Only this price", better: "This price or longer", any: "Any price" };

// The slip: legs, stake, what happens when the price moves, and what it would return.
class Slip extends HTMLElement {
    #stake = "5.00";
    // A quote is being fetched for what was tapped.
    #isPlacing = false;
    // What the legs make: 0 for one accumulator, else the sizes of a system's lines.
    #sizes = 0;
    // Half of the stake on winning, half on being placed.
    #eachWay = false;
    // The reference of the offer that is being taken.
    #offer = null;
    // Of a stake that is too high as much is taken as may be.
    #takesLess = false;
    // What is used up before cash: nothing, bonus money, or what may be staked for nothing.
    #fund = "cash";
    // Markets whose leg is in every line.
    #bankers = new Set();
    #numbers = null;
    #message = null;
    #timer = null;
    #asked = 0;

    connectedCallback() {
        state.addEventListener("slip", () => {
            if (this.#message?.kind !== "bad" || state.slip.length === 0) this.#message = null;
            this.#render();
            this.#ask();
        });
        state.addEventListener("market", event => {
            if (!state.slip.some(l => l.market === event.detail)) return;
            this.#render();
            this.#ask();
        });
        // What is said of a bet that waits holds until it is decided.
        state.addEventListener("bets", () => {
            const bet = this.#message?.waits && [...state.bets.values()].find(b => b.id === this.#message.waits);
            if (!bet || bet.status === "pending") return;
            this.#message = bet.status === "refused" ? { kind: "bad", text: bet.refusal?.text ?? "Your bet was refused. Nothing was taken." }
                : { kind: "", text: "Your bet is open." };
            this.#update();
        });
        state.addEventListener("format", () => this.#render());
        state.addEventListener("account", () => { this.#update(); if (this.#fund !== "cash") this.#ask(); });
        for (const event of ["stale", "location"]) state.addEventListener(event, () => this.#update());
        this.#render();
    }

    // Of each line.
    get #amount() { return minor(this.#stake, state.currency); }
    get #bankerCount() { return this.#sizes ? state.slip.filter(l => this.#bankers.has(l.market)).length : 0; }
    get #offersEachWay() { return state.slip.length > 0 && state.slip.every(l => state.markets.get(l.market)?.eachWay); }
    get #parts() { return this.#lines * (this.#eachWay ? 2 : 1); }
    get #lines() { return this.#sizes ? lines(this.#sizes, state.slip.length - this.#bankerCount) : 1; }
    get #total() { return this.#amount ? this.#amount * this.#parts : this.#amount; }

    // What of the stake is of other money than cash; a free stake must divide over the lines.
    get #split() {
        const there = state.account?.balances?.[this.#fund] ?? 0;
        if (this.#fund === "cash" || !there || !this.#total) return {};
        const used = Math.min(there, this.#total);
        return { [this.#fund]: this.#fund === "free" ? used - used % this.#parts : used };
    }

    #legs() {
        return state.slip.map(leg => {
            const market = state.markets.get(leg.market);
            const selection = market?.selections[leg.selection];
            return { ...leg, current: leg.isAtStart ? null : selection?.odds ?? null, isOpen: market?.status === "open", terms: market?.eachWay,
                takesAtStart: state.takesAtStart(market) };
        });
    }

    #render() {
        if (!state.slip.length) {
            this.replaceChildren(this.#note(), element("p", { class: "muted small" }, "Tap a price to begin."));
            return;
        }
        if (this.querySelector("form")) return this.#update();
        const input = element("input", {
            id: "stake", inputmode: "decimal", autocomplete: "off", value: this.#stake,
            oninput: event => {
                this.#stake = event.target.value;
                this.#message = null;
                this.#update();
                this.#ask();
            },
        });
        const rule = element("select", { id: "rule", onchange: event => state.setRule(event.target.value) },
            ...Object.entries(rules).map(([key, text]) => element("option", { value: key, selected: key === state.rule }, text)));
        const kind = element("select", { id: "kind", onchange: event => {
            this.#sizes = Number(event.target.value);
            if (!this.#sizes) this.#bankers.clear();
            this.#update();
            this.#ask();
        } });
        const eachWay = element("input", { id: "each-way", type: "checkbox", onchange: event => {
            this.#eachWay = event.target.checked;
            this.#update();
            this.#ask();
        } });
        const less = element("input", { id: "takes-less", type: "checkbox", checked: this.#takesLess, onchange: event => { this.#takesLess = event.target.checked; } });
        const most = element("button", { class: "small most", type: "button", onclick: () => this.#stakeMost() }, "Max");
        const fund = element("select", { id: "fund", onchange: event => {
            this.#fund = event.target.value;
            this.#update();
            this.#ask();
        } });
        this.replaceChildren(this.#note(), element("div", { class: "legs" }),
            element("form", { onsubmit: event => { event.preventDefault(); this.#place(); } },
                element("div", { class: "kind" }, element("label", { for: "kind", class: "small muted" }, "Kind of bet"), kind),
                element("div", { class: "each-way" }, element("label", { for: "each-way", class: "small" }, eachWay, " Each way")),
                element("div", {}, element("label", { for: "stake", class: "small muted stake" }, `Stake (${state.currency})`), element("div", { class: "stake-row" }, input, most)),
                element("div", { class: "fund" }, element("label", { for: "fund", class: "small muted" }, "Pay with"), fund),
                element("div", {}, element("label", { for: "rule", class: "small muted" }, "If the price moves, take"), rule),
                element("div", { class: "takes-less" }, element("label", { for: "takes-less", class: "small" }, less, " Take less if it is too high")),
                element("dl", { class: "small" }),
                element("button", { class: "primary", type: "submit" }, "Place bet")));
        this.#update();
    }

    #note() {
        return element("div", { role: "alert", class: "note" });
    }

    #update() {
        const note = this.querySelector(".note");
        note?.replaceChildren(...(this.#message
            ? [element("p", { class: `message small ${this.#message.kind}` }, this.#message.text), this.#offered()].filter(Boolean) : []));
        const legs = this.#legs();
        this.#offerKinds(legs.length);
        this.#offerFunds();
        this.querySelector(".takes-less")?.toggleAttribute("hidden", this.#fund !== "cash");
        this.querySelector(".most")?.toggleAttribute("disabled", !this.#numbers?.maximumStake);
        this.querySelector(".legs")?.replaceChildren(...legs.map(leg => {
            const moved = leg.current && leg.odds && (leg.current[0] !== leg.odds[0] || leg.current[1] !== leg.odds[1]);
            return element("div", { class: "leg" },
                element("div", { class: "row" }, element("strong", {}, leg.name),
                    element("span", { class: "number" }, leg.isAtStart ? "SP" : odds(leg.current ?? leg.odds, state.format))),
                this.#eachWay && leg.terms ? element("p", { class: "small muted" }, placeTerms(leg.terms, state.markets.get(leg.market)?.eachWayAtTheOff)) : null,
                element("div", { class: "row small muted" }, `${leg.fixture} · ${leg.marketName}`,
                    element("button", { class: "quiet small", type: "button", "aria-label": `Remove ${leg.name}`,
                        onclick: () => state.toggle({ id: leg.market }, { id: leg.selection }) }, "✕")),
                this.#sizes ? element("button", { class: "small banker", type: "button", "aria-pressed": this.#bankers.has(leg.market),
                    title: "In every line", onclick: () => this.#toggleBanker(leg.market) }, "Banker") : null,
                leg.takesAtStart || leg.isAtStart ? element("button", { class: "small at-start", type: "button", "aria-pressed": Boolean(leg.isAtStart),
                    title: "Paid at what it starts at, whatever that is", onclick: () => this.#toggleStart(leg) }, "Starting price") : null,
                !leg.isOpen ? element("p", { class: "small tag warn" }, "suspended") : null,
                moved ? element("button", { class: "small", type: "button", onclick: () => this.#accept(leg) },
                    `Price was ${odds(leg.odds, state.format)}. Take ${odds(leg.current, state.format)}`) : null);
        }));
        const list = this.querySelector("dl");
        if (!list) return;
        const n = this.#numbers;
        const row = (name, value) => [element("dt", {}, name), element("dd", {}, value)];
        list.replaceChildren(
            ...(this.#sizes || this.#eachWay ? [...row("Lines", `${this.#lines}${this.#eachWay ? " each way" : ""}`), ...row("Total stake", this.#amount ? money(this.#total, state.currency) : "–")] : []),
            ...(this.#split.bonus ? row("Of it bonus money", money(this.#split.bonus, state.currency)) : []),
            ...(this.#split.free ? row("Of it free, not returned", money(this.#split.free, state.currency)) : []),
            ...(n?.jointOdds ? row("Together at", odds(n.jointOdds, state.format)) : []),
            ...row(legs.some(l => l.isAtStart) ? "Return, if it starts as it stands now" : "Potential return", n?.potentialReturn != null && this.#amount ? money(n.potentialReturn, state.currency) : "–"),
            ...(n?.bonus ? row("Bonus", bonusWords(n.bonus)) : []),
            ...(n?.commission ? row("Commission", `${n.commission / 100} % of winnings`) : []),
            ...row(this.#parts > 1 ? "Total stakes from" : "Stakes from", n ? money(n.minimumStake, state.currency) : "–"),
            ...row(this.#parts > 1 ? "Maximum total stake" : "Maximum stake", n ? money(n.maximumStake, state.currency) : "–"),
            ...(n?.delay ? row("Delay in play", `${n.delay / 1000} s`) : []));
        const button = this.querySelector("button.primary");
        const isReady = this.#amount > 0 && (!this.#eachWay || this.#offersEachWay) && legs.every(l => l.isOpen && (l.isAtStart ? l.takesAtStart : l.current)) && !state.isStale && state.account && !state.whyNotHere && !n?.related && !(this.#isTogether(legs) && !n?.jointOdds) && !this.#isPlacing;
        button.disabled = !isReady;
        button.textContent = !state.account ? "Open a demo account first" : state.whyNotHere ? state.whyNotHere : n?.related || this.#isTogether(legs) && n && !n.jointOdds ? "These cannot be combined"
            : state.isStale ? "Waiting for fresh prices" : this.#amount ? `Bet ${money(this.#total, state.currency)}` : "Enter a stake";
    }

    // What so many legs can make; what they no longer can becomes an accumulator again.
    #offerKinds(count) {
        const select = this.querySelector("#kind");
        if (!select) return;
        const offered = kinds(count, this.#bankerCount);
        if (!offered.includes(this.#sizes)) {
            this.#sizes = 0;
            this.#bankers.clear();
        }
        this.querySelector(".kind").hidden = offered.length === 1;
        this.querySelector(".each-way").hidden = !this.#offersEachWay;
        // A market that is not known at the moment says nothing about its terms: the wish stays.
        const isKnown = state.slip.every(l => state.markets.has(l.market));
        if (isKnown && !this.#offersEachWay) this.#eachWay = false;
        this.querySelector("#each-way").checked = this.#eachWay;
        this.querySelector("label.stake").textContent = `Stake${this.#sizes ? " per line" : ""}${this.#eachWay ? " each way" : ""} (${state.currency})`;
        // Only when it says something else: a list that is open must not move under the finger.
        const said = `${offered}/${count}/${this.#bankerCount}/${this.#sizes}`;
        if (select.dataset.said === said) return;
        select.dataset.said = said;
        select.replaceChildren(...offered.map(sizes => {
            const lineCount = sizes ? lines(sizes, count - this.#bankerCount) : 1;
            return element("option", { value: sizes, selected: sizes === this.#sizes },
                `${label(sizes, count, this.#bankerCount)} (${lineCount} ${lineCount === 1 ? "bet" : "bets"})`);
        }));
    }

    // Only whoever has other money than cash is asked what to use first.
    #offerFunds() {
        const select = this.querySelector("#fund");
        if (!select) return;
        const { bonus = 0, free = 0 } = state.account?.balances ?? {};
        if (!({ cash: 1, bonus, free })[this.#fund]) {
            const gone = this.#fund === "free" ? "Your free stake" : "Your bonus money";
            this.#fund = "cash";
            this.#message = { kind: "", text: `${gone} is used up: this bet would be of cash.` };
            this.#ask();
        }
        this.querySelector(".fund").hidden = !bonus && !free;
        const said = `${bonus}/${free}/${this.#fund}`;
        if (select.dataset.said === said) return;
        select.dataset.said = said;
        const offered = [["cash", "Cash"], bonus && ["bonus", `Bonus money first (${money(bonus, state.currency)})`],
            free && ["free", `Free stake first (${money(free, state.currency)})`]].filter(Boolean);
        select.replaceChildren(...offered.map(([key, text]) => element("option", { value: key, selected: key === this.#fund }, text)));
    }

    #toggleBanker(market) {
        if (!this.#bankers.delete(market)) this.#bankers.add(market);
        // The sizes that are left: lines of fewer free legs.
        const free = state.slip.length - this.#bankerCount;
        if (free < 1) this.#bankers.delete(market);
        else if (this.#bankerCount) this.#sizes = 1 << Math.min(sizeList(this.#sizes)[0], free) - 1;
        this.#update();
        this.#ask();
    }

    // What a refused bet could be taken at, as long as that stands.
    #offered() {
        const offer = this.#message.offer;
        if (!offer || Date.parse(offer.until) <= now()) return null;
        const prices = offer.odds.map(pair => odds(pair, state.format)).join(", ");
        return element("button", { class: "small offer", type: "button", onclick: () => {
            state.slip = state.slip.map((leg, index) => ({ ...leg, odds: offer.odds[index] ?? leg.odds }));
            this.#stake = plain(Math.floor(offer.stake / this.#parts), state.currency);
            this.#offer = offer.reference;
            this.#place();
        } }, `Bet ${money(offer.stake, state.currency)} at ${prices}`);
    }

    // The highest that may be staked now, of each line.
    #stakeMost() {
        const most = Math.floor((this.#numbers?.maximumStake ?? 0) / this.#parts);
        if (!most) return;
        this.#stake = plain(most, state.currency);
        this.querySelector("#stake").value = this.#stake;
        this.#update();
        this.#ask();
    }

    #accept(leg) {
        state.slip = state.slip.map(l => l.market === leg.market ? { ...l, odds: leg.current } : l);
        state.changed("slip");
    }

    #request(legs) {
        return {
            stake: this.#amount && Object.keys(this.#split).length
                ? { amount: this.#total, currency: state.currency, ...this.#split }
                : { amount: this.#amount || 1, currency: state.currency, kind: "cash", ...(this.#parts > 1 ? { per: "line" } : {}) },
            ...(this.#eachWay ? { eachWay: true } : {}),
            ...(this.#offer ? { offer: this.#offer } : {}),
            ...(this.#takesLess && this.#fund === "cash" && !this.#isTogether(legs) ? { fill: "cap" } : {}),
            structure: this.#sizes ? "system" : this.#isTogether(legs) ? "same_game" : legs.length > 1 ? "accumulator" : "single",
            ...(this.#sizes ? { system: {
                sizes: sizeList(this.#sizes), bankers: legs.flatMap((l, index) => this.#bankers.has(l.market) ? [index] : []),
            } } : {}),
            priceRule: state.rule, tolerance: state.rule === "any" ? 255 : 0,
            oddsFormat: state.format,
            legs: legs.map(l => ({ market: l.market, selection: l.selection, ...(l.isAtStart ? { startingPrice: true } : { odds: l.odds }), version: state.markets.get(l.market)?.version ?? l.version,
                score: l.score, ...(this.#eachWay ? { eachWay: l.terms ?? state.markets.get(l.market)?.eachWay } : {}) })),
        };
    }

    // At what it starts at, or at its price again.
    #toggleStart(leg) {
        state.slip = state.slip.map(l => l.market === leg.market
            ? { ...l, isAtStart: !leg.isAtStart, odds: state.markets.get(l.market)?.selections[l.selection]?.odds ?? null } : l);
        state.changed("slip");
    }

    // Selections of one match, which get one price.
    #isTogether(legs) {
        const fixtures = new Set(legs.map(l => state.markets.get(l.market)?.fixture));
        return legs.length > 1 && legs.length <= 8 && fixtures.size === 1 && !this.#sizes && !this.#eachWay;
    }

    // A quote for the bet that was tapped: it has the bet's id, and is good for it alone.
    async #quote(message) {
        const together = message.structure === "same_game";
        const response = await fetch("/api/v1/quotes", { method: "POST", headers: { "content-type": "application/json" },
            body: JSON.stringify({ ...(together ? { structure: "same_game" } : {}), ...(message.eachWay ? { eachWay: true } : {}), legs: message.legs.map(l => ({ market: l.market, selection: l.selection, ...(l.startingPrice ? { startingPrice: true } : {}) })) }) });
        const quote = await response.json();
        if (!response.ok) throw new Error(quote.detail ?? quote.title);
        const shorter = (now, shown) => now && shown && now[0] * shown[1] < shown[0] * now[1];
        const seen = this.#numbers?.jointOdds;
        if (together && !seen) throw new Error("Look at the price first.");
        if (together ? shorter(quote.jointOdds, seen) : state.rule !== "any" && quote.legs.some((leg, index) => shorter(leg.odds, message.legs[index].odds))) {
            this.#ask();
            throw new Error("The price has become shorter. Look again.");
        }
        return [{ ...message, id: quote.id, quote: quote.quote, legs: message.legs.map((leg, index) => ({ ...leg, ...(leg.startingPrice ? {} : { odds: quote.legs[index].odds }), version: quote.legs[index].version,
            ...(quote.legs[index].eachWay ? { eachWay: quote.legs[index].eachWay } : {}) })) }, quote.jointOdds];
    }

    // The engine's own numbers, asked for at most a few times a second, however fast the prices move.
    #ask() {
        if (!state.slip.length || this.#timer) return;
        this.#timer = setTimeout(async () => {
            this.#timer = null;
            const legs = this.#legs();
            // A slip that was placed meanwhile has no return to ask for, nor has one whose price is gone.
            if (!legs.length || legs.some(l => !l.odds && !l.isAtStart)) { this.#asked++; this.#numbers = null; return this.#update(); }
            const turn = ++this.#asked;
            try {
                const response = await fetch("/api/v1/slip", { method: "POST", headers: { "content-type": "application/json" },
                    body: JSON.stringify(this.#request(legs)) });
                if (turn !== this.#asked) return;
                this.#numbers = response.ok ? await response.json() : null;
            } catch { this.#numbers = null; }
            this.#update();
        }, 150);
    }

    async #place() {
        const legs = state.slip.map(l => {
            const fixture = state.fixtures.get(state.markets.get(l.market)?.fixture);
            return { ...l, score: fixture?.score ?? l.score };
        });
        let message = { op: "place", id: newID(), validUntil: new Date(now() + 15000).toISOString(), ...this.#request(legs) };
        // What is tapped is what is placed, whatever is changed while a quote is fetched; and a second tap is none.
        if (this.#isPlacing) return;
        const total = this.#total, split = this.#split, lines = this.#lines, eachWay = this.#eachWay;
        let joint = null;
        if (this.#numbers?.quoteRequired || message.structure === "same_game") {
            this.#isPlacing = true;
            this.#update();
            try { [message, joint] = await this.#quote(message); } catch (error) {
                this.#isPlacing = false;
                this.#message = { kind: "bad", text: error.message };
                this.#render();
                return this.#update();
            }
            this.#isPlacing = false;
        }
        const id = message.id;
        this.#offer = null;
        const optimistic = {
            clientId: id, status: "sending", stake: total,
            stakeSplit: Object.keys(split).length ? { cash: 0, bonus: 0, free: 0, ...split } : undefined,
            eachWay: eachWay || undefined,
            jointOdds: joint ?? undefined,
            system: message.system ? { ...message.system, lines } : undefined, placedAt: new Date(now()).toISOString(),
            legs: legs.map(l => ({ market: l.market, selection: l.selection, odds: l.isAtStart ? null : l.odds, startingPrice: l.isAtStart, selectionName: l.name,
                marketName: l.marketName, fixtureName: l.fixture })),
        };
        state.putBet(optimistic);
        state.slip = [];
        this.#message = { kind: "", text: "Sent. Your bet is being decided." };
        state.changed("slip");
        this.#message = { kind: "", text: "Sent. Your bet is being decided." };
        this.#render();
        const answer = await place(message);
        this.#decided(answer, id, legs);
    }

    #decided({ bet, error }, id, legs) {
        const refusal = error ?? bet?.refusal;
        if (refusal) {
            if (error) {
                state.bets.delete(id);
                state.changed("bets");
            }
            if (refusal.code?.startsWith("location_")) state.changed("unlocated");
            // Put back gently: the slip as it was, and why.
            const isBack = !state.slip.length;
            if (isBack) state.slip = legs;
            const said = { kind: "bad", text: refusal.text, offer: isBack && !this.#split.bonus && !this.#split.free ? bet?.offer : null };
            this.#message = said;
            state.changed("slip");
            this.#message = said;
            if (said.offer) setTimeout(() => this.#update(), Math.max(0, Date.parse(said.offer.until) - now()) + 50);
        } else {
            const taken = bet.asked ? `${money(bet.stake, state.currency)} of your stake was taken. ` : "";
            this.#message = bet.status === "pending" ? { kind: "", text: taken + "It is held while the delay runs.", waits: bet.id }
                : { kind: "", text: taken + "Your bet is open." };
        }
        this.#render();
        if (this.querySelector("form")) this.#update();
        else this.replaceChildren(this.#note(), element("p", { class: "muted small" }, "Tap a price to begin."));
        this.#update();
    }
}

customElements.define("gs-slip", Slip);
