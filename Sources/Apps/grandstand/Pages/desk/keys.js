import { element } from "/format.js";

// Keys that do something wherever the focus is, unless something is typed or a dialog is open.
export const keys = new Map();

const words = [
    ["/", "find a market"], ["n", "new match"], ["b", "filter bets"], ["c", "look at a customer"], ["t", "who did what"], ["Shift S", "suspend everything"], ["?", "this list"],
    ["↑ ↓", "the market above or below, once one has the focus"], ["p", "its prices"], ["l", "its limits"], ["s", "suspend it"], ["o", "open it again"], ["r", "its result"], ["v", "void its bets"], ["w", "what if"], ["m", "its match"],
];

// Whoever speaks to the page, or hits keys by accident, may switch single keys off.
const isOn = () => localStorage.getItem("desk-keys") !== "off";
const isTyping = target => target.closest?.("input, select, textarea, dialog") != null;

document.addEventListener("keydown", event => {
    if (event.repeat || event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target) || document.querySelector("dialog[open]")) return;
    if (event.key !== "?" && !isOn()) return;
    // With caps lock on, a small letter is no Shift.
    if (event.key === "S" && !event.shiftKey) return;
    const act = keys.get(event.key);
    if (!act || document.body.dataset.role == null) return;
    event.preventDefault();
    act();
});

// Up and down walk over the rows of `body`; a letter does what the row's button would.
export function rowKeys(body, acts, find) {
    function focus(row) {
        if (!row) return;
        for (const other of body.querySelectorAll("tr[tabindex='0']")) other.setAttribute("tabindex", "-1");
        row.setAttribute("tabindex", "0");
        row.focus();
    }
    body.addEventListener("keydown", event => {
        const row = event.target.closest("tr");
        if (event.target !== row || event.repeat && !event.key.startsWith("Arrow") || event.ctrlKey || event.metaKey || event.altKey) return;
        if (event.key === "ArrowDown") focus(row.nextElementSibling);
        else if (event.key === "ArrowUp") focus(row.previousElementSibling);
        else {
            const act = isOn() ? acts[event.key] : null;
            const found = act ? find(row.dataset.market) : null;
            if (!found && !isOn()) return;
            if (!found || document.body.dataset.role === "viewer" && event.key !== "w") return;
            act(found);
        }
        event.preventDefault();
    });
}

class Keys extends HTMLElement {
    connectedCallback() {
        keys.set("?", () => this.#show());
        keys.set("c", () => document.querySelector("#customer")?.focus());
        keys.set("t", () => document.querySelector("#trail-operator")?.focus());
        this.append(element("button", { type: "button", class: "quiet small", onclick: () => this.#show() }, "Keys"));
    }

    #show() {
        const on = element("input", { id: "keys-on", type: "checkbox", checked: isOn(), onchange: () => localStorage.setItem("desk-keys", on.checked ? "on" : "off") });
        const dialog = element("dialog", { "aria-labelledby": "keys-title" }, element("h2", { id: "keys-title" }, "Keys"),
            element("dl", { class: "keys" }, ...words.flatMap(([key, text]) => [element("dt", {}, element("kbd", {}, key)), element("dd", {}, text)])),
            element("div", {}, element("label", { for: "keys-on", class: "check" }, on, "Single keys do something")),
            element("div", { class: "row" }, element("button", { type: "button", onclick: () => dialog.close() }, "Close")));
        document.body.append(dialog);
        dialog.addEventListener("close", () => dialog.remove());
        dialog.showModal();
    }
}

customElements.define("desk-keys", Keys);
