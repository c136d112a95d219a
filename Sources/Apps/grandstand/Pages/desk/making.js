import { element, minor, money, plain, uuid7 } from "/format.js";
import { dialogOf, markets, post, send } from "/common.js";
import { typed } from "/prices.js";

const sports = ["football", "tennis", "cricket", "horse_racing", "basketball", "greyhounds", "other"];
const kinds = [["match_odds", "Match odds"], ["both_teams_to_score", "Both teams to score"], ["set_winner", "Set winner"], ["set_betting", "Set betting"], ["other", "Another"]];
const statuses = ["not_started", "live", "suspended", "ended", "closed", "cancelled", "delayed", "interrupted", "postponed", "abandoned"];
const options = (list, chosen) => list.map(([value, text]) => element("option", { value, selected: value === chosen }, text));
const words = list => list.map(word => [word, word.replace("_", " ")]);
const field = (id, label, input) => element("div", {}, element("label", { for: id }, label), input);
const input = (id, more = {}) => element("input", { id, ...more });

// A market by hand, in the match of another one or in a new match; priced at once, and shut until somebody opens it.
export function newMarket(beside = null) {
    const { dialog, note, form } = dialogOf("making", beside ? `A new market of ${beside.fixture}` : "A new match and its market", "Make");
    // One key each until it is decided: pressing again after a lost answer makes nothing twice.
    const keys = { fixture: uuid7(Date.now()), market: uuid7(Date.now()) };
    const sport = element("select", { id: "make-sport" }, ...options(words(sports), "football"));
    const [competition, home, away] = [input("make-competition", { maxlength: "48" }), input("make-home", { required: true, maxlength: "48" }), input("make-away", { required: true, maxlength: "48" })];
    const start = input("make-start", { required: true, pattern: "\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d(:\\d\\d)?Z", value: new Date(Date.now() + 3_600_000).toISOString().slice(0, 16) + "Z" });
    const kind = element("select", { id: "make-kind" }, ...options(kinds, "match_odds"));
    const name = input("make-name", { required: true, maxlength: "48", value: "Match odds" });
    const lines = element("textarea", { id: "make-lines", required: true, rows: "4", placeholder: "Home 2.10\nDraw 3.40\nAway 3.60" });
    const winners = element("select", { id: "make-winners" }, ...options([["1", "One"], ["0", "Each by itself, such as who scores"], ...[2, 3, 4, 5, 6].map(n => [String(n), String(n)])], "1"));
    const delay = input("make-delay", { inputmode: "decimal", value: "5" });
    const most = input("make-most", { inputmode: "decimal", required: true, value: plain(100_000) });
    const liability = input("make-liability", { inputmode: "decimal", required: true, value: plain(1_000_000) });
    const reason = input("make-reason", { required: true, maxlength: "60" });
    let [made, madeFixture, asked] = [null, null, ["", ""]];
    form(async () => {
        // What is told otherwise is another match, and another market.
        const text = inputs => inputs.map(input => input.value).join("\n");
        const now = [text([sport, competition, home, away, start]), text([kind, name, lines, winners, delay, most, liability])];
        if (asked[0] !== now[0]) { keys.fixture = uuid7(Date.now()); madeFixture = null; }
        if (asked[0] !== now[0] || asked[1] !== now[1]) { keys.market = uuid7(Date.now()); made = null; }
        asked = now;
        const entries = lines.value.split("\n").filter(line => line.trim()).map(line => {
            const match = /^(.*\S)\s+(\S+)\s*$/.exec(line);
            return match && typed(match[2]) ? { name: match[1].trim(), price: typed(match[2]) } : null;
        });
        if (entries.length < 2 || entries.includes(null)) return "Selections: one a line, each with its price, such as: Home 2.10";
        const [maximumStake, liabilityLimit] = [minor(most.value), minor(liability.value)];
        if (maximumStake == null || liabilityLimit == null) return `Amounts, such as ${money(50_000)}.`;
        let fixture = beside?.fixtureId ?? madeFixture;
        if (!fixture) {
            const begins = start.value.length < 20 ? start.value.replace("Z", ":00Z") : start.value;
            const answer = await post("/api/v1/fixtures", { sport: sport.value, competition: competition.value, home: home.value, away: away.value, scheduled: begins, reason: reason.value }, keys.fixture);
            if (!answer.ok) return answer.text;
            fixture = madeFixture = answer.json.fixture;
        }
        if (!made) {
            const answer = await post(`/api/v1/fixtures/${fixture}/markets`, { kind: kind.value, name: name.value, selections: entries.map(e => e.name), winners: Number(winners.value), delay: Math.round(Number(delay.value) * 1000),
                maximumStake, liabilityLimit, reason: reason.value }, keys.market);
            if (!answer.ok) return answer.text;
            made = answer.json.market;
        }
        const priced = await send("PUT", `/api/v1/markets/${made}/pricing`, { held: entries.map(e => e.price), reason: reason.value });
        return priced.ok ? null : priced.text;
    }, ...(beside ? [] : [field("make-sport", "Sport", sport), field("make-competition", "Competition", competition), field("make-home", "Home", home), field("make-away", "Away", away),
        field("make-start", "Begins (UTC)", start)]),
    field("make-kind", "Kind", kind), field("make-name", "Market", name), field("make-lines", "Selections, one a line, with their prices", lines), field("make-winners", "How many of them win", winners), field("make-delay", "Waits in play, s", delay),
    field("make-most", "Highest stake", most), field("make-liability", "Worst loss that bets may make", liability), field("make-reason", "Reason", reason), note);
    dialog.showModal();
}

// How a match stands, where no feed says so.
export function tellMatch(market) {
    const now = markets.get(market.id) ?? market;
    const { dialog, note, form } = dialogOf("match", `How ${market.fixture} stands`, "Tell");
    const status = element("select", { id: "match-status" }, ...options(words(statuses), now.status));
    const inPlay = element("input", { id: "match-in-play", type: "checkbox", checked: now.inPlay });
    const [home, away] = [0, 1].map(side => input(`match-score-${side}`, { type: "number", min: "0", max: "65534", value: now.score ? String(now.score[side]) : "" }));
    const reason = input("match-reason", { required: true, maxlength: "60" });
    form(async () => {
        if ((home.value === "") !== (away.value === "")) return "A score of both sides, or of neither.";
        const score = home.value === "" ? null : [Number(home.value), Number(away.value)];
        const answer = await send("PUT", `/api/v1/fixtures/${market.fixtureId}/state`, { status: status.value, inPlay: inPlay.checked, score, reason: reason.value });
        return answer.ok ? null : answer.text;
    }, field("match-status", "Status", status), element("div", {}, element("label", { for: "match-in-play", class: "check" }, inPlay, "In play")),
    field("match-score-0", "Score of the home side", home), field("match-score-1", "Score of the away side", away), field("match-reason", "Reason", reason), note,
    element("button", { type: "button", onclick: () => { dialog.close(); newMarket(market); } }, "Another market of this match…"));
    dialog.showModal();
}
