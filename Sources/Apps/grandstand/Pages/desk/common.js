import { element } from "/format.js";

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

// A dialog with one form: `form(act, ...children)` fills it; `act` answers with what is wrong, or null when it is done.
export function dialogOf(name, title, verb = "Set") {
    const note = element("div", { role: "alert" });
    const dialog = element("dialog", { "aria-labelledby": `${name}-title` });
    const button = element("button", { class: "primary", type: "submit" }, verb);
    function form(act, ...children) {
        dialog.append(element("form", { onsubmit: async event => {
            event.preventDefault();
            button.disabled = true;
            const wrong = await act().catch(() => "No answer came. Try again.");
            button.disabled = false;
            if (wrong == null) return dialog.close();
            note.replaceChildren(element("p", { class: "message small" }, wrong));
        } }, element("h2", { id: `${name}-title` }, title), ...children,
        element("div", { class: "row" }, element("button", { type: "button", onclick: () => dialog.close() }, "Cancel"), button)));
    }
    document.body.append(dialog);
    dialog.addEventListener("close", () => dialog.remove());
    return { dialog, note, form };
}

// A dialog about what there is at `path` now: `fill` gets it with what If-Match says when it is sent back.
export async function dialogAbout(path, name, title, fill) {
    const response = await fetch(path, { cache: "no-store" }).catch(() => null);
    const known = response?.ok ? await response.json().catch(() => null) : null;
    const parts = dialogOf(name, title, known ? "Set" : "Try again");
    if (known) {
        fill(known, response.headers.get("etag"), parts);
    } else {
        parts.form(async () => { dialogAbout(path, name, title, fill); return null; }, parts.note);
        parts.note.append(element("p", { class: "message small" }, "What there is now could not be read."));
    }
    parts.dialog.showModal();
}

// What the first of two people asks for: `inputs` are shown, `body` says what is sent to `path`.
export function proposal(title, path, inputs = [], body = () => ({})) {
    const { dialog, note, form } = dialogOf("propose", title, "Propose");
    const reason = element("input", { id: "reason", required: true, maxlength: "60" });
    const evidence = element("input", { id: "evidence", maxlength: "32", placeholder: "a case, a message, a page" });
    form(async () => {
        const answer = await post(path, { ...body(), reason: reason.value, ...(evidence.value ? { evidence: evidence.value } : {}) });
        return answer.ok ? null : answer.text;
    }, ...inputs, element("div", {}, element("label", { for: "reason" }, "Reason"), reason),
    element("div", {}, element("label", { for: "evidence" }, "Where it is written"), evidence), note);
    dialog.showModal();
}
