// The WebSocket: follows topics, resumes after a drop, sends bets until each is answered.

import { uuid7 } from "/format.js";
import { state } from "/state.js";

const waiting = new Map();
let socket = null;
let lastHeard = 0;
let retry = 500;
let retrying = null;
let skew = 0;
// Whose account the connection was opened with: whoever signs in is nobody on a connection from before.
let whose = null;

export function now() { return Date.now() + skew; }

// By the server's clock: the server never decides an old id twice, so it must know its age.
export function newID() { return uuid7(now()); }

function send(message) {
    if (socket?.readyState !== WebSocket.OPEN) return false;
    socket.send(JSON.stringify(message));
    return true;
}

// One connection at a time: what was there before, or is waited for, gives way.
export function connect() {
    clearTimeout(retrying);
    const before = socket;
    state.link = "connecting";
    state.changed("link");
    whose = state.account?.account ?? null;
    const own = socket = new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/api/v1/stream`);
    own.addEventListener("open", () => {
        if (own !== socket) return;
        retry = 500;
        const topics = state.account ? ["fixtures", "bets", "wallet"] : ["fixtures"];
        send({ op: "subscribe", topics });
        follow([...state.markets.keys()]);
        // Bets and money have no resume: what happened meanwhile is read again, now that news is followed.
        state.changed("opened");
        // What was sent and not answered is asked again: the same id, the same body.
        for (const { message } of waiting.values()) ask(message);
    });
    before?.close();
    own.addEventListener("message", event => { if (own === socket) take(JSON.parse(event.data)); });
    own.addEventListener("close", () => {
        if (own !== socket) return;
        state.link = "offline";
        setStale(true);
        state.changed("link");
        retrying = setTimeout(connect, retry);
        retry = Math.min(retry * 2, 8000);
    });
}

// The account's own connection takes the place of one from before; prices that were heard lately are not old for that.
state.addEventListener("account", () => {
    if (!socket || !state.account || state.account.account === whose) return;
    connect();
});

export function follow(markets) {
    if (!markets.length) return;
    const resume = {};
    for (const id of markets) {
        const market = state.markets.get(id);
        if (market) resume[`market/${id}`] = { epoch: market.epoch, sequence: market.sequence };
    }
    send({ op: "subscribe", topics: markets.map(id => `market/${id}`), resume });
}

export function unfollow(markets) {
    if (markets.length) send({ op: "unsubscribe", topics: markets.map(id => `market/${id}`) });
    for (const id of markets) state.markets.delete(id);
}

// Resolves with the decision. Asks again, with the same id and body, until it has one: the engine alone knows whether
// an intent reached it, and says after the deadline that it did not.
export function place(message) {
    return new Promise(resolve => {
        waiting.set(message.id, { message, resolve });
        ask(message);
    });
}

// A bet that is placed before the account's own connection is there goes out as that opens.
function ask(message) {
    if (state.account && state.account.account === whose) send(message);
}

function answered(id, answer) {
    const entry = waiting.get(id);
    if (!entry) return;
    waiting.delete(id);
    entry.resolve(answer);
}

function setStale(isStale) {
    if (state.isStale === isStale) return;
    state.isStale = isStale;
    document.body.classList.toggle("stale", isStale);
    state.changed("stale");
}

function take(message) {
    lastHeard = performance.now();
    setStale(false);
    if (state.link !== "live") {
        state.link = "live";
        state.changed("link");
    }
    switch (message.type) {
    case "hello":
    case "heartbeat":
        skew = Date.parse(message.time) - Date.now();
        return;
    case "image":
        if (message.topic === "fixtures") return state.takeFixtures(message);
        state.takeImage(message);
        return;
    case "delta":
        if (message.topic === "fixtures") return state.takeFixtures(message);
        if (!state.takeDelta(message)) {
            const id = message.topic.slice(7);
            state.markets.delete(id);
            follow([id]);
        }
        return;
    case "bet": {
        if (message.balances) state.setBalances(message.balances, message.order);
        const bet = state.putBet({ ...message.bet, order: message.order });
        if (bet.clientId) answered(bet.clientId, { bet });
        return;
    }
    case "settled":
        state.setBalances(message.balances, message.order);
        state.putBet({ ...message.bet, order: message.order });
        state.changed("settled", message.bet);
        return;
    case "cashOut":
        state.setBalances(message.balances, message.order);
        state.takeSale(message.cashOut, message.order);
        return;
    case "wallet": return state.setBalances(message.balances, message.order);
    case "error":
        if (message.clientId && !["busy", "going_away", "no_space"].includes(message.code)) answered(message.clientId, { error: message });
        return;
    }
}

setInterval(() => {
    if (performance.now() - lastHeard > 2700) setStale(true);
}, 100);

setInterval(() => {
    if (state.isStale) return;
    for (const entry of waiting.values()) ask(entry.message);
}, 2000);
