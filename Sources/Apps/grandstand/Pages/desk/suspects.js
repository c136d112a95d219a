import { element, money, odds, time } from "/format.js";
import { desk, proposal, say } from "/common.js";

// Bets at prices that looked like errors afterwards; two people make one void, and its customer is told.
class Suspects extends HTMLElement {
    #rows = element("tbody");
    #note = element("p", { class: "small muted", role: "status" });
    #counts = element("p", { class: "small muted" });
    #bet = element("input", { id: "void-bet", inputmode: "numeric", pattern: "[0-9]+", required: true, size: "10", placeholder: "Bet" });
    #table = element("div", { class: "scroll", tabindex: "0", role: "group", "aria-label": "Table of suspected bets", hidden: true });
    #timer = null;
    #shown = "";

    connectedCallback() {
        this.#table.append(element("table", {}, element("thead", {}, element("tr", {},
            ...["Taken", "Bet", "Account", "What"].map(h => element("th", { scope: "col" }, h)), ...["At", "Fair by references", "Stake", "Returns"].map(h => element("th", { scope: "col", class: "n" }, h)),
            ...["Stands", ""].map(h => element("th", { scope: "col" }, h)))), this.#rows));
        this.append(this.#note, this.#table, this.#counts,
            element("form", { class: "row lookup", onsubmit: event => { event.preventDefault(); this.#propose(this.#bet.value.trim(), false); } },
                element("label", { for: "void-bet", class: "small muted" }, "Any bet"), this.#bet, element("button", { type: "submit", class: "needs-trader" }, "Void…")));
        desk.addEventListener("person", () => { this.#timer ??= setInterval(() => this.#look(), 5000); this.#look(); });
        desk.addEventListener("signed-out", () => { clearInterval(this.#timer); this.#timer = null; this.#shown = ""; this.#rows.replaceChildren(); });
        desk.addEventListener("proposals", () => this.#look());
    }

    #propose(bet, isVoid) {
        proposal(isVoid ? `Bet ${bet} is no longer void` : `Void bet ${bet}`, `/api/v1/bets/${bet}/voids`, [], () => ({ takenBack: isVoid }));
    }

    async #look() {
        if (document.hidden || Date.now() - (this.looked ?? 0) < 1000) return;
        this.looked = Date.now();
        const response = await fetch("/api/v1/suspects?limit=25", { cache: "no-store" }).catch(() => null);
        if (!response?.ok) return;
        const page = await response.json();
        const text = JSON.stringify([page.bets, page.counts]);
        if (text === this.#shown) return;
        this.#shown = text;
        // Who is at a button of a row that is made anew stays there.
        const held = document.activeElement?.dataset?.held;
        this.#note.textContent = page.bets.length ? "" : "No bet was taken at a price that its references spoke against soon after.";
        this.#table.hidden = !page.bets.length;
        this.#counts.textContent = page.counts.map(c => `${c.pricedBy == null ? "Nobody's hand on the prices" : `Operator ${c.pricedBy}'s hand last on the prices`}: ${c.bets} bets, ${money(c.staked)}, ${c.void} of them void.`).join(" ");
        this.#rows.replaceChildren(...page.bets.map(b => element("tr", {}, element("td", {}, time(b.acceptedAt)), element("td", {}, b.bet),
            element("td", {}, element("button", { type: "button", class: "quiet small", "data-held": `customer-${b.bet}`, "aria-label": `Customer ${b.account}`, onclick: () => say("customer", b.account) }, b.account)),
            element("td", {}, `${b.fixture}: ${b.name}, ${b.selection}`), element("td", { class: "n" }, odds(b.odds)), element("td", { class: "n" }, (1e9 / b.chance).toFixed(2)),
            element("td", { class: "n" }, money(b.stake)), element("td", { class: "n" }, money(b.potentialReturn)),
            element("td", {}, b.void ? "void" : b.status.replace("_", " ")),
            element("td", {}, ["open", "settled"].includes(b.status) ? element("button", { type: "button", class: "quiet small needs-trader", "data-held": `void-${b.bet}`, "aria-label": `${b.void ? "Take back the void of" : "Void"} bet ${b.bet}`,
                onclick: () => this.#propose(b.bet, b.void) }, b.void ? "Not void…" : "Void…") : ""))));
        if (held) this.#rows.querySelector(`[data-held="${held}"]`)?.focus();
    }
}

customElements.define("desk-suspects", Suspects);
