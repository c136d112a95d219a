import { element, minor, money, plain } from "/format.js";
import { dialogAbout, post, send } from "/common.js";

const amounts = [
    ["maximumStake", "Highest stake"], ["liabilityLimit", "Worst loss that bets may make"],
    ["suspendAt", "Shut by itself from a worst loss of (0: never)"], ["floor", "Winnings of a single taken from anybody (0: none)"],
];

// What a market takes, moved by a trader; and its whole match shut or opened.
export const moveLimits = market =>
    dialogAbout(`/api/v1/markets/${market.id}/limits`, "limits", `${market.fixture}: ${market.name}`, (...parts) => fill(market, ...parts));

function fill(market, limits, seen, { dialog, note, form }) {
    const inputs = Object.fromEntries(amounts.map(([key]) => [key, element("input", { id: `limit-${key}`, inputmode: "decimal", value: plain(limits[key]) })]));
    const move = element("input", { id: "limit-mostMove", inputmode: "decimal", value: String(limits.mostMove / 100) });
    const reason = element("input", { id: "limit-reason", required: true, maxlength: "60" });
    const whole = path => async () => {
        const answer = await post(`/api/v1/fixtures/${market.fixtureId}/${path}`, { reason: reason.value }).catch(() => ({ text: "No answer came. Try again." }));
        if (answer.ok) dialog.close(); else note.replaceChildren(element("p", { class: "message small" }, answer.text));
    };
    form(async () => {
        const body = { reason: reason.value };
        for (const [key, name] of amounts) {
            if (inputs[key].value === plain(limits[key])) continue;
            const units = minor(inputs[key].value);
            if (units == null) return `${name}: an amount, such as ${money(50_000)}.`;
            if (units !== limits[key]) body[key] = units;
        }
        const moved = move.value.trim() === "" ? NaN : Math.round(Number(move.value) * 100);
        if (!(moved >= 0 && moved <= 10_000)) return "A chance moves by 0 to 100 %.";
        if (moved !== limits.mostMove) body.mostMove = moved;
        const answer = await send("PUT", `/api/v1/markets/${market.id}/limits`, body, null, { "if-match": seen });
        return answer.ok ? null : answer.text;
    }, ...amounts.map(([key, name]) => element("div", {}, element("label", { for: `limit-${key}` }, name), inputs[key])),
    element("div", {}, element("label", { for: "limit-mostMove" }, "Shut by itself when a chance moves at once by more than, % (0: never)"), move),
    element("div", {}, element("label", { for: "limit-reason" }, "Reason"), reason), note,
    element("div", { class: "row" }, element("button", { type: "button", onclick: whole("suspend") }, "Suspend the match"),
        element("button", { type: "button", onclick: whole("resume") }, "Resume the match")));
}
