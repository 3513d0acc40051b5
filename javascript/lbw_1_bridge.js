/* The way from a panel in the page to Python and back, through three hidden components of gradio, so that whatever
   guards the page guards the questions too. The files of this folder are loaded in the order of their names. */
(() => {
    "use strict";

    const PATIENCE = 60000; // milliseconds to wait for an answer
    const root = () => (typeof gradioApp === "function" ? gradioApp() : document);

    class Bridge {
        /** One for a page. `ready` is resolved when the page's language is known. */
        constructor() {
            this.language = "en";
            this.words = {};
            this.waiting = new Map();
            this.line = Promise.resolve();
            this.number = 0;
            this.ready = new Promise((resolve) => { this.spoken = resolve; });
        }

        /** Ask Python. Resolves with the answer's result; rejects with its error: {message, kind, position, ...}. */
        ask(method, values = {}) {
            const asked = this.line.then(() => this.send(method, values));
            this.line = asked.catch(() => undefined);
            return asked;
        }

        async send(method, values) {
            const box = await found("#lbw-ask textarea, #lbw-ask input");
            const id = ++this.number;
            const answer = new Promise((resolve, reject) => this.waiting.set(id, { resolve, reject }));
            write(box, JSON.stringify({ id, method, values, language: this.language }));
            await pause(0); // gradio reads the box in its own time
            const button = root().querySelector("#lbw-send");
            (button.matches("button") ? button : button.querySelector("button")).click();
            const patience = setTimeout(() => this.give_up(id), PATIENCE);
            return answer.finally(() => clearTimeout(patience));
        }

        /** Called by gradio with every answer. */
        heard(text) {
            if (!text) return;
            const answer = JSON.parse(text);
            const asked = this.waiting.get(answer.id);
            this.waiting.delete(answer.id);
            if (!asked) return;
            if (answer.error) asked.reject(answer.error);
            else asked.resolve(answer.result);
        }

        give_up(id) {
            this.waiting.get(id)?.reject({ message: this.t("no answer; is the program still running?"), kind: "Silence" });
            this.waiting.delete(id);
        }

        /** Take a language, and build the panels, or build them anew. The home calls this when it knows the language. */
        async speak(language) {
            const again = this.language !== language;
            this.language = language;
            if (again) this.words = (await this.ask("words")).words;
            this.spoken();
            if (!again) return;
            for (const host of root().querySelectorAll("[data-lbw-built]")) if (built.has(host)) build(host); // the others wait for `ready`
        }

        /** The sentence in the page's language; `{name}` takes the field of that name, `{count:one|many}` a number and its word. */
        t(template, fields = {}) {
            const sentence = this.words[template] ?? template;
            const word = (value, one, many) => (one === undefined ? value : `${value} ${String(value) === "1" ? one : many}`);
            return sentence.replace(/\{(\w+)(?::([^|{}]*)\|([^{}]*))?\}/g, (whole, name, one, many) => (fields[name] === undefined || fields[name] === null ? whole : word(fields[name], one, many)));
        }
    }

    const pause = (milliseconds) => new Promise((done) => setTimeout(done, milliseconds));

    /** The settings of the WebUI, {} where there is none. Forge Neo declares them with `let`: they are no property of its window. */
    const settings = () => (typeof opts === "undefined" ? undefined : opts) ?? {};

    async function found(selector) {
        for (let tries = 0; tries < 200; tries++) {
            const element = root().querySelector(selector);
            if (element) return element;
            await pause(50);
        }
        throw { message: "the page has no " + selector, kind: "Silence" };
    }

    /** Put text into a box of gradio so that gradio notices. */
    function write(box, text) {
        const kind = box.tagName === "TEXTAREA" ? HTMLTextAreaElement : HTMLInputElement;
        Object.getOwnPropertyDescriptor(kind.prototype, "value").set.call(box, text);
        box.dispatchEvent(new Event("input", { bubbles: true }));
    }

    /** Put text on the clipboard, also on pages that a browser does not trust with it (http from another machine). */
    async function copy(text) {
        if (navigator.clipboard) return navigator.clipboard.writeText(text);
        const box = element("textarea", { style: "position:fixed;opacity:0" });
        box.value = text;
        document.body.append(box);
        box.select();
        document.execCommand("copy");
        box.remove();
        return undefined;
    }

    /** An element with attributes, handlers ("onclick") and children; text is always text, never markup. */
    function element(tag, attributes = {}, ...children) {
        const made = document.createElement(tag);
        for (const [name, value] of Object.entries(attributes)) {
            if (value === undefined || value === null || value === false) continue;
            if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
            else if (name in made && typeof value !== "string") made[name] = value;
            else made.setAttribute(name, value === true ? "" : value);
        }
        made.append(...children.flat().filter((child) => child !== null && child !== undefined));
        return made;
    }

    /** A button that says `label` in the page's language. */
    function button(label, act, attributes = {}) {
        return element("button", { type: "button", class: "lbw-button", onclick: act, ...attributes }, window.lbw.bridge.t(label));
    }

    /** A list to choose from, with its label over it: {label, select, fill(pairs of value and shown text)}. */
    function choice(label, pairs, act) {
        const select = element("select", { class: "lbw-field", onchange: act });
        const fill = (options) => select.replaceChildren(...options.map(([value, shown]) => element("option", { value }, shown)));
        fill(pairs);
        return { label: element("label", { class: "lbw-choice" }, element("span", {}, label), select), select, fill };
    }

    /** A part that is folded until it is opened; `opened` is called then. */
    function drawer(label, opened, ...children) {
        const ontoggle = (event) => event.target.open && opened?.();
        return element("details", { class: "lbw-drawer", ontoggle }, element("summary", {}, label), element("div", { class: "lbw-drawn" }, ...children));
    }

    /**
     * Call `builder(host)` for every element with data-lbw=`name` when it is first seen: a panel in a tab that nobody opens
     * asks nothing, and what the page does ask waits for no panel. What `builder` returns may have `close()`, which is
     * called before the panel is built anew.
     */
    function mount(name, builder) {
        builders[name] = builder;
        if (watching) return;
        watching = true;
        const look = () => {
            for (const host of root().querySelectorAll("[data-lbw]:not([data-lbw-built])")) {
                if (!builders[host.dataset.lbw]) continue;
                host.setAttribute("data-lbw-built", "");
                host.closest(".prose")?.classList.remove("prose"); // gradio's rules for text would move our buttons
                window.lbw.bridge.ready.then(() => seen(host)).then(() => build(host));
            }
        };
        const start = () => {
            new MutationObserver(look).observe(root() === document ? document.body : root(), { childList: true, subtree: true });
            look();
        };
        if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", start);
        else setTimeout(start);
    }

    const builders = {};
    const built = new WeakMap();
    let watching = false;

    /** Resolves when an element has a place on the page; in a tab that is not open it has none. */
    function seen(host) {
        return new Promise((resolve) => {
            const observer = new ResizeObserver(() => {
                if (!host.offsetParent) return;
                observer.disconnect();
                resolve();
            });
            observer.observe(host);
        });
    }

    function build(host) {
        built.get(host)?.close?.();
        built.set(host, builders[host.dataset.lbw](host));
    }

    /** A number as a person writes it: at most three decimals, no minus zero. */
    const short = (value) => String(Math.round(value * 1000) / 1000).replace(/^-0$/, "0");

    window.lbw = { bridge: new Bridge(), root, write, copy, element, button, choice, drawer, mount, short, pause, settings };
})();
