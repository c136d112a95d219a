import { element, time } from "/format.js";
import { desk, say } from "/common.js";

// Who did what, from the journal.
class Trail extends HTMLElement {
    #next = null;
    #rows = element("tbody");
    #note = element("p", { class: "small muted", role: "status" });
    #person = element("input", { id: "trail-operator", inputmode: "numeric", pattern: "[0-9]*", size: "6" });
    #account = element("input", { id: "trail-account", inputmode: "numeric", pattern: "[0-9]*", size: "10" });
    #more = element("button", { type: "button", hidden: true, onclick: () => this.#look(true) }, "Older");

    connectedCallback() {
        this.append(element("form", { class: "row lookup", onsubmit: event => { event.preventDefault(); this.#look(false); } },
            element("label", { for: "trail-operator", class: "small muted" }, "Operator"), this.#person,
            element("label", { for: "trail-account", class: "small muted" }, "Account"), this.#account,
            element("button", { type: "submit" }, "Search")), this.#note,
        element("div", { class: "scroll", tabindex: "0", role: "group", "aria-label": "Table of actions" }, element("table", {},
            element("thead", {}, element("tr", {}, ...["Record", "Time", "Operator", "What", "About", "Reason", "Came to"].map(h => element("th", { scope: "col" }, h)))), this.#rows)), this.#more);
        desk.addEventListener("signed-out", () => this.#rows.replaceChildren());
        desk.addEventListener("person", () => { if (!this.begun) { this.begun = true; this.#look(false); } });
    }

    async #look(isMore) {
        const query = new URLSearchParams({ limit: "25" });
        if (this.#person.value) query.set("operator", this.#person.value);
        if (this.#account.value) query.set("account", this.#account.value);
        if (isMore && this.#next) query.set("before", this.#next);
        const response = await fetch(`/api/v1/trail?${query}`, { cache: "no-store" }).catch(() => null);
        if (!response?.ok) { this.#note.textContent = "It cannot be read at the moment. Look again."; return; }
        const page = await response.json();
        this.#next = page.next;
        this.#more.hidden = !page.next;
        const rows = page.actions.map(a => element("tr", {}, element("td", {}, a.record), element("td", {}, time(a.time)), element("td", {}, String(a.operator)),
            element("td", {}, `${a.action.replaceAll("_", " ")}${a.detail ? `: ${a.detail}` : ""}`),
            element("td", {}, a.account != null ? element("button", { type: "button", class: "quiet small", onclick: () => say("customer", a.account) }, `account ${a.account}`)
                : a.market != null ? `market ${a.market}` : a.fixture != null ? `match ${a.fixture}` : ""),
            element("td", {}, a.reason), element("td", {}, a.refused ? element("span", { class: "tag warn" }, a.refused.replaceAll("_", " ")) : "done")));
        if (isMore) this.#rows.append(...rows); else this.#rows.replaceChildren(...rows);
        this.#note.textContent = page.actions.length || isMore ? "" : "Nothing.";
    }
}

customElements.define("desk-trail", Trail);
