import { state } from "/state.js";
import { element, minor, money } from "/format.js";
import { newID, now } from "/link.js";

// What an open bet could be sold back for at this moment, and selling it, whole or in part.
class CashOut extends HTMLElement {
    // What the server says of all of it, and of the part that is chosen.
    #whole = null;
    #offer = null;
    #part = null;
    #isOpen = false;
    #isSelling = false;
    #message = null;
    #dueAt = null;
    #timer = null;
    #rule = null;
    bet = null;

    get isBusy() { return this.#isOpen || this.#isSelling; }

    // A new look at all of it; the part that somebody is looking at is asked for anew.
    take(answer) {
        this.#whole = answer;
        this.#rule = answer.rule;
        if (this.#isOpen && !this.#isSelling) this.#ask(0);
        this.#render();
    }

    // What became of a sale of this bet.
    hear(sold) {
        this.#isSelling = sold.status === "pending";
        this.#dueAt = this.#isSelling ? Date.parse(sold.dueAt) : null;
        if (sold.status === "cashed_out") {
            this.#message = { text: `Sold ${this.#money(sold.stake)} of your stake for ${this.#money(sold.payout)}.` };
            this.#isOpen = false;
            this.#part = null;
            // What it was worth before is not what the rest is worth.
            this.#whole = null;
        }
        if (sold.refusal) {
            const offered = sold.refusal.code === "cash_out_changed" ? ` It is worth ${this.#money(sold.refusal.value)} now.` : "";
            this.#message = { text: sold.refusal.text + offered, kind: "bad" };
            this.#ask(0);
        }
        this.#render();
    }

    // Four times a second while one waits.
    tick() {
        const line = this.querySelector(".due");
        if (line && this.#dueAt) line.textContent = this.#waiting();
    }

    #waiting() {
        const left = Math.max(0, this.#dueAt - now());
        return `Sold in ${(left / 1000).toFixed(1)} s unless something happens`;
    }

    #money(amount) { return money(amount, state.currency); }

    get #isWhole() { return this.#part == null || this.#part >= this.#whole.standing; }

    #ask(wait) {
        clearTimeout(this.#timer);
        this.#timer = setTimeout(async () => {
            if (this.#isWhole) {
                this.#offer = this.#whole;
                return this.#update();
            }
            const part = this.#part;
            try {
                const response = await fetch(`/api/v1/bets/${this.bet}/cash-out?stake=${part}`);
                if (!response.ok || part !== this.#part) return;
                this.#offer = (await response.json()).cashOut;
                this.#update();
            } catch { /* The next look is two seconds away. */ }
        }, wait);
    }

    async #sell() {
        const offer = this.#offer;
        if (!offer?.value || this.#isSelling) return;
        this.#isSelling = true;
        this.#message = null;
        this.#render();
        const until = now() + 15000;
        const key = newID();
        const body = JSON.stringify({
            value: offer.value, offer: offer.offer, validUntil: new Date(until).toISOString(),
            ...(this.#isWhole ? {} : { stake: offer.stake }),
        });
        // The same key and body until there is an answer: it is sold once, however often it is asked.
        while (now() < until + 2000) {
            try {
                const response = await fetch(`/api/v1/bets/${this.bet}/cash-out`, {
                    method: "POST", body, headers: { "Content-Type": "application/json", "Idempotency-Key": `"${key}"` },
                });
                if (![409, 429, 503].includes(response.status)) {
                    const answer = await response.json();
                    if (answer.cashOut) return this.hear(answer.cashOut);
                    this.#isSelling = false;
                    this.#message = { text: answer.title ?? "That did not work.", kind: "bad" };
                    return this.#render();
                }
            } catch { /* No line: ask again. */ }
            await new Promise(resolve => setTimeout(resolve, 700));
        }
        this.#isSelling = false;
        this.#message = { text: "There was no answer. Look at the bet again before you sell it.", kind: "bad" };
        this.#render();
    }

    // Sold by itself as soon as it is worth so much; null: not any more.
    async #setRule(atLeast) {
        const response = await fetch(`/api/v1/bets/${this.bet}/cash-out-rule`, atLeast == null ? { method: "DELETE" } : {
            method: "PUT", body: JSON.stringify({ atLeast }), headers: { "Content-Type": "application/json" },
        }).catch(() => null);
        const answer = await response?.json().catch(() => null);
        this.#message = response?.ok
            ? { text: answer.rule ? `It is sold by itself once it is worth ${this.#money(answer.rule)}.` : "It is not sold by itself any more." }
            : { text: answer?.title ?? "That did not work.", kind: "bad" };
        if (response?.ok) this.#rule = answer.rule;
        this.#isOpen = false;
        this.#render();
    }

    // Where to say what it is to be sold for by itself.
    #wish() {
        const field = element("input", { inputmode: "decimal", value: "", placeholder: this.#money(Math.ceil(this.#whole.value * 1.1)), size: 9 });
        return element("form", { class: "row small", onsubmit: event => {
            event.preventDefault();
            const amount = minor(field.value, state.currency);
            if (amount > 0) this.#setRule(amount);
        } }, element("label", {}, "Sell all by itself once worth ", field),
            element("button", { class: "quiet small", type: "submit" }, "Set"));
    }

    #ruled() {
        return this.#rule ? element("p", { class: "small muted row" }, `Sells itself at ${this.#money(this.#rule)}`,
            element("button", { class: "quiet small", type: "button", onclick: () => this.#setRule(null) }, "Take back")) : null;
    }

    #open(isOpen) {
        this.#isOpen = isOpen;
        this.#message = null;
        this.#part = null;
        this.#offer = this.#whole;
        this.#render();
        this.querySelector(isOpen ? "input, .confirm" : ".offer")?.focus();
    }

    // Whatever is typed into stays: only words change while somebody chooses.
    #update() {
        const offer = this.#offer;
        const confirm = this.querySelector(".confirm");
        if (!confirm) return this.#render();
        confirm.disabled = !offer?.value || this.#isSelling;
        confirm.textContent = offer?.value ? `Sell for ${this.#money(offer.value)}` : "Not at the moment";
        const part = this.#part ?? this.#whole.standing;
        const words = [`${this.#money(part)} of ${this.#money(this.#whole.standing)} stake`];
        if (!this.#isWhole) words.push(`${this.#money(this.#whole.standing - part)} stands on`);
        if (offer?.delay) words.push(`takes ${offer.delay / 1000} s in play`);
        if (offer?.refusal) words.push(offer.refusal.text);
        this.querySelector(".words").textContent = words.join(" · ");
    }

    #render() {
        const whole = this.#whole;
        const note = this.#message
            ? element("p", { class: `small message ${this.#message.kind ?? ""}`, role: "status" }, this.#message.text) : null;
        if (this.#isSelling) {
            return this.replaceChildren(element("p", { class: "small number due", role: "status" },
                this.#dueAt ? this.#waiting() : "Selling…"));
        }
        if (!whole?.value) {
            const why = whole?.refusal && whole.refusal.code !== "bet_not_open" ? `No cash-out: ${whole.refusal.text}` : "";
            this.#isOpen = false;
            return this.replaceChildren(...[note, this.#ruled(), why ? element("p", { class: "small muted" }, why) : null].filter(Boolean));
        }
        if (!this.#isOpen) {
            return this.replaceChildren(...[note, this.#ruled(), element("button", { class: "small offer", type: "button", onclick: () => this.#open(true) },
                `Cash out ${this.#money(whole.value)}`)].filter(Boolean));
        }
        if (this.querySelector(".confirm") && !note) return this.#update();
        const steps = whole.standing / whole.step;
        this.replaceChildren(...[note, element("div", { class: "selling" },
            steps > 1 ? element("label", { class: "small" }, "How much of the stake",
                element("input", { type: "range", min: whole.step, max: whole.standing, step: whole.step, value: this.#part ?? whole.standing,
                    oninput: event => { this.#part = Number(event.target.value); this.#offer = null; this.#update(); this.#ask(150); } })) : null,
            element("p", { class: "small muted words" }),
            element("div", { class: "row" },
                element("button", { class: "primary small confirm", type: "button", onclick: () => this.#sell() }),
                element("button", { class: "quiet small", type: "button", onclick: () => this.#open(false) }, "Keep the bet")),
            this.#wish())].filter(Boolean));
        this.#update();
    }
}

customElements.define("gs-cash-out", CashOut);
