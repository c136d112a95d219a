import { state } from "/state.js";
import { element, minor, money } from "/format.js";
import { newID, now } from "/link.js";

// What an open bet could be sold back for at this moment, and selling it, whole or in part, now or by itself.
//
// Its parts are made once and changed in place: whoever is choosing keeps the keyboard and the slider.
class CashOut extends HTMLElement {
    bet = null;
    // What the server says of all of it, and of the part that is chosen; null while it is asked.
    #whole = null;
    #offer = null;
    #part = null;
    #rule = null;
    #isOpen = false;
    // The key of the sale that has no answer yet, and when that is due.
    #key = null;
    #dueAt = null;
    #timer = null;
    #wasBusy = false;
    #note = element("p", { class: "small message", role: "status", tabindex: "-1", hidden: true });
    #due = element("p", { class: "small number due", role: "status", tabindex: "-1", hidden: true });
    #why = element("p", { class: "small muted", hidden: true });
    #offerButton = element("button", { class: "small offer", type: "button", hidden: true, onclick: () => this.#open(true) });
    #ruleWords = element("span", {});
    #ruled = element("p", { class: "small muted row", hidden: true }, this.#ruleWords,
        element("button", { class: "quiet small", type: "button", onclick: () => this.#setRule(null) }, "Take back"));
    #slider = element("input", { type: "range", oninput: event => this.#choose(Number(event.target.value)) });
    #sliderLabel = element("label", { class: "small" }, "How much of the stake", this.#slider);
    #words = element("p", { class: "small muted words" });
    #confirm = element("button", { class: "primary small confirm", type: "button", onclick: () => this.#sell() });
    #wish = element("input", { inputmode: "decimal", size: 9 });
    #chooser = element("div", { class: "selling", hidden: true }, this.#sliderLabel, this.#words,
        element("div", { class: "row" }, this.#confirm,
            element("button", { class: "quiet small", type: "button", onclick: () => this.#open(false) }, "Keep the bet")),
        element("form", { class: "row small", onsubmit: event => {
            event.preventDefault();
            const amount = minor(this.#wish.value, state.currency);
            if (amount > 0) this.#setRule(amount);
        } }, element("label", {}, "Sell all by itself once worth ", this.#wish), element("button", { class: "quiet small", type: "submit" }, "Set")));

    connectedCallback() {
        if (!this.firstChild) this.append(this.#note, this.#due, this.#ruled, this.#offerButton, this.#chooser, this.#why);
        this.#update();
    }

    // Somebody is choosing or waiting: its place on the page stays.
    get isBusy() { return this.#isOpen || this.#key != null; }

    // A new look at all of it; the part that somebody is looking at is asked for anew.
    take(answer) {
        // Another window sold a part: what was chosen of the old stake is no choice any more.
        if (this.#whole && answer.standing !== this.#whole.standing) this.#part = null;
        this.#whole = answer;
        this.#rule = answer.rule;
        if (answer.refusal?.code === "cash_out_pending" && this.#key == null) this.#wait(answer.dueAt);
        if (!answer.value && !this.#key) this.#isOpen = false;
        if (this.#isOpen) this.#ask(0);
        this.#update();
    }

    // What became of a sale of this bet.
    hear(sold) {
        if (sold.status === "pending") return this.#wait(sold.dueAt);
        this.#key = null;
        this.#dueAt = null;
        if (sold.status === "cashed_out") {
            this.#say(`Sold ${this.#money(sold.stake)} of your stake for ${this.#money(sold.payout)}.`);
            this.#isOpen = false;
            // What it was worth before is not what the rest is worth.
            this.#whole = null;
            this.#part = null;
        } else {
            const offered = sold.refusal.code === "cash_out_changed" ? ` It is worth ${this.#money(sold.refusal.value)} now.` : "";
            this.#say(sold.refusal.text + offered, "bad");
            if (this.#isOpen) this.#ask(0);
        }
        this.#update();
    }

    // Four times a second while one waits.
    tick() {
        if (!this.#dueAt) return;
        const left = this.#dueAt - now();
        this.#due.textContent = left > 0 ? `Sold in ${(left / 1000).toFixed(1)} s unless something happens` : "Being decided…";
        // One of another window: nobody here asks for its answer.
        if (left < -3000 && this.#key === "elsewhere") this.hear({ status: "refused", refusal: { text: "Look at the bet again." } });
    }

    #wait(dueAt) {
        this.#key ??= "elsewhere";
        this.#dueAt = dueAt ? Date.parse(dueAt) : now();
        this.#update();
        this.tick();
    }

    #money(amount) { return money(amount, state.currency); }

    #say(text, kind = "") {
        this.#note.textContent = text;
        this.#note.className = `small message ${kind}`;
        this.#note.hidden = false;
    }

    get #isWhole() { return this.#part == null || this.#part >= this.#whole.standing; }

    #choose(part) {
        this.#part = part;
        this.#offer = null;
        this.#update();
        this.#ask(150);
    }

    #ask(wait) {
        clearTimeout(this.#timer);
        this.#timer = setTimeout(async () => {
            if (!this.#whole || this.#isWhole) {
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
        if (!offer?.value || this.#key) return;
        const key = this.#key = newID();
        const until = now() + 15000;
        const body = JSON.stringify({
            value: offer.value, offer: offer.offer, validUntil: new Date(until).toISOString(),
            ...(this.#isWhole ? {} : { stake: offer.stake }),
        });
        this.#note.hidden = true;
        this.#due.textContent = "Selling…";
        this.#update();
        this.#due.focus();
        // The same key and body until it is decided: it is sold once, however often it is asked, whoever else hears of it.
        while (this.#key === key && now() < Math.max(until, this.#dueAt ?? 0) + 30000) {
            let pause = 700;
            try {
                const response = await fetch(`/api/v1/bets/${this.bet}/cash-out`, {
                    method: "POST", body, headers: { "Content-Type": "application/json", "Idempotency-Key": `"${key}"` },
                });
                if (![409, 429, 503].includes(response.status)) {
                    const answer = await response.json();
                    if (this.#key !== key) return;
                    if (!answer.cashOut) return this.#fail(answer.title ?? "That did not work.");
                    this.hear(answer.cashOut);
                    pause = this.#dueAt ? Math.max(700, this.#dueAt - now() + 1000) : 0;
                }
            } catch { /* No line: ask again. */ }
            if (this.#key === key) await new Promise(resolve => setTimeout(resolve, pause));
        }
        if (this.#key === key) this.#fail("There was no answer. Look at the bet again before you sell it.");
        this.#note.focus();
    }

    #fail(text) {
        this.#key = null;
        this.#dueAt = null;
        this.#say(text, "bad");
        this.#update();
    }

    // Sold by itself as soon as it is worth so much; null: not any more.
    async #setRule(atLeast) {
        const response = await fetch(`/api/v1/bets/${this.bet}/cash-out-rule`, atLeast == null ? { method: "DELETE" } : {
            method: "PUT", body: JSON.stringify({ atLeast }), headers: { "Content-Type": "application/json" },
        }).catch(() => null);
        const answer = await response?.json().catch(() => null);
        if (response?.ok) {
            this.#rule = answer.rule;
            this.#isOpen = false;
            this.#say(answer.rule ? `It is sold by itself once it is worth ${this.#money(answer.rule)}.` : "It is not sold by itself any more.");
        } else {
            this.#say(answer?.title ?? "That did not work.", "bad");
        }
        this.#update();
        this.#note.focus();
    }

    #open(isOpen) {
        this.#isOpen = isOpen;
        this.#note.hidden = true;
        this.#part = null;
        this.#offer = this.#whole;
        this.#wish.value = "";
        this.#update();
        (isOpen ? this.#sliderLabel.hidden ? this.#confirm : this.#slider : this.#offerButton).focus();
    }

    #update() {
        // What was kept from being made anew may be now.
        if (this.#wasBusy && !this.isBusy) queueMicrotask(() => this.dispatchEvent(new Event("calm", { bubbles: true })));
        this.#wasBusy = this.isBusy;
        const whole = this.#whole;
        const isSelling = this.#key != null;
        this.#due.hidden = !isSelling;
        this.#ruled.hidden = isSelling || !this.#rule;
        if (this.#rule) this.#ruleWords.textContent = `Sells itself at ${this.#money(this.#rule)}`;
        this.#offerButton.hidden = isSelling || this.#isOpen || !whole?.value;
        if (whole?.value) this.#offerButton.textContent = `Cash out ${this.#money(whole.value)}`;
        const refusal = isSelling || whole?.value ? null : whole?.refusal;
        this.#why.hidden = !refusal || refusal.code === "bet_not_open";
        this.#why.textContent = this.#why.hidden ? "" : `No cash-out: ${refusal.text}`;
        this.#chooser.hidden = isSelling || !this.#isOpen || !whole?.value;
        if (!this.#chooser.hidden) this.#fill();
    }

    #fill() {
        const whole = this.#whole;
        const offer = this.#offer;
        this.#sliderLabel.hidden = whole.standing <= whole.step;
        Object.assign(this.#slider, { min: whole.step, max: whole.standing, step: whole.step });
        if (this.#part == null) this.#slider.value = whole.standing;
        this.#wish.placeholder = this.#money(Math.ceil(whole.value * 1.1));
        this.#confirm.disabled = !offer?.value;
        this.#confirm.textContent = offer?.value ? `Sell for ${this.#money(offer.value)}` : "Not at the moment";
        const part = this.#part ?? whole.standing;
        const words = [`${this.#money(part)} of ${this.#money(whole.standing)} stake`];
        if (!this.#isWhole) words.push(`${this.#money(whole.standing - part)} stands on`);
        // The one rounding, for whoever wants to see it.
        if (offer?.value) words.push(`worth ${this.#exact(offer.fair)}, less ${offer.margin / 100} % ${this.#exact(offer.exact)}, cut`);
        if (offer?.delay) words.push(`takes ${offer.delay / 1000} s in play`);
        if (offer?.refusal) words.push(offer.refusal.text);
        this.#words.textContent = words.join(" · ");
    }

    // Minor units with decimals, such as "1234.567890", as money with as many more places.
    #exact(text) {
        const [units, rest = ""] = text.split(".");
        const [amount, currency] = this.#money(Number(units)).split(" ");
        const more = rest.replace(/0+$/, "").slice(0, 4);
        return more ? `${amount}${amount.includes(".") ? "" : "."}${more} ${currency}` : `${amount} ${currency}`;
    }
}

customElements.define("gs-cash-out", CashOut);
