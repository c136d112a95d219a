import { element, minor, money, odds, time, useCurrency, uuid7 } from "/format.js";
import { desk, dialogOf, markets, post, proposal, say, send } from "/common.js";
import "/customer.js";
import { moveDeductions, moveHouse } from "/house.js";
import "/integrity.js";
import { movePromotions } from "/promotions.js";
import { keys, rowKeys } from "/keys.js";
import { moveLimits } from "/limits.js";
import { newMarket, tellMatch } from "/making.js";
import { movePrices } from "/prices.js";
import "/queue.js";
import "/suspects.js";
import "/trail.js";

let operator = null;
let socket = null;

function connect() {
    socket = new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/api/v1/stream`);
    socket.addEventListener("message", event => {
        const message = JSON.parse(event.data);
        if (message.type !== "image" && message.type !== "delta") return;
        if (message.type === "image") markets.clear();
        operator = message.operator;
        document.body.dataset.role = message.role ?? document.body.dataset.role;
        if (message.channels) say("channels", message.channels);
        if (message.currency) useCurrency(message.currency);
        for (const market of message.markets) markets.set(market.id, market);
        say("person");
        if (message.markets.length || message.type === "image") say("markets");
        if (message.ticker) say("ticker", message.ticker);
        if (message.proposals) say("proposals", message.proposals);
        if (message.health) say("health", message.health);
        for (const [id, staked, worstLoss, openLegs] of message.exposures ?? []) {
            const market = markets.get(id);
            if (market) Object.assign(market, { staked, worstLoss, openLegs });
        }
        if (message.exposures) say("markets");
    });
    socket.addEventListener("close", async () => {
        const session = await fetch("/api/v1/session").then(answer => answer.json(), () => null);
        if (session?.signedIn === false) { operator = null; return say("signed-out"); }
        say("offline");
        setTimeout(connect, 1500);
    });
}

class SignIn extends HTMLElement {
    connectedCallback() {
        desk.addEventListener("person", () => this.replaceChildren());
        desk.addEventListener("signed-out", () => this.#render());
    }

    #render(text = "") {
        const code = element("input", { id: "code", autocomplete: "one-time-code", placeholder: "0000-0000-0000", required: true });
        this.replaceChildren(element("form", { class: "inline panel", onsubmit: async event => {
            event.preventDefault();
            const answer = await post("/api/v1/sign-in", { code: code.value.trim() });
            if (answer.ok) connect();
            else this.#render(answer.text);
        } }, element("h2", {}, "Sign in"), element("label", { for: "code", class: "small muted" },
            "One-time code, printed when the server started"), code,
        text ? element("p", { class: "message small", role: "alert" }, text) : null,
        element("button", { class: "primary", type: "submit" }, "Sign in")));
    }
}

class Person extends HTMLElement {
    connectedCallback() {
        desk.addEventListener("person", () => {
            this.replaceChildren(element("span", { class: "tag live" }, `Operator ${operator}, ${document.body.dataset.role}`));
            document.querySelectorAll("[data-desk]").forEach(e => { e.hidden = false; });
        });
        // Nobody is at the desk: what was seen there is not for whoever sits down next.
        desk.addEventListener("signed-out", () => {
            this.replaceChildren();
            document.querySelectorAll("[data-desk]").forEach(e => { e.hidden = true; });
            document.querySelectorAll("dialog[open]").forEach(dialog => dialog.close());
        });
        desk.addEventListener("offline", () => this.replaceChildren(element("span", { class: "tag bad" }, "Offline, trying again")));
    }
}

class Health extends HTMLElement {
    connectedCallback() {
        desk.addEventListener("health", event => {
            const h = event.detail;
            this.hidden = false;
            const cell = (name, value, kind = "") => element("div", { class: kind }, element("span", { class: "small muted" }, name), element("b", {}, String(value)));
            this.replaceChildren(cell("Engine", h.running ? "running" : "stopped"), cell("Record", h.sequence), cell("Queue, slots", h.queued),
                cell("Last batch", `${h.batch} (most ${h.mostInBatch})`), cell("Decide and write", `${h.turnMicroseconds} µs`), cell("of it, write and sync", `${h.syncMicroseconds} µs`),
                cell("Refused busy", h.busy), cell("Journal", `${(h.journalBytes / 1048576).toFixed(1)} MiB`), cell("Journal's disk", !h.hasSpace ? "NO ROOM: nothing is taken" : h.slowDisk ? `SLOW: ${h.journal}` : h.journal, "wide"),
                cell("Accounts / bets", `${h.accounts} / ${h.bets}`), cell("State", h.stateHash.slice(0, 12)));
        });
    }
}

class All extends HTMLElement {
    connectedCallback() {
        const note = element("span", { class: "small muted", role: "status" });
        const act = path => async () => { note.textContent = (await post(path).catch(() => ({ text: "No answer came. Press again." }))).text; };
        const channels = element("span", {});
        this.append(note, channels, element("button", { type: "button", class: "needs-supervisor", onclick: moveHouse }, "House…"), " ",
            element("button", { type: "button", class: "needs-supervisor", onclick: () => moveDeductions("rule_4") }, "Rule 4…"), " ",
            element("button", { type: "button", class: "needs-supervisor", onclick: () => moveDeductions("face_value") }, "Deductions…"), " ",
            element("button", { type: "button", class: "needs-supervisor", onclick: movePromotions }, "Promotions…"), " ",
            element("button", { type: "button", class: "needs-trader", onclick: () => newMarket() }, "New match…"), " ",
            element("button", { type: "button", class: "needs-trader", onclick: act("/api/v1/suspend-all") }, "Suspend all"), " ",
            element("button", { type: "button", class: "needs-trader", onclick: act("/api/v1/resume-all") }, "Resume all"));
        keys.set("S", act("/api/v1/suspend-all"));
        keys.set("n", () => newMarket());
        desk.addEventListener("channels", event => channels.replaceChildren(...event.detail.filter(c => c.channel !== "unknown").map(c =>
            element("button", { type: "button", class: "needs-trader", "aria-pressed": !c.open, onclick: () => stopChannel(c) }, c.open ? `Stop ${c.channel}…` : `Open ${c.channel}…`))));
    }
}

// Bets through a channel are stopped, or taken again.
function stopChannel(channel) {
    const { dialog, note, form } = dialogOf("channel", `${channel.open ? "Stop" : "Take"} bets through ${channel.channel}`, channel.open ? "Stop" : "Open");
    const reason = element("input", { id: "channel-reason", required: true, maxlength: "60" });
    form(async () => {
        const answer = await send("PUT", `/api/v1/channels/${channel.channel}`, { open: !channel.open, reason: reason.value });
        return answer.ok ? null : answer.text;
    }, element("div", {}, element("label", { for: "channel-reason" }, "Reason"), reason), note);
    dialog.showModal();
}

class Markets extends HTMLElement {
    #rows = new Map();
    #note = element("span", { class: "small", role: "status" });
    #filter = element("input", { id: "market-filter", type: "search", placeholder: "Match or market", "aria-label": "Only markets with", oninput: () => this.#render() });
    #state = element("select", { id: "market-state", "aria-label": "Only markets that are", onchange: () => this.#render() },
        ...[["", "all"], ["open", "open"], ["shut", "shut"], ["live", "in play"], ["hand", "by hand"], ["settled", "settled"]].map(([value, text]) => element("option", { value }, text)));
    #body = element("tbody");

    connectedCallback() {
        keys.set("/", () => this.#filter.focus());
        rowKeys(this.#body, {
            p: m => movePrices(m), l: m => moveLimits(m), s: m => this.#switch(m, "suspend"), o: m => this.#switch(m, "resume"), r: m => propose(m), v: m => proposeVoid(m), w: m => whatIf(m), m: m => tellMatch(m),
        }, id => markets.get(id));
        desk.addEventListener("go-to", event => { this.#filter.value = ""; this.#state.value = ""; this.#render(event.detail); });
        this.append(element("div", { class: "filters" }, this.#filter, this.#state, this.#note), element("div", { class: "scroll", tabindex: "0", role: "group", "aria-label": "Table of markets" },
            element("table", {}, element("thead", {}, element("tr", {}, ...["Match", "Market", "Selections: reference, our price", "State"].map(h => element("th", { scope: "col" }, h)),
                ...["Margin", "Staked", "Worst loss"].map(h => element("th", { scope: "col", class: "n" }, h)), element("th", { scope: "col" }, "Do"))), this.#body)));
        desk.addEventListener("markets", () => this.#render());
    }

    async #switch(m, path) {
        const answer = await post(`/api/v1/markets/${m.id}/${path}`).catch(() => ({ ok: false, text: "No answer came. Try again." }));
        this.#note.textContent = answer.ok ? "" : `${m.fixture}, ${m.name}: ${answer.text}`;
    }

    #isWanted(m) {
        const text = this.#filter.value.trim().toLowerCase();
        if (text && !`${m.fixture} ${m.name}`.toLowerCase().includes(text)) return false;
        switch (this.#state.value) {
        case "open": return !m.resulted && !m.reasons.length;
        case "shut": return !m.resulted && m.reasons.length > 0;
        case "live": return !m.resulted && m.inPlay;
        case "hand": return m.byHand || m.handMargin != null || m.selections.some(s => s.held);
        case "settled": return m.resulted;
        default: return true;
        }
    }

    // `wanted` is shown and has the focus, however far down it is.
    #render(wanted = null) {
        const all = [...markets.values()].filter(m => m.id === wanted || this.#isWanted(m)).sort((a, b) => a.resulted - b.resulted || Number(b.id) - Number(a.id));
        const list = all.slice(0, 120);
        if (wanted != null && !list.some(m => m.id === wanted)) list.push(...all.filter(m => m.id === wanted));
        const focused = this.#body.contains(document.activeElement) ? document.activeElement : null;
        const keep = new Set(list.map(m => m.id));
        for (const [id, row] of this.#rows) if (!keep.has(id)) { row.remove(); this.#rows.delete(id); }
        list.forEach((market, index) => {
            let row = this.#rows.get(market.id);
            if (!row) { row = element("tr", { tabindex: this.#rows.size ? "-1" : "0", "data-market": market.id }); this.#rows.set(market.id, row); }
            const shown = [market.version, market.staked, market.worstLoss, market.disputed, market.score, market.status, market.inPlay].join();
            if (row.shown !== shown) {
                row.shown = shown;
                this.#fill(row, market);
            }
            if (this.#body.children[index] !== row) this.#body.insertBefore(row, this.#body.children[index] ?? null);
        });
        // A row that was moved has lost the focus.
        if (focused?.isConnected && document.activeElement !== focused) focused.focus({ preventScroll: true });
        if (!this.#body.querySelector("tr[tabindex='0']")) this.#body.firstElementChild?.setAttribute("tabindex", "0");
        const row = wanted == null ? null : this.#rows.get(wanted);
        row?.focus();
        row?.scrollIntoView({ block: "center" });
    }

    #fill(row, m) {
        // What people made is opened by people whatever shut it.
        const isTrader = m.reasons.includes("trader") || m.byHand && m.reasons.some(r => ["feed", "stale", "recovery"].includes(r));
        row.replaceChildren(
            element("td", {}, m.fixture, m.score ? ` ${m.score.join("–")}` : "", m.inPlay ? element("span", { class: "tag" }, "in play") : null), element("td", {}, m.name),
            element("td", {}, element("div", { class: "selections" }, ...m.selections.flatMap(s => [
                element("span", {}, s.name), element("span", { class: "number muted" }, s.reference ? (s.reference / 1000).toFixed(2) : "–"),
                element("span", { class: s.held ? "number held" : "number", title: s.held ? "held by hand" : null }, s.result !== "undecided" ? s.result : odds(s.odds))]))),
            element("td", {}, m.disputed ? element("span", { class: "tag bad" }, "supplier says otherwise") : null,
                m.resulted ? element("span", { class: "tag" }, `settled ×${m.settlement}`)
                : m.reasons.length ? element("span", { class: "tag warn" }, m.reasons.join(", ")) : element("span", { class: "tag live" }, "open")),
            element("td", { class: "n" }, m.handMargin == null ? m.byHand ? "by hand" : `${(m.margin / 100).toFixed(1)} %` : element("span", { class: "held", title: "by hand" }, `${(m.handMargin / 100).toFixed(1)} %`)), element("td", { class: "n" }, money(m.staked)),
            element("td", { class: "n" }, money(m.worstLoss), element("br"),
                element("progress", { class: "bar", max: m.liabilityLimit, value: m.worstLoss, "aria-label": `Worst loss of ${m.fixture}, ${m.name}, of its limit` })),
            element("td", {}, m.resulted ? null : element("button", { type: "button", class: "needs-trader", onclick: () => this.#switch(m, isTrader ? "resume" : "suspend") }, isTrader ? "Resume" : "Suspend"), " ",
            m.resulted ? null : element("button", { type: "button", class: "needs-trader", onclick: () => movePrices(m) }, "Prices…"), " ",
            element("button", { type: "button", class: "needs-trader", onclick: () => propose(m) }, m.resulted ? "Resettle…" : "Settle…"), " ",
            element("button", { type: "button", class: "needs-trader", onclick: () => proposeVoid(m) }, "Void bets…"), " ",
            element("button", { type: "button", onclick: () => whatIf(m) }, "What if…"), " ",
            element("button", { type: "button", class: "needs-trader", onclick: () => moveLimits(m) }, "Limits…"), " ",
            element("button", { type: "button", class: "needs-trader", onclick: () => tellMatch(m) }, "Match…")));
    }
}

// What a market comes to by who wins, and what would help; looked at anew while it is open.
function whatIf(market) {
    const body = element("div", {});
    const dialog = element("dialog", { "aria-labelledby": "what-if-title" },
        element("h2", { id: "what-if-title" }, `${market.fixture}: ${market.name}`), body,
        element("div", { class: "row" }, element("button", { type: "button", onclick: () => dialog.close() }, "Close")));
    const look = async () => {
        const response = await fetch(`/api/v1/markets/${market.id}/risk`).catch(() => null);
        if (!response?.ok) return body.replaceChildren(element("p", { class: "message small" }, "It cannot be looked at now."));
        const risk = await response.json();
        const number = amount => element("td", { class: `n ${amount < 0 ? "loss" : ""}` }, money(amount));
        body.replaceChildren(
            element("p", { class: "small muted" }, `${risk.openLegs} open bets, ${money(risk.staked)} staked, worst loss ${money(risk.worstLoss)} of ${money(risk.liabilityLimit)}`),
            element("div", { class: "scroll", tabindex: "0", role: "group", "aria-label": "Results" }, element("table", {}, element("thead", {}, element("tr", {}, element("th", { scope: "col" }, market.winners ? "If this wins" : "If this alone wins"),
                ...["Our price", "Reference", "Pays", "We come to"].map(h => element("th", { scope: "col", class: "n" }, h)))),
            element("tbody", {}, ...risk.selections.map(s => element("tr", {}, element("th", { scope: "row" }, s.name), element("td", { class: "n" }, odds(s.odds)),
                element("td", { class: "n" }, s.reference ? (s.reference / 1000).toFixed(2) : "–"), element("td", { class: "n" }, money(s.returnsIfWon)), number(s.result)))))),
            risk.hedge ? element("p", { class: "small" }, `Backing ${risk.selections[risk.hedge.selection].name} elsewhere for ${money(risk.hedge.stake)} at ${(risk.hedge.price / 1000).toFixed(2)} makes the worst ${money(risk.hedge.worst)}.`) : "");
    };
    const timer = setInterval(look, 2000);
    dialog.addEventListener("close", () => { clearInterval(timer); dialog.remove(); });
    document.body.append(dialog);
    look();
    dialog.showModal();
}

// What sports and fixtures may cost.
class Risk extends HTMLElement {
    #body = element("div", {});

    connectedCallback() {
        this.append(this.#body);
        desk.addEventListener("person", () => { this.#timer ??= setInterval(() => this.#look(), 3000); this.#look(); });
        desk.addEventListener("signed-out", () => { clearInterval(this.#timer); this.#timer = null; });
    }

    #timer = null;

    async #look() {
        if (document.hidden || Date.now() - (this.looked ?? 0) < 1000) return;
        this.looked = Date.now();
        const response = await fetch("/api/v1/risk").catch(() => null);
        if (!response?.ok) return;
        const risk = await response.json();
        if (!risk.fixtures.length && !risk.given.length) return this.#body.replaceChildren(element("p", { class: "muted small" }, "Nothing stands."));
        const table = (label, name, rows) => element("div", { class: "scroll", tabindex: "0", role: "group", "aria-label": label }, element("table", {},
            element("thead", {}, element("tr", {}, element("th", { scope: "col" }, label), ...["Markets", "Staked", "Worst, added up"].map(h => element("th", { scope: "col", class: "n" }, h)))),
            element("tbody", {}, ...rows.map(r => element("tr", {}, element("th", { scope: "row" }, name(r)), element("td", { class: "n" }, r.markets),
                element("td", { class: "n" }, money(r.staked)), element("td", { class: "n" }, money(r.worstLoss)))))));
        const given = risk.promotions;
        this.#body.replaceChildren(...(given.bets ? [element("p", { class: "small" },
            `Bonus money and free stakes: ${given.bets} ${given.bets === 1 ? "bet" : "bets"}, ${money(given.bonus)} and ${money(given.free)} staked, ${money(given.potentialReturn)} if all of them win.`)] : []),
        ...risk.given.map(p => element("p", { class: "small" }, `Given under promotion ${p.promotion}, ${p.name}: ${money(p.bonus)} bonus money, ${money(p.free)} free stakes.`)),
        ...(risk.fixtures.length ? [table("Sport", r => r.sport.replace("_", " "), risk.sports), table("Match", r => r.name, risk.fixtures)] : []));
    }
}

// Bets that were accepted in a window of time, or all.
function proposeVoid(market) {
    const moment = (id, label) => [id, element("input", { id, placeholder: "2026-11-22T09:30:00Z", pattern: "\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d(\\.\\d{1,9})?Z" }), label];
    const ends = [moment("from", "Accepted from (UTC; empty: from the first)"), moment("until", "Accepted before (UTC; empty: up to the last)")];
    const back = element("input", { id: "taken-back", type: "checkbox" });
    proposal(`Void bets on ${market.fixture}: ${market.name}`, `/api/v1/markets/${market.id}/cancels`,
        [...ends.map(([id, input, label]) => element("div", {}, element("label", { for: id }, label), input)),
            element("div", {}, element("label", { for: "taken-back" }, back, " Take such a void back"))],
        () => ({ ...Object.fromEntries(ends.filter(([, input]) => input.value).map(([id, input]) => [id, input.value])), takenBack: back.checked }));
}

// A result by hand: who proposes it cannot approve it.
function propose(market) {
    const choices = market.selections.map((s, index) => element("select", { id: `result-${index}` },
        ...["undecided", "lost", "won", "void", "half_won", "half_lost", "dead_heat"].map(r => element("option", { value: r, selected: s.result === r }, r.replace("_", " ")))));
    // Of a race also where each came in, and how many with it, and of a dead heat anywhere; empty leaves that as it is known.
    const number = (id, label, index, value) => element("input", { id: `${id}-${index}`, type: "number", min: "1", max: "64", "aria-label": `${market.selections[index].name}: ${label}`, placeholder: label, value: value ?? "" });
    const places = market.selections.map((s, index) => {
        const known = s.finish?.wins || s.finish?.position <= 64 ? s.finish : null;
        return [number("came", market.winners ? "came in" : "wins shared", index, known?.wins ?? known?.position), number("tied", "together", index, known?.tied)];
    });
    const isAsked = index => market.eachWay || choices[index].value === "dead_heat";
    const showPlaces = () => places.forEach((inputs, index) => inputs.forEach(input => { input.hidden = !isAsked(index); }));
    choices.forEach((choice, index) => choice.addEventListener("change", () => {
        // Whoever ties for the first place without more words ties with one other.
        if (choice.value === "dead_heat") places[index].forEach((input, n) => { input.value ||= String(n + 1); });
        showPlaces();
    }));
    showPlaces();
    const finish = () => places.map(([position, tied], index) => isAsked(index) && position.value ? { [market.winners ? "position" : "wins"]: Number(position.value), tied: Number(tied.value || 1) } : null);
    // A result that was none: its bets stand again, until there is one.
    const none = market.resulted ? [element("div", {}, element("button", { type: "button", onclick: () => { choices.forEach(c => { c.value = "undecided"; }); showPlaces(); } }, "There is no result yet"))] : [];
    proposal(`Result of ${market.fixture}: ${market.name}`, `/api/v1/markets/${market.id}/results`,
        [...market.selections.map((s, index) => element("div", {}, element("label", { for: `result-${index}` }, s.name), choices[index], ...places[index])), ...none],
        () => ({ results: choices.map(c => c.value), ...(finish().some(Boolean) || market.eachWay ? { finish: finish() } : {}) }));
}

// What a proposal comes to, in words.
function wish(p, market) {
    if (p.action === "settle") return p.results.map((r, i) => `${market?.selections[i]?.name ?? i} ${r.replace("_", " ")}`).join(", ");
    if (p.bet) return `bet ${p.bet} ${p.action === "void" ? "void" : "no longer void"}`;
    const window = [p.from && `from ${p.from}`, p.until && `before ${p.until}`].filter(Boolean).join(" and ");
    return `${p.action === "cancel" ? "void" : "no longer void"}: ${window ? `bets accepted ${window}` : "all bets"}`;
}

class Proposals extends HTMLElement {
    connectedCallback() {
        desk.addEventListener("proposals", event => this.#render(event.detail));
        this.append(element("p", { class: "muted small" }, "None."));
    }

    #render(list) {
        if (!list.length) return this.replaceChildren(element("p", { class: "muted small" }, "None."));
        this.replaceChildren(...list.map(p => {
            const market = markets.get(p.market);
            const note = element("span", { class: "small", role: "alert" });
            const isMine = p.actor === operator;
            return element("div", { class: "row" },
                element("span", {}, `${market ? `${market.fixture}: ${market.name}` : p.market}: ${wish(p, market)} (${p.reason}${p.evidence ? `; ${p.evidence}` : ""}), by operator ${p.actor}`), note,
                element("button", { type: "button", class: isMine ? "needs-trader" : "primary needs-trader", disabled: isMine, onclick: async () => {
                    note.textContent = (await post(`/api/v1/proposals/${p.id}/approve`, {}, uuid7(Date.now()))).text;
                } }, isMine ? "Another person approves" : ["settle", "void", "restore"].includes(p.action) ? "Approve and settle" : "Approve"));
        }));
    }
}

class Ticker extends HTMLElement {
    #lines = new Map();
    #body = element("div", {});
    #about = element("input", { id: "ticker-about", type: "search", placeholder: "Match or market", "aria-label": "Only bets on", oninput: () => this.#render() });
    #account = element("input", { id: "ticker-account", inputmode: "numeric", size: "10", placeholder: "Account", "aria-label": "Only bets of account", oninput: () => this.#render() });
    #least = element("input", { id: "ticker-least", inputmode: "decimal", size: "8", placeholder: "Stake from", "aria-label": "Only stakes from", oninput: () => this.#render() });
    #status = element("select", { id: "ticker-status", "aria-label": "Only bets that are", onchange: () => this.#render() },
        ...["", "open", "pending", "refused", "offered", "settle", "resettle", "reopen", "cashed_out"].map(value => element("option", { value }, value.replace("_", " ") || "all")));

    connectedCallback() {
        this.append(element("div", { class: "filters" }, this.#about, this.#account, this.#least, this.#status), this.#body);
        keys.set("b", () => this.#account.focus());
        desk.addEventListener("signed-out", () => { this.#lines.clear(); this.#body.replaceChildren(); });
        desk.addEventListener("ticker", event => {
            // The newest first; what went by is kept for a filter that is set later.
            for (const line of event.detail.toReversed()) {
                const key = `${line.bet} ${line.status} ${line.time}`;
                if (!this.#lines.has(key)) this.#lines.set(key, line);
            }
            for (const key of this.#lines.keys()) { if (this.#lines.size <= 2000) break; this.#lines.delete(key); }
            this.#render();
        });
    }

    #isWanted(line, least) {
        if (this.#account.value.trim() && line.account !== this.#account.value.trim()) return false;
        if (least != null && line.stake < least) return false;
        const about = this.#about.value.trim().toLowerCase();
        if (about && !line.legs.some(leg => Object.values(leg).join(" ").toLowerCase().includes(about))) return false;
        const status = this.#status.value;
        return !status || (status === "offered" ? line.offer : line.status === status);
    }

    #render() {
        const least = minor(this.#least.value);
        const lines = [...this.#lines.values()].toReversed().filter(line => this.#isWanted(line, least)).slice(0, 60);
        this.#body.replaceChildren(element("div", { class: "scroll", tabindex: "0", role: "group", "aria-label": "Table of bets" }, element("table", {},
            element("thead", {}, element("tr", {}, ...["Time", "Bet", "Account", "On", "What"].map(h => element("th", { scope: "col" }, h)),
                ...["Stake", "Returns or paid"].map(h => element("th", { scope: "col", class: "n" }, h)))),
            element("tbody", {}, ...lines.map(l => element("tr", {}, element("td", {}, time(l.time)), element("td", {}, l.bet), element("td", {}, element("button", { type: "button", class: "quiet small", "aria-label": `Customer ${l.account}`, onclick: () => say("customer", l.account) }, l.account)),
                element("td", {}, ...l.legs.map(leg => element("div", {}, `${leg.selection} · `, element("span", { class: "small muted" }, `${leg.market}, ${leg.fixture}`)))),
                element("td", {}, `${l.status.replace("_", " ")}${l.detail ? `: ${l.detail.replaceAll("_", " ")}` : ""}${l.offer ? `; offered ${money(l.offer.stake)} at ${l.offer.odds.map(pair => odds(pair)).join(", ")}` : ""}`), element("td", { class: "n" }, money(l.stake)), element("td", { class: "n" }, money(l.amount))))))));
    }
}

customElements.define("desk-sign-in", SignIn);
customElements.define("desk-person", Person);
customElements.define("desk-health", Health);
customElements.define("desk-all", All);
customElements.define("desk-markets", Markets);
customElements.define("desk-proposals", Proposals);
customElements.define("desk-risk", Risk);
customElements.define("desk-ticker", Ticker);
const session = await fetch("/api/v1/session");
if (session.ok && (await session.json()).signedIn) connect();
else say("signed-out");
