import { element, odds } from "/format.js";
import { desk, dialogOf, markets, send } from "/common.js";

// Rungs of the ladder, in thousandths: from where on, and how far apart.
const rungs = [[1010, 10], [2000, 20], [3000, 50], [4000, 100], [6000, 200], [10_000, 500], [20_000, 1000], [30_000, 2000], [50_000, 5000], [100_000, 10_000]];

// One rung up or down from a price in thousandths, as it is typed.
function step(price, up) {
    const range = rungs.findLast(([from]) => from <= (up ? price : price - 1)) ?? rungs[0];
    const next = up ? price - (price - range[0]) % range[1] + range[1] : Math.ceil((price - range[0]) / range[1] - 1) * range[1] + range[0];
    return (Math.min(1_000_000, Math.max(1010, next)) / 1000).toFixed(2);
}

// "2.5" to [5000, 2000], null for nothing; undefined for what is no price.
export function typed(text) {
    if (text.trim() === "") return null;
    const match = /^\s*(\d{1,4})(?:[.,](\d{1,3}))?\s*$/.exec(text);
    const thousandths = match ? Number(match[1]) * 1000 + Number((match[2] ?? "").padEnd(3, "0")) : 0;
    return thousandths > 1000 && thousandths <= 1_000_000 ? [thousandths, 1000] : undefined;
}

const percent = parts => `${(parts * 100).toFixed(1)} %`;

// The ladder of a market: what its supplier's reference is, what its feed would offer, what we offer, and what is held.
export async function movePrices(market) {
    const response = await fetch(`/api/v1/markets/${market.id}/pricing`).catch(() => null);
    if (!response?.ok) return;
    const [pricing, seen] = [await response.json(), response.headers.get("etag")];
    const { dialog, note, form } = dialogOf("prices", `${market.fixture}: ${market.name}`);
    const margin = element("input", { id: "prices-margin", inputmode: "decimal", placeholder: (pricing.feedMargin / 100).toFixed(1), value: pricing.margin == null ? "" : String(pricing.margin / 100) });
    const reason = element("input", { id: "prices-reason", required: true, maxlength: "60" });
    const sure = element("input", { id: "prices-sure", type: "checkbox" });
    const meant = element("div", { hidden: true }, element("label", { for: "prices-sure", class: "check" }, sure, "These prices are meant"));
    const rows = pricing.selections.map((s, index) => {
        const held = element("input", { id: `held-${index}`, inputmode: "decimal", size: "7", "aria-label": `Hold ${s.name} at`, value: s.held ? odds(s.held) : "", placeholder: pricing.byHand ? "price" : "as fed",
            onkeydown: event => {
                if (event.key !== "ArrowUp" && event.key !== "ArrowDown") return;
                event.preventDefault();
                const from = typed(held.value) ?? s.held ?? live(index)?.odds ?? s.fed ?? [2000, 1000];
                held.value = step(Math.round(from[0] * 1000 / from[1]), event.key === "ArrowUp");
                held.dispatchEvent(new Event("input"));
            }, oninput: () => sum() });
        return { held, ours: element("td", { class: "n" }), reference: element("td", { class: "n" }), fair: element("td", { class: "n" }) };
    });
    const book = element("b", {});
    const live = index => markets.get(market.id)?.selections[index];
    function show() {
        const now = markets.get(market.id) ?? market;
        const inverses = now.selections.map(s => s.reference ? 1000 / s.reference : 0);
        const total = inverses.reduce((a, b) => a + b, 0);
        now.selections.forEach((s, index) => {
            rows[index].reference.textContent = s.reference ? (s.reference / 1000).toFixed(2) : "–";
            // Where each wins by itself, its own reference is all that says so.
            const chance = pricing.winners ? pricing.winners * inverses[index] / (total || 1) : inverses[index];
            rows[index].fair.textContent = inverses[index] ? percent(Math.min(1, chance)) : "–";
            rows[index].ours.textContent = odds(s.odds) + (s.held ? " held" : "");
        });
        sum();
    }
    function sum() {
        const parts = rows.map((row, index) => typed(row.held.value) ?? live(index)?.odds).map(pair => pair ? pair[1] / pair[0] : 0);
        book.textContent = percent(parts.reduce((a, b) => a + b, 0));
    }
    form(async () => {
        const held = rows.map(row => typed(row.held.value));
        const wrong = held.findIndex(pair => pair === undefined);
        if (wrong >= 0) { rows[wrong].held.focus(); return `${pricing.selections[wrong].name}: a decimal price, such as 2.50; empty as the feed says.`; }
        const put = margin.value.trim() === "" ? null : Math.round(Number(margin.value.replace(",", ".")) * 100);
        if (put != null && !(put >= 0 && put <= 10_000)) return "A margin is 0 to 100 %; empty the feed's.";
        const answer = await send("PUT", `/api/v1/markets/${market.id}/pricing`, { margin: put, held, sure: sure.checked, reason: reason.value }, null, { "if-match": seen });
        if (answer.json.code === "palpable") { meant.hidden = false; sure.focus(); }
        return answer.ok ? null : answer.text;
    }, element("div", { class: "scroll", tabindex: "0", role: "group", "aria-label": "Prices" }, element("table", {},
        element("thead", {}, element("tr", {}, element("th", { scope: "col" }, "Selection"), ...["Reference", "Fair", "Feed's", "Ours", "Hold at"].map(h => element("th", { scope: "col", class: "n" }, h)))),
        element("tbody", {}, ...pricing.selections.map((s, index) => element("tr", {}, element("th", { scope: "row" }, s.name), rows[index].reference, rows[index].fair,
            element("td", { class: "n" }, odds(s.fed)), rows[index].ours, element("td", { class: "n" }, rows[index].held)))))),
    element("p", { class: "small muted" }, pricing.winners ? "The book adds up to " : "Each wins or loses by itself; the prices add up to ", book, ". Arrow up and down move a price by a rung."),
    element("div", {}, element("label", { for: "prices-margin" }, "Margin, % (empty: the feed's)"), margin), meant,
    element("div", {}, element("label", { for: "prices-reason" }, "Reason"), reason), note);
    desk.addEventListener("markets", show);
    dialog.addEventListener("close", () => desk.removeEventListener("markets", show));
    show();
    dialog.classList.add("wide");
    dialog.showModal();
    rows[0]?.held.focus();
}
