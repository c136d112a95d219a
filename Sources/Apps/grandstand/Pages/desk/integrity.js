import { element, money, odds, time } from "/format.js";
import { desk, say } from "/common.js";

// Selections with more money on them than their prices speak for: a reason to look, and nothing more.
const words = { one_sided: "one-sided", leaning: "leaning", new_accounts: "new accounts", unusual_stakes: "unusual stakes", surge: "a surge" };
const shownAccounts = 6;

class Integrity extends HTMLElement {
    #rows = element("tbody");
    #note = element("p", { class: "small muted", role: "status" });
    #table = element("div", { class: "scroll", tabindex: "0", role: "group", "aria-label": "Table of unusual money", hidden: true });
    #timer = null;
    #shown = "";

    connectedCallback() {
        this.#table.append(element("table", {}, element("thead", {}, element("tr", {},
            ...["When", "On", "Signs"].map(h => element("th", { scope: "col" }, h)),
            ...["Bets", "Staked", "Of the market's", "Times its price", "Price"].map(h => element("th", { scope: "col", class: "n" }, h)),
            element("th", { scope: "col" }, "Accounts"))), this.#rows));
        this.append(this.#note, this.#table);
        desk.addEventListener("person", () => { this.#timer ??= setInterval(() => this.#look(), 5000); this.#look(); });
        desk.addEventListener("signed-out", () => { clearInterval(this.#timer); this.#timer = null; this.#shown = ""; this.#rows.replaceChildren(); });
    }

    async #look() {
        if (document.hidden || Date.now() - (this.looked ?? 0) < 1000) return;
        this.looked = Date.now();
        const response = await fetch("/api/v1/integrity?limit=25", { cache: "no-store" }).catch(() => null);
        if (!response?.ok) return;
        const { alerts, failure } = await response.json();
        const text = JSON.stringify([alerts, failure]);
        if (text === this.#shown) return;
        this.#shown = text;
        const held = document.activeElement?.dataset?.held;
        this.#note.textContent = failure ? `Nobody looks at the moment: ${failure}`
            : alerts.length ? "" : "No selection has more money on it than its price speaks for.";
        this.#note.classList.toggle("bad", Boolean(failure));
        this.#table.hidden = !alerts.length;
        this.#rows.replaceChildren(...alerts.map(a => element("tr", {},
            element("td", {}, `${time(a.from)} to ${time(a.until)}`),
            element("td", {}, a.fixture ? `${a.fixture}: ${a.name}, ${a.selection}` : `Market ${a.market}, ${a.selection}`),
            element("td", {}, a.signs.map(sign => words[sign] ?? sign).join(", ") + (a.money === "demo" ? " (demo money)" : "")),
            element("td", { class: "n" }, a.bets), element("td", { class: "n" }, money(a.stakes)), element("td", { class: "n" }, money(a.marketStakes)),
            element("td", { class: "n" }, (a.weight / 1000).toFixed(2)), element("td", { class: "n" }, `${odds(a.first)} to ${odds(a.last)}`),
            element("td", {}, ...a.accounts.slice(0, shownAccounts).flatMap(account => [element("button", { type: "button", class: "quiet small",
                "data-held": `integrity-${a.market}-${a.from}-${account}`, "aria-label": `Customer ${account}`, onclick: () => say("customer", account) }, account), " "]),
                a.accountCount > shownAccounts ? `and ${a.accountCount - shownAccounts} more` : ""))));
        if (held) this.#rows.querySelector(`[data-held="${held}"]`)?.focus();
    }
}

customElements.define("desk-integrity", Integrity);
