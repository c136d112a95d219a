// Numbers as people read them. Odds are [return, stake]; money is whole minor units.

// A UUID of version 7: what a request that moves money is called, made before it is sent.
export function uuid7(milliseconds) {
    const bytes = crypto.getRandomValues(new Uint8Array(16));
    let rest = Math.floor(milliseconds);
    for (let place = 5; place >= 0; place--) {
        bytes[place] = rest % 256;
        rest = Math.floor(rest / 256);
    }
    bytes[6] = 0x70 | bytes[6] & 15;
    bytes[8] = 0x80 | bytes[8] & 63;
    const digits = Array.from(bytes, b => b.toString(16).padStart(2, "0")).join("");
    return digits.replace(/(.{8})(.{4})(.{4})(.{4})(.{12})/, "$1-$2-$3-$4-$5");
}

const places = { JPY: 0, KWD: 3, BHD: 3 };

// What amounts are in where nobody says so.
let standard = "EUR";

export function useCurrency(currency) { standard = currency; }

export function money(minor, currency = standard) {
    const digits = places[currency] ?? 2;
    const scale = 10n ** BigInt(digits);
    const value = BigInt(minor);
    const sign = value < 0n ? "−" : "";
    const size = value < 0n ? -value : value;
    const fraction = digits ? "." + String(size % scale).padStart(digits, "0") : "";
    return `${sign}${(size / scale).toLocaleString("en")}${fraction} ${currency}`;
}

// "12.5" to 1250; null for what is no amount.
export function minor(text, currency = standard) {
    const digits = places[currency] ?? 2;
    const match = /^\s*(\d{1,9})(?:[.,](\d*))?\s*$/.exec(text);
    if (!match || (match[2] ?? "").length > digits) return null;
    return Number(match[1]) * 10 ** digits + Number((match[2] ?? "").padEnd(digits, "0") || 0);
}

// 1250 to "12.50", as it is typed.
export function plain(minor, currency = standard) {
    const digits = places[currency] ?? 2;
    return (minor / 10 ** digits).toFixed(digits);
}

export function odds(pair, format = "decimal") {
    if (!pair) return "–";
    const [total, stake] = pair;
    const won = total - stake;
    switch (format) {
    case "fractional": return `${won}/${stake}`;
    case "american":
        return won >= stake ? "+" + Math.round(100 * won / stake) : "−" + Math.round(100 * stake / won);
    case "hong_kong": return decimals(Math.floor(won * 1000 / stake));
    case "malay": return won <= stake ? decimals(Math.floor(won * 1000 / stake)) : "−" + decimals(risked(won, stake));
    case "indonesian": return won >= stake ? decimals(Math.floor(won * 1000 / stake)) : "−" + decimals(risked(won, stake));
    default: return decimals(Math.floor(total * 1000 / stake));
    }
}

// What wins 1, in thousandths.
function risked(won, stake) { return Math.max(1, Math.round(stake * 1000 / won)); }

// Two places, or three where the third says something.
function decimals(thousandths) { return (thousandths / 1000).toFixed(thousandths % 10 ? 3 : 2); }

export function clock(seconds) {
    return seconds == null ? "" : `${Math.floor(seconds / 60)}′`;
}

export function time(text) {
    return new Date(text).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", second: "2-digit" });
}

const table = new Uint32Array(256).map((_, index) => {
    let c = index;
    for (let bit = 0; bit < 8; bit++) c = c & 1 ? 0x82f63b78 ^ (c >>> 1) : c >>> 1;
    return c >>> 0;
});

// CRC-32C of a text, as eight digits: what a market's checksum is made of.
export function checksum(text) {
    let c = 0xffffffff;
    for (const byte of new TextEncoder().encode(text)) c = table[(c ^ byte) & 255] ^ (c >>> 8);
    return ((c ^ 0xffffffff) >>> 0).toString(16).padStart(8, "0");
}

export function element(tag, attributes = {}, ...children) {
    const made = document.createElement(tag);
    for (const [key, value] of Object.entries(attributes)) {
        if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
        else if (key === "class") made.className = value;
        else if (key.startsWith("aria-")) made.setAttribute(key, String(value));
        else if (value === true) made.setAttribute(key, "");
        else if (value !== false && value != null) made.setAttribute(key, value);
    }
    made.append(...children.filter(child => child != null));
    return made;
}
