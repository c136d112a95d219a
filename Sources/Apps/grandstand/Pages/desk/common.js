// What every part of the desk shares: events, the markets as they are known, and a way to ask for something.
export const desk = new EventTarget();
export const markets = new Map();

export function say(what, detail) { desk.dispatchEvent(new CustomEvent(what, { detail })); }

export async function send(method, path, body = {}, key = null, fields = {}) {
    const headers = { "content-type": "application/json", ...(key ? { "idempotency-key": `"${key}"` } : {}), ...fields };
    const response = await fetch(path, { method, headers, body: JSON.stringify(body) });
    const json = await response.json().catch(() => ({}));
    return { ok: response.ok, status: response.status, text: json.detail ?? json.title ?? "", json };
}

export const post = (path, body = {}, key = null) => send("POST", path, body, key);
