/* The settings page of the app: how it behaves, what is loaded, and where things are kept. */
(() => {
    "use strict";
    const { bridge, button, choice, copy, element, mount, root } = window.lbw;
    const t = (...words) => bridge.t(...words);
    const [SHY, OFF] = ["lbw-prompt-popover-shy", "lbw-prompt-popover-off"]; // kept by the browser, each "1" or nothing

    /** When the bars come at a tag of the prompt: "itself", "called" or "never". */
    const comes = {
        get: () => (localStorage.getItem(OFF) === "1" ? "never" : localStorage.getItem(SHY) === "1" ? "called" : "itself"),
        set: (when) => {
            localStorage.setItem(OFF, when === "never" ? "1" : "");
            if (when !== "never") localStorage.setItem(SHY, when === "called" ? "1" : "");
            comes.act();
        },
        /** A WebUI has a setting of its own for this; the app says it in the same place. */
        act: () => { window.opts = { ...window.opts, lbw_prompt_popover: comes.get() !== "never" }; },
    };

    class Settings {
        constructor(host) {
            this.host = host;
            this.start().catch((error) => { host.textContent = error.message; });
        }

        async start() {
            this.told = await bridge.ask("settings.read");
            const { languages, fixed } = this.told;
            const keep = (work) => () => this.keep().then(work).catch((error) => this.say(error.message, "lbw-fault"));
            this.language = choice(t("Language"), [["", t("as the browser asks")], ...languages], keep(() => this.speak()));
            this.bad = choice(t("When a tag in the prompt is wrong"), [["stop", t("draw nothing, and say what is wrong")], ["ignore", t("draw with the plain LoRA, and say so")]], keep());
            this.bars = choice(t("Bars at a tag of the prompt"), [["itself", t("come by themselves")], ["called", t("come with Alt+L")], ["never", t("never come")]], () => { comes.set(this.bars.select.value); this.say(t("Kept")); });
            this.note = element("p", { class: "lbw-note", role: "status" });
            this.language.select.disabled = fixed;
            [this.language.select.value, this.bad.select.value, this.bars.select.value] = [this.told.language, this.told.on_bad_directive, comes.get()];
            this.host.replaceChildren(element("div", { class: "lbw-settings" },
                element("section", {}, element("h3", {}, t("Behaviour")), this.language.label, this.bad.label, this.bars.label, this.note),
                element("section", {}, element("h3", {}, t("What is loaded")), this.facts(this.told.program),
                    button("Copy for a report", () => copy(this.report()).then(() => this.say(t("Copied")))),
                    element("h3", {}, t("Where things are kept")), this.facts(this.told.folders, "lbw-mono"))));
        }

        facts(pairs, kind = "") {
            return element("dl", { class: `lbw-known ${kind}` }, pairs.flatMap(([label, text]) => [element("dt", {}, label), element("dd", {}, text)]));
        }

        report() {
            return [...this.told.program, ...this.told.folders].map(([label, text]) => `${label}: ${text}`).join("\n");
        }

        async keep() {
            await bridge.ask("settings.write", { language: this.language.select.value, on_bad_directive: this.bad.select.value });
            this.say(t("Kept"));
        }

        /** Let this page speak the language at once: by the switch at its top. */
        speak() {
            const wanted = this.language.select.value || (navigator.language.startsWith("ja") ? "ja" : "en");
            root().querySelector(`#lbw-language input[value="${wanted}"]`)?.click();
        }

        say(text, kind = "lbw-said") {
            this.note.className = `lbw-note ${kind}`;
            this.note.textContent = text;
        }
    }

    if (typeof onUiLoaded !== "function") comes.act();
    window.lbw.Settings = Settings;
    mount("settings", (host) => new Settings(host));
})();
