import { state } from "/state.js";
import { connect, newID, now } from "/link.js";
import { element, money, odds } from "/format.js";
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
        const { cash, bonus, free, held, openBets, owed } = account.balances;
        const parts = [];
        if (bonus) parts.push(`${money(bonus, account.currency)} bonus`);
        if (free) parts.push(`${money(free, account.currency)} free stakes`);
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
        // Each with what 19/20 looks like in it.
        const formats = { decimal: "Decimal", fractional: "Fractional", american: "American", hong_kong: "Hong Kong", malay: "Malay", indonesian: "Indonesian" };
        this.append(element("select", { "aria-label": "Odds format", onchange: event => state.setFormat(event.target.value) },
            ...Object.entries(formats).map(([key, text]) => element("option", { value: key, selected: key === state.format },
                `${text} ${odds([39, 20], key)}`))));
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
        if (response.ok) return await load();
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
    locate();
    const bets = await fetch("/api/v1/bets?limit=40");
    if (!bets.ok) return;
    const page = await bets.json();
    for (const bet of page.bets) state.putBet({ ...bet, order: page.asOf });
}

// Where we are taken to be; asked again before that is over, and when a bet was refused for it. Where a provider's
// program has to say it, that is asked first.
let looking = null;
// Milliseconds before the end that it is said anew.
const ahead = 30_000;

const left = said => said?.until ? Date.parse(said.until) - now() : 0;

async function locate() {
    clearTimeout(looking);
    const response = await fetch("/api/v1/location").catch(() => null);
    if (response?.ok) {
        let said = await response.json();
        if (said.script && left(said) < 2 * ahead) said = await report(said.script) ?? said;
        state.location = said;
        state.changed("location");
        if (!said.required) return;
    }
    const soon = state.location?.script && left(state.location) > 0 ? ahead / 3 : 2 * ahead;
    clearTimeout(looking);
    looking = setTimeout(locate, Math.min(Math.max(left(state.location) - ahead, soon), 3_600_000));
}

// Nothing where the program says nothing, or what it says is not believed: then we are where we were.
async function report(script) {
    try {
        const { locate: find } = await import(script);
        const packet = await find({ account: state.account.account });
        const answer = await fetch("/api/v1/location", { method: "PUT", headers: { "content-type": "application/json" }, body: JSON.stringify({ packet }) });
        return answer.ok ? await answer.json() : null;
    } catch {
        return null;
    }
}

state.addEventListener("unlocated", locate);

customElements.define("gs-connection", ConnectionState);
customElements.define("gs-wallet", Wallet);
customElements.define("gs-format", Format);

// Before the first connection there is nobody to follow; after each one, what was missed is read.
state.addEventListener("opened", () => load().catch(() => {}));
await load().catch(() => {});
connect();
