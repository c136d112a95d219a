import { element, minor, money, uuid7 } from "/format.js";
import { desk, post, send } from "/common.js";
import { offered } from "/promotions.js";

// One customer: what it has, what its bets may cost, how far it is trusted, and what the house gives it.
class Customer extends HTMLElement {
    #account = null;
    #turn = 0;
    #facts = null;
    #note = element("p", { class: "small", role: "status" });
    #number = element("input", { id: "customer", inputmode: "numeric", pattern: "[0-9]+", required: true, placeholder: "Account", size: "12" });
    #body = element("div", { class: "customer" });

    connectedCallback() {
        this.append(element("form", { class: "row lookup", onsubmit: event => { event.preventDefault(); this.#open(this.#number.value.trim()); } },
            element("label", { for: "customer", class: "small muted" }, "Account"), this.#number,
            element("button", { type: "submit" }, "Look")), this.#note, this.#body);
        desk.addEventListener("customer", event => { this.#number.value = event.detail; this.#open(event.detail); this.scrollIntoView({ block: "nearest" }); });
        desk.addEventListener("signed-out", () => { this.#account = null; this.#body.replaceChildren(); });
    }

    async #open(account, said = "") {
        // Whoever is looked up last is shown, whichever answer comes first.
        const turn = ++this.#turn;
        this.#account = null;
        const read = what => fetch(`/api/v1/accounts/${encodeURIComponent(account)}/${what}`)
            .then(async answer => ({ ok: answer.ok, json: await answer.json() })).catch(() => ({ ok: false, json: {} }));
        const promised = fetch("/api/v1/promotions", { cache: "no-store" }).then(async answer => answer.ok ? (await answer.json()).promotions : []).catch(() => []);
        const [balances, trust, risk, bars] = await Promise.all(["balances", "trust", "risk", "bars"].map(read));
        const promotions = await promised;
        if (turn !== this.#turn) return;
        const failed = [balances, trust, risk, bars].find(answer => !answer.ok);
        if (failed) {
            this.#body.replaceChildren();
            this.#note.textContent = failed.json.title ?? "That cannot be shown at the moment. Look again.";
            return;
        }
        this.#account = account;
        this.#facts = { ...balances.json, trust: trust.json, risk: risk.json, bars: bars.json.bars, promotions };
        this.#note.textContent = said;
        this.#render();
    }

    #render() {
        const { balances, currency, trust, risk, bars } = this.#facts;
        const cell = (name, value) => element("div", {}, element("span", { class: "small muted" }, name), element("b", {}, value));
        const sum = amount => money(amount ?? 0, currency);
        this.#body.replaceChildren(
            element("div", { class: "facts" }, cell("Account", this.#account), cell("Cash", sum(balances.cash)), cell("Bonus money", sum(balances.bonus)), cell("Free stakes", sum(balances.free)),
                cell("Held", sum(balances.held)), cell("In open bets", sum(balances.openBets)), cell("Owes", sum(balances.owed)),
                cell("State", trust.shut ? "takes no bets" : "open"), cell("Open bets", String(risk.bets ?? 0)), cell("They may return", sum(risk.potentialReturn))),
            this.#give(currency), this.#trust(trust), this.#bars(bars));
    }

    #give(currency) {
        const kind = element("select", { id: "grant-kind" }, element("option", { value: "free" }, "Free stake"), element("option", { value: "bonus" }, "Bonus money"));
        // The terms that were looked at: what was said anew meanwhile is refused.
        const under = element("select", { id: "grant-promotion" }, element("option", { value: "" }, "no promotion"),
            ...this.#facts.promotions.filter(p => offered(p) !== "later")
                .map(p => element("option", { value: p.number }, `${p.number}: ${p.name}${offered(p) === "over" ? " (over)" : ""}`)));
        const amount = element("input", { id: "grant-amount", inputmode: "decimal", required: true, size: "8" });
        const reason = element("input", { id: "grant-reason", required: true, maxlength: "60" });
        const named = (number, isBack) => !number ? {} : isBack ? { promotion: Number(number) }
            : { promotion: Number(number), terms: this.#facts.promotions.find(p => String(p.number) === number).version };
        // One key until it is decided: pressing again after a lost answer gives nothing twice.
        let key = null;
        const account = this.#account;
        const button = element("button", { type: "submit" }, "Give");
        return element("form", { class: "row needs-supervisor", onsubmit: async event => {
            event.preventDefault();
            const isBack = amount.value.trim().startsWith("-");
            const units = minor(amount.value.trim().replace(/^-/, ""), currency);
            if (!units) { this.#note.textContent = `An amount, such as 5.00, or -5.00 to take it back.`; return; }
            key ??= uuid7(Date.now());
            button.disabled = true;
            const answer = await post(`/api/v1/accounts/${account}/grants`,
                { kind: kind.value, amount: isBack ? -units : units, ...named(under.value, isBack), reason: reason.value }, key).catch(() => null);
            button.disabled = false;
            const isDecided = answer?.ok || answer?.status < 500 && answer.json.code !== "request_in_progress";
            if (!isDecided) { this.#note.textContent = "No answer came. Press again: nothing is given twice."; return; }
            key = null;
            if (!answer.ok) { this.#note.textContent = answer.text; return; }
            this.#open(account, answer.json.repeated ? "It had been given before; nothing was given twice."
                : `${money(answer.json.amount, currency)} ${kind.selectedOptions[0].text.toLowerCase()}, as record ${answer.json.asOf}.`);
        } }, element("label", { for: "grant-kind", class: "small muted" }, "Give"), kind,
        element("label", { for: "grant-amount", class: "small muted" }, "Amount"), amount,
        element("label", { for: "grant-promotion", class: "small muted" }, "Under"), under,
        element("label", { for: "grant-reason", class: "small muted" }, "Reason"), reason, button);
    }

    #trust(trust) {
        const factor = element("input", { id: "trust-factor", required: true, inputmode: "decimal", size: "6", value: String(trust.stakeFactor / 10) });
        const delay = element("input", { id: "trust-delay", required: true, inputmode: "decimal", size: "6", value: String(trust.delay / 1000) });
        const reason = element("input", { id: "trust-reason", required: true, maxlength: "60" });
        const notice = element("input", { id: "trust-notice", maxlength: "80", placeholder: "if trusted less" });
        const shut = element("input", { id: "trust-shut", type: "checkbox", checked: trust.shut });
        return element("form", { class: "row needs-trader", onsubmit: async event => {
            event.preventDefault();
            const answer = await send("PUT", `/api/v1/accounts/${this.#account}/trust`, {
                stakeFactor: Math.round(Number(factor.value) * 10), delay: Math.round(Number(delay.value) * 1000), ...(shut.checked === trust.shut ? {} : { shut: shut.checked }), reason: reason.value, ...(notice.value ? { notice: notice.value } : {}) }).catch(() => null);
            if (!answer) { this.#note.textContent = "No answer came. Look again."; return; }
            if (!answer.ok) { this.#note.textContent = answer.text; return; }
            this.#open(this.#account, "Done.");
        } }, element("label", { for: "trust-factor", class: "small muted" }, "Stakes up to, % of a market's maximum"), factor,
        element("label", { for: "trust-delay", class: "small muted" }, "Waits longer in play, s"), delay,
        element("label", { for: "trust-shut", class: "check small" }, shut, "Takes no bets"),
        element("label", { for: "trust-reason", class: "small muted" }, "Reason"), reason,
        element("label", { for: "trust-notice", class: "small muted" }, "The customer is told"), notice,
        element("button", { type: "submit" }, "Set"));
    }

    // Sports and matches that the customer plays in, works for or knows of.
    #bars(bars) {
        const scope = element("input", { id: "bar-scope", required: true, size: "12", placeholder: "tennis, or match 7" });
        const reason = element("input", { id: "bar-reason", required: true, maxlength: "60" });
        const notice = element("input", { id: "bar-notice", required: true, maxlength: "80" });
        const put = async (what, barred, why, told) => {
            const answer = await send("PUT", `/api/v1/accounts/${this.#account}/bars`,
                { ...what, barred, reason: why, ...(told ? { notice: told } : {}) }).catch(() => null);
            if (!answer) { this.#note.textContent = "No answer came. Look again."; return; }
            if (!answer.ok) { this.#note.textContent = answer.text; return; }
            this.#open(this.#account, "Done.");
        };
        const lines = bars.map(bar => element("div", { class: "row needs-trader" },
            element("span", {}, `May not bet on ${bar.sport ?? `match ${bar.fixture}${bar.name ? `, ${bar.name}` : ""}`}`),
            element("button", { type: "button", class: "small", onclick: () => {
                if (!reason.value) { this.#note.textContent = "Say why, beside the match or sport."; reason.focus(); return; }
                put(bar.sport ? { sport: bar.sport } : { fixture: bar.fixture }, false, reason.value, notice.value);
            } }, "Lift")));
        return element("div", {}, ...lines, element("form", { class: "row needs-trader", onsubmit: event => {
            event.preventDefault();
            const match = scope.value.trim().match(/^(?:match\s*)?(\d+)$/);
            put(match ? { fixture: match[1] } : { sport: scope.value.trim().toLowerCase() }, true, reason.value, notice.value);
        } }, element("label", { for: "bar-scope", class: "small muted" }, "Keep from sport or match"), scope,
        element("label", { for: "bar-reason", class: "small muted" }, "Reason"), reason,
        element("label", { for: "bar-notice", class: "small muted" }, "The customer is told"), notice,
        element("button", { type: "submit" }, "Keep")));
    }
}

customElements.define("desk-customer", Customer);
