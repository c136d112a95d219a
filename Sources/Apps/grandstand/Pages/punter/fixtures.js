import { state } from "/state.js";
import { follow, unfollow } from "/link.js";
import { clock, element, odds, time } from "/format.js";
import { placeTerms } from "/systems.js";

const reasonWords = {
    feed: "suspended", stale: "no news", trader: "suspended by us", exposure: "suspended by us",
    recovery: "reopening", result: "settled", cancelled: "bets are void",
};

// Text that is the same is left alone, so that nothing is laid out anew for it.
function put(node, text) {
    if (node.textContent !== text) node.textContent = text;
}

// All matches with their markets. A card is made once and then kept up to date in place.
class Fixtures extends HTMLElement {
    #cards = new Map();
    #followed = new Set();

    connectedCallback() {
        state.addEventListener("fixtures", () => this.#arrange());
        state.addEventListener("market", event => this.#market(event.detail));
        state.addEventListener("slip", () => this.#refresh());
        state.addEventListener("format", () => this.#refresh());
        setInterval(() => this.#calm(), 1000);
        this.append(element("p", { class: "muted" }, "Waiting for matches…"));
    }

    #arrange() {
        const order = f => (f.status === "live" ? 0 : f.status === "not_started" ? 1 : 2);
        const shown = [...state.fixtures.values()]
            .filter(f => f.status !== "abandoned" && f.status !== "closed")
            .sort((a, b) => order(a) - order(b) || a.scheduled.localeCompare(b.scheduled) || Number(a.id) - Number(b.id))
            .slice(0, 30);
        const wanted = new Set(shown.flatMap(f => f.markets));
        const gone = [...this.#followed].filter(id => !wanted.has(id));
        const fresh = [...wanted].filter(id => !this.#followed.has(id));
        this.#followed = wanted;
        unfollow(gone);
        follow(fresh);
        const keep = new Set(shown.map(f => f.id));
        for (const [id, card] of this.#cards) {
            if (!keep.has(id)) {
                card.remove();
                this.#cards.delete(id);
            }
        }
        this.querySelector(":scope > p")?.remove();
        shown.forEach((fixture, index) => {
            let card = this.#cards.get(fixture.id);
            if (!card) {
                card = new Card(fixture.id);
                this.#cards.set(fixture.id, card);
            }
            card.update(fixture);
            if (this.children[index] !== card) this.insertBefore(card, this.children[index] ?? null);
        });
    }

    #market(id) {
        const market = state.markets.get(id);
        if (market) this.#cards.get(market.fixture)?.market(market);
    }

    #refresh() {
        for (const market of state.markets.values()) this.#cards.get(market.fixture)?.market(market);
    }

    // An arrow stands for a few seconds and then goes.
    #calm() {
        const old = Date.now() - 4000;
        for (const market of state.markets.values()) {
            for (const selection of market.selections) {
                if (selection.moved && selection.movedAt < old) {
                    selection.moved = null;
                    this.#cards.get(market.fixture)?.market(market);
                }
            }
        }
    }
}

class Card extends HTMLElement {
    #title = element("h3");
    #score = element("span", { class: "score number" });
    #state = element("span", { class: "tag" });
    #markets = new Map();

    constructor(id) {
        super();
        this.className = "panel fixture";
        this.fixture = id;
        this.append(element("div", { class: "row" }, this.#title,
            element("div", { class: "row" }, this.#score, this.#state)));
    }

    update(fixture) {
        put(this.#title, fixture.away ? `${fixture.home} v ${fixture.away}` : fixture.home);
        put(this.#score, fixture.score ? fixture.score.join(" – ") : "");
        const words = {
            live: ["Live", clock(fixture.clock), { goal: "Goal!", penalty: "Penalty", goal_cancelled: "No goal", half_time: "Half time" }[fixture.incident]],
            not_started: ["Starts", time(fixture.scheduled)], ended: ["Full time"],
        }[fixture.status] ?? [fixture.status.replaceAll("_", " ")];
        put(this.#state, words.filter(Boolean).join(" · "));
        this.#state.classList.toggle("live", fixture.status === "live");
        for (const id of fixture.markets) {
            const market = state.markets.get(id);
            if (market) this.market(market);
        }
    }

    market(market) {
        let view = this.#markets.get(market.id);
        if (!view) {
            view = { state: element("span", { class: "tag" }), terms: element("span", { class: "muted" }), prices: element("div", { class: "prices" }), buttons: [] };
            view.row = element("div", { class: "market" },
                element("div", { class: "market-name small" }, market.name, view.terms, view.state), view.prices);
            // In the order in which they were made, whichever is heard of first.
            const next = [...this.#markets].filter(([id]) => BigInt(id) > BigInt(market.id)).sort(([a], [b]) => BigInt(a) < BigInt(b) ? -1 : 1)[0];
            this.insertBefore(view.row, next ? next[1].row : null);
            this.#markets.set(market.id, view);
        }
        const why = market.reasons.map(r => reasonWords[r]).find(Boolean);
        put(view.state, market.status === "open" ? "" : market.status === "resulted" ? "settled" : why ?? "suspended");
        view.state.hidden = market.status === "open";
        put(view.terms, market.eachWay ? ` Each way: ${placeTerms(market.eachWay, market.eachWayAtTheOff)}` : market.earlyPayout ? " Early payout" : "");
        market.selections.forEach((selection, index) => {
            view.buttons[index] ??= this.#button(market.id, selection.id, view);
            const { button, name, price, arrow } = view.buttons[index];
            put(name, selection.name);
            const isDecided = selection.result !== "undecided";
            const isAtStart = !selection.odds && state.takesAtStart(market);
            put(price, isDecided ? selection.result.replaceAll("_", " ") : selection.withdrawn ? "withdrawn" : isAtStart ? "SP" : odds(selection.odds, state.format));
            put(arrow, { up: "▲", down: "▼" }[selection.moved] ?? "");
            button.classList.toggle("up", selection.moved === "up");
            button.classList.toggle("down", selection.moved === "down");
            button.classList.toggle("won", selection.result === "won");
            button.disabled = market.status !== "open" || selection.withdrawn || !selection.odds && !isAtStart;
            button.setAttribute("aria-pressed", state.inSlip(market.id, selection.id));
        });
    }

    #button(market, selection, view) {
        const name = element("span", { class: "name" });
        const price = element("span", { class: "odds" });
        const arrow = element("span", { class: "arrow", "aria-hidden": "true" });
        const button = element("button", {
            class: "price", type: "button",
            onclick: () => {
                const current = state.markets.get(market);
                if (current) state.toggle(current, current.selections[selection]);
            },
        }, name, price, arrow);
        view.prices.append(button);
        return { button, name, price, arrow };
    }
}

customElements.define("gs-card", Card);
customElements.define("gs-fixtures", Fixtures);
