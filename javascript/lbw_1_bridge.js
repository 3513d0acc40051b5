/* The way from a panel in the page to Python and back, through three hidden components of gradio, so that whatever
   guards the page guards the questions too. The files of this folder are loaded in the order of their names. */
(() => {
    "use strict";

    const root = () => (typeof gradioApp === "function" ? gradioApp() : document);

    class Bridge {
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
            await pause(0);
            const button = root().querySelector("#lbw-send");
            (button.matches("button") ? button : button.querySelector("button")).click();
            return Promise.race([answer, pause(60000).then(() => this.give_up(id))]);
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
            this.waiting.delete(id);
            throw { message: this.t("no answer; is the program still running?"), kind: "Silence" };
        }

        /** Take a language, and build the panels, or build them anew. The home calls this when it knows the language. */
        async speak(language) {
            const again = this.language !== language;
            this.language = language;
            if (again) this.words = (await this.ask("words")).words;
            this.spoken();
            if (again) for (const host of root().querySelectorAll("[data-lbw-built]")) build(host);
        }

        /** The sentence in the page's language; `{name}` takes the field of that name. */
        t(template, fields = {}) {
            const sentence = this.words[template] ?? template;
            return sentence.replace(/\{(\w+)\}/g, (whole, name) => fields[name] ?? whole);
        }
    }

    const pause = (milliseconds) => new Promise((done) => setTimeout(done, milliseconds));

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

    /** Call `builder(host)` for every element with data-lbw=`name`, now and when gradio puts one in later. */
    function mount(name, builder) {
        builders[name] = builder;
        if (watching) return;
        watching = true;
        const look = () => {
            for (const host of root().querySelectorAll("[data-lbw]:not([data-lbw-built])")) {
                if (!builders[host.dataset.lbw]) continue;
                host.setAttribute("data-lbw-built", "");
                window.lbw.bridge.ready.then(() => build(host));
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
    let watching = false;
    const build = (host) => builders[host.dataset.lbw](host);

    const short = (value) => String(Math.round(value * 1000) / 1000).replace(/^-0$/, "0");

    window.lbw = { bridge: new Bridge(), root, write, element, mount, short, pause };
})();
