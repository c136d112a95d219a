import { state } from "/state.js";
import { connect, newID, reconnect } from "/link.js";
import { element, money } from "/format.js";
import "/fixtures.js";
import "/slip.js";
import "/mine.js";

class ConnectionState extends HTMLElement {
    connectedCallback() {
        for (const event of ["link", "stale"]) state.addEventListener(event, () => this.#render());
        this.#render();
    }

    #render() {
        const [text, kind] = state.link === "offline" ? ["Offline, trying again", "bad"]
            : state.link === "connecting" ? ["Connecting", "warn"]
            : state.isStale ? ["Prices are old", "warn"] : ["Live", "live"];
        this.replaceChildren(element("span", { class: `tag ${kind}` }, text));
    }
}

class Wallet extends HTMLElement {
    complain(text) {
        if (state.account) return;
        this.querySelector("[role=alert]")?.remove();
        this.append(element("span", { class: "small message bad", role: "alert" }, text));
    }

    connectedCallback() {
        state.addEventListener("account", () => this.#render());
        this.#render();
    }

    #render() {
        const account = state.account;
        if (!account) {
            this.replaceChildren(element("button", { class: "primary", type: "button", onclick: open }, "Open a demo account"));
            return;
        }
        const { cash, held, openBets, owed } = account.balances;
        const parts = [];
        if (held) parts.push(`${money(held, account.currency)} held`);
        if (openBets) parts.push(`${money(openBets, account.currency)} in bets`);
        if (owed) parts.push(`${money(owed, account.currency)} owed`);
        this.replaceChildren(element("span", { class: "tag demo" }, "Demo money"),
            element("span", {}, element("strong", { class: "number" }, money(cash, account.currency)),
                element("span", { class: "small muted number" }, parts.length ? ` · ${parts.join(" · ")}` : "")));
    }
}

class Format extends HTMLElement {
    connectedCallback() {
        this.setAttribute("role", "group");
        this.setAttribute("aria-label", "Odds format");
        state.addEventListener("format", () => this.#render());
        this.#render();
    }

    #render() {
        const formats = { decimal: "1.95", fractional: "19/20", american: "−105" };
        this.replaceChildren(...Object.entries(formats).map(([key, text]) => element("button", {
            type: "button", "aria-pressed": state.format === key, "aria-label": `${key} odds`, onclick: () => state.setFormat(key),
        }, text)));
    }
}

// One key until it is answered: pressing again after a lost answer leads to the same account.
let opening = null;

async function open() {
    let text = "No server answers at the moment. Try again.";
    try {
        opening ??= newID();
        const response = await fetch("/api/v1/demo", { method: "POST", headers: { "Idempotency-Key": `"${opening}"` } });
        if (response.status < 500) opening = null;
        if (response.ok) {
            await load();
            return reconnect();
        }
        text = (await response.json()).title ?? text;
    } catch { /* Said below. */ }
    document.querySelector("gs-wallet")?.complain(text);
}

async function load() {
    const session = await fetch("/api/v1/session");
    if (!session.ok || !(await session.json()).signedIn) return;
    const response = await fetch("/api/v1/account");
    if (!response.ok) return;
    const account = await response.json();
    if (!state.account || state.account.order < account.asOf) {
        state.account = { ...account, order: account.asOf };
        state.changed("account");
    }
    const bets = await fetch("/api/v1/bets?limit=40");
    if (!bets.ok) return;
    const page = await bets.json();
    for (const bet of page.bets) state.putBet({ ...bet, order: page.asOf });
}

customElements.define("gs-connection", ConnectionState);
customElements.define("gs-wallet", Wallet);
customElements.define("gs-format", Format);

// Before the first connection there is nobody to follow; after each one, what was missed is read.
state.addEventListener("opened", () => load().catch(() => {}));
await load().catch(() => {});
connect();
