import { element } from "/format.js";
import { dialogAbout, send } from "/common.js";

const covers = [["trixie", "Trixie"], ["patent", "Patent"], ["yankee", "Yankee"], ["lucky_15", "Lucky 15"], ["canadian", "Canadian"], ["lucky_31", "Lucky 31"],
    ["heinz", "Heinz"], ["lucky_63", "Lucky 63"], ["super_heinz", "Super Heinz"], ["goliath", "Goliath"]];
const singles = ["patent", "lucky_15", "lucky_31", "lucky_63"];

// What the house adds to covers and takes of winnings; for bets that are asked for from then on.
export const moveHouse = () => dialogAbout("/api/v1/house-rules", "house", "What the house adds and takes", fill);

function fill(rules, seen, { note, form }) {
    const input = (id, value) => element("input", { id, inputmode: "decimal", size: "6", value: String(value) });
    const commission = input("house-commission", rules.commission / 100);
    const reason = element("input", { id: "house-reason", required: true, maxlength: "60" });
    const rows = covers.map(([cover, name]) => {
        const known = rules.bonuses.find(b => b.cover === cover) ?? { onlyWinner: 100, allWinners: 0 };
        return { cover, name, only: singles.includes(cover) ? input(`only-${cover}`, known.onlyWinner / 100) : null, all: input(`all-${cover}`, known.allWinners / 100) };
    });
    const hundredths = text => text.trim() === "" ? NaN : Math.round(Number(text) * 100);
    form(async () => {
        const taken = hundredths(commission.value);
        if (!(taken >= 0 && taken <= 5000)) return "A commission is 0 to 50 %.";
        const bonuses = [];
        for (const { cover, name, only, all } of rows) {
            const [onlyWinner, allWinners] = [only ? hundredths(only.value) : 100, hundredths(all.value)];
            if (!(onlyWinner >= 100 && onlyWinner <= 400)) return `${name}: an only winner counts 1 to 4 times.`;
            if (!(allWinners >= 0 && allWinners <= 10_000)) return `${name}: 0 to 100 % more where all win.`;
            if (onlyWinner > 100 || allWinners > 0) bonuses.push({ cover, onlyWinner, allWinners });
        }
        const answer = await send("PUT", "/api/v1/house-rules", { commission: taken, bonuses, reason: reason.value }, null, { "if-match": seen });
        return answer.ok ? null : answer.text;
    }, element("div", {}, element("label", { for: "house-commission" }, "Commission on winnings, %"), commission),
    element("div", { class: "scroll", tabindex: "0", role: "group", "aria-label": "Table of covers" }, element("table", {}, element("thead", {}, element("tr", {}, ...["Cover", "Only winner counts, times", "All win, % more"].map(h => element("th", { scope: "col" }, h)))),
        element("tbody", {}, ...rows.map(r => {
            if (r.only) r.only.setAttribute("aria-label", `${r.name}: an only winner counts so often`);
            r.all.setAttribute("aria-label", `${r.name}: so many % more where all win`);
            return element("tr", {}, element("th", { scope: "row" }, r.name), element("td", {}, r.only ?? "–"), element("td", {}, r.all));
        })))),
    element("div", {}, element("label", { for: "house-reason" }, "Reason"), reason), note);
}

// What withdrawals take: one line a step, as "1/9 90" or, with the size of the field and place parts, "8+ 1/9 42 14".
export const moveDeductions = rule => dialogAbout(`/api/v1/deduction-tables/${rule}`, "house",
    rule === "rule_4" ? "Rule 4: off winnings" : "By the brand: off the whole price", (table, seen, parts) => fillDeductions(rule, table, seen, parts));

function fillDeductions(rule, table, seen, { note, form }) {
    const line = s => `${s.runners ? `${s.runners}+ ` : ""}${s.upTo.join("/")} ${s.win / 100}${s.place === s.win ? "" : ` ${s.place / 100}`}`;
    const steps = element("textarea", { id: "deduction-steps", rows: "12", spellcheck: "false" }, table.steps.map(line).join("\n"));
    const waived = element("input", { id: "deduction-waived", inputmode: "decimal", size: "6", value: String(table.waivedAlone / 100) });
    const reason = element("input", { id: "deduction-reason", required: true, maxlength: "60" });
    form(async () => {
        const read = [];
        for (const [index, text] of steps.value.split("\n").map(l => l.trim()).filter(Boolean).entries()) {
            const found = text.match(/^(?:(\d+)\+\s+)?(\d+)\/(\d+)\s+(\d+(?:\.\d+)?)(?:\s+(\d+(?:\.\d+)?))?$/);
            if (!found) return `Line ${index + 1}: a price and what it takes, such as 1/9 90, or 8+ 1/9 42 14.`;
            const [, runners, winnings, stake, win, place] = found;
            const hundredths = value => Math.round(Number(value) * 100);
            read.push({ runners: Number(runners ?? 0), upTo: [Number(winnings), Number(stake)], win: hundredths(win), place: hundredths(place ?? win) });
        }
        const answer = await send("PUT", `/api/v1/deduction-tables/${rule}`,
            { steps: read, waivedAlone: Math.round(Number(waived.value) * 100), reason: reason.value }, null, { "if-match": seen });
        return answer.ok ? null : answer.text;
    }, element("div", {}, element("label", { for: "deduction-steps" }, "Last price up to, and what it takes, pence in the pound; first the size of the field, last place parts, where they differ"), steps),
    element("div", {}, element("label", { for: "deduction-waived" }, "A lone withdrawal that takes no more takes nothing"), waived),
    element("div", {}, element("label", { for: "deduction-reason" }, "Reason"), reason), note);
}
