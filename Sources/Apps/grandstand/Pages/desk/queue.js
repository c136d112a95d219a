import { element } from "/format.js";
import { desk, markets, say } from "/common.js";

// What is to be settled, is being settled, or was settled otherwise before: the whole of it in one place.
const parts = [
    ["Waits for a result", m => !m.resulted && ["ended", "closed", "abandoned", "cancelled"].includes(m.status) && m.openLegs > 0, m => `${m.openLegs} bets, ${m.status}`],
    ["Its supplier says otherwise", m => m.disputed, m => `settled ×${m.settlement}`],
    ["Being settled", m => m.resulted && m.openLegs > 0, m => `${m.openLegs} bets left`],
    ["Corrected", m => m.resulted && m.settlement > 1 && !m.openLegs, m => `settled ×${m.settlement}`],
];

class Queue extends HTMLElement {
    #shown = "";

    connectedCallback() {
        this.append(element("p", { class: "muted small" }, "Nothing waits."));
        desk.addEventListener("markets", () => this.#render());
        desk.addEventListener("signed-out", () => { this.#shown = ""; this.replaceChildren(); });
    }

    #render() {
        const found = parts.map(([title, wanted, words]) => [title, [...markets.values()].filter(wanted).slice(0, 20).map(m => [m, words(m)])]).filter(([, list]) => list.length);
        const text = JSON.stringify(found.map(([title, list]) => [title, list.map(([m, word]) => [m.id, word])]));
        if (text === this.#shown) return;
        this.#shown = text;
        if (!found.length) return this.replaceChildren(element("p", { class: "muted small" }, "Nothing waits."));
        this.replaceChildren(...found.map(([title, list]) => element("div", {}, element("h3", { class: "small" }, title),
            element("ul", { class: "plain" }, ...list.map(([m, word]) => element("li", { class: "row" }, element("span", {}, `${m.fixture}: ${m.name}`), element("span", { class: "small muted" }, word),
                element("button", { type: "button", class: "quiet small", onclick: () => say("go-to", m.id) }, "Go to")))))));
    }
}

customElements.define("desk-queue", Queue);
