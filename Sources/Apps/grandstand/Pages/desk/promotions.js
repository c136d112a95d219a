import { element } from "/format.js";
import { dialogAbout, send } from "/common.js";

// What the house promises customers: one is chosen and said anew, or a new one is said.
export const movePromotions = () => dialogAbout("/api/v1/promotions", "promotion", "What is promised", fill);

// Whether something is given under it now, or when.
export function offered(promotion, at = Date.now()) {
    if (promotion.from && Date.parse(promotion.from) > at) return "later";
    return promotion.until && Date.parse(promotion.until) <= at ? "over" : "now";
}

// As an input of a moment wants it: by the clock of whoever looks, and whole seconds.
function local(moment) {
    if (!moment) return "";
    const at = new Date(moment);
    return new Date(at.getTime() - at.getTimezoneOffset() * 60_000).toISOString().slice(0, 19);
}

function fill({ promotions }, _, { note, form }) {
    const labelled = (text, input) => element("div", {}, element("label", { for: input.id }, text), input);
    const which = element("select", { id: "promotion-which", onchange: () => show() }, element("option", { value: "" }, "a new one"),
        ...promotions.map(p => element("option", { value: p.number }, `${p.number}: ${p.name}, version ${p.version}, ${offered(p)}`)));
    const number = element("input", { id: "promotion-number", required: true, inputmode: "numeric", pattern: "[1-9][0-9]*", size: "8" });
    const name = element("input", { id: "promotion-name", required: true, maxlength: "48" });
    const terms = element("textarea", { id: "promotion-terms", required: true, rows: "6", maxlength: "1024" });
    const from = element("input", { id: "promotion-from", type: "datetime-local", step: "1" });
    const until = element("input", { id: "promotion-until", type: "datetime-local", step: "1" });
    const reason = element("input", { id: "promotion-reason", required: true, maxlength: "60" });
    const known = () => promotions.find(p => String(p.number) === which.value);
    function show() {
        const one = known();
        number.value = one?.number ?? (Math.max(0, ...promotions.map(p => p.number)) + 1);
        number.readOnly = Boolean(one);
        name.value = one?.name ?? "";
        terms.value = one?.terms ?? "";
        from.value = local(one?.from);
        until.value = local(one?.until);
    }
    show();
    form(async () => {
        const moment = input => input.value ? { [input.id.slice(10)]: new Date(input.value).toISOString() } : {};
        const answer = await send("PUT", `/api/v1/promotions/${encodeURIComponent(number.value)}`,
            { name: name.value, terms: terms.value, ...moment(from), ...moment(until), reason: reason.value }, null,
            { "if-match": `"${known()?.version ?? 0}"` });
        return answer.ok ? null : answer.text;
    }, labelled("Which", which), labelled("Its number", number), labelled("Name", name), labelled("Terms, as customers read them", terms),
    labelled("Offered from, by your clock (empty: at once)", from), labelled("Until (empty: no end)", until), labelled("Reason", reason), note);
}
