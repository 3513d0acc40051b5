/* One row of the merge panel: a LoRA, how much of it, and its block weights as text, as a strip and as bars. */
(() => {
    "use strict";
    const { bridge, choice, element, short, Bars, LoraBars } = window.lbw;
    const t = (...words) => bridge.t(...words);
    const word = (text) => text; // marks a text that is translated where it is shown

    const NUMBERS = { ratio: word("Ratio"), te: word("TE"), unet: word("U-Net") };
    const EXPLAINED = {
        ratio: word("How much of this LoRA goes in; below 0 takes it away"),
        te: word("Times the ratio, for the text encoders"),
        unet: word("Times the ratio, for the U-Net"),
    };

    class MergeRow {
        /**
         * `home`: names() -> the files to choose from, elements() -> names of elemental presets, look() after every
         * change, drop(row), move(row, by). `values`: name, ratio, te, unet, weights, elements.
         */
        constructor(home, values = {}) {
            this.home = home;
            this.wanted = values.name ?? "";
            this.file = choice(t("File"), [], () => { this.wanted = ""; home.look(); });
            this.numbers = Object.fromEntries(Object.keys(NUMBERS).map((name) => [name, this.number(name, values[name] ?? 1)]));
            this.text = element("input", {
                class: "lbw-field lbw-mono", list: "lbw-merge-presets", placeholder: t("all blocks; or a preset, or as after lbw="), spellcheck: false, autocomplete: "off",
                oninput: () => home.look(),
            });
            this.text.value = values.weights ?? "";
            this.weights = element("label", { class: "lbw-choice lbw-weights" }, element("span", {}, t("Block weights")), this.text);
            this.rules = choice(t("Elemental preset"), [], () => home.look());
            this.strip = element("button", { type: "button", class: "lbw-strip", "aria-expanded": "false", title: t("Open the bars"), "aria-label": t("Open the bars"), hidden: true, onclick: () => this.unfold() });
            this.fault = element("p", { class: "lbw-fault", role: "alert" });
            this.notes = element("p", { class: "lbw-help" });
            this.place = element("div", {});
            this.pointed = element("p", { class: "lbw-help", "aria-live": "polite" });
            this.opened = element("div", { class: "lbw-opened", hidden: true }, this.place, element("div", {}, this.rules.label, this.pointed, this.help()));
            this.sign = element("span", { class: "lbw-sign", "aria-hidden": "true" });
            this.bars = new LoraBars(this.place, { text: (text) => this.take(text), point: (block) => this.point(block) });
            this.part = element("div", { class: "lbw-merge-row", role: "listitem" },
                this.sign, this.file.label, Object.values(this.numbers).map((each) => each.label), this.acts(), this.weights, this.strip, this.opened, this.notes, this.fault);
            this.rename();
            this.preset(values.elements ?? "");
        }

        number(name, value) {
            const box = element("input", { type: "number", step: "any", class: "lbw-field", value: short(value), title: t(EXPLAINED[name]), oninput: () => this.home.look() });
            return { box, label: element("label", { class: "lbw-choice" }, element("span", {}, t(NUMBERS[name])), box) };
        }

        help() {
            return element("details", { class: "lbw-ways" }, element("summary", {}, t("How to change bars")), element("ul", {}, Bars.help().map((each) => element("li", {}, each))));
        }

        acts() {
            const act = (label, sign, work) => element("button", { type: "button", class: "lbw-button lbw-small", "aria-label": t(label), title: t(label), onclick: work }, sign);
            this.up = act("Move up", "↑", () => this.home.move(this, -1));
            this.down = act("Move down", "↓", () => this.home.move(this, 1));
            this.remover = act("Remove", "×", () => this.home.drop(this));
            return element("div", { class: "lbw-row-acts" }, this.up, this.down, this.remover);
        }

        /** Fill the list of files anew, and keep the one that is chosen. */
        rename() {
            const { select } = this.file;
            const name = select.value || this.wanted;
            const names = this.home.names();
            this.file.fill([["", t("choose")], ...names.map((each) => [each, each])]);
            select.value = names.includes(name) ? name : "";
        }

        preset(name = this.rules.select.value) {
            const names = this.home.elements();
            this.rules.fill([["", t("none")], ...[...new Set([...names, name])].filter(Boolean).map((each) => [each, each])]);
            this.rules.select.value = name;
        }

        /** Show what belongs to an operation: the sign of a difference, and whether blocks can be weighed. */
        suit(operation, at, last) {
            const plain = operation === "extract";
            const difference = plain || operation === "slider";
            this.sign.textContent = difference ? "+−"[at] ?? "" : "";
            for (const name of ["te", "unet"]) this.numbers[name].label.hidden = plain;
            this.weights.hidden = plain;
            if (plain) this.strip.hidden = this.opened.hidden = true;
            [this.up.disabled, this.down.disabled] = [at === 0, last];
        }

        get name() {
            return this.file.select.value;
        }

        values() {
            const numbers = Object.fromEntries(Object.entries(this.numbers).map(([name, { box }]) => [name, box.value.trim() === "" ? 1 : Number(box.value)]));
            return { name: this.name || this.wanted, ...numbers, weights: this.text.value.trim(), elements: this.rules.select.value };
        }

        clear() {
            this.file.select.value = this.wanted = this.text.value = "";
        }

        /** Read the weights and draw them. Resolves with whether the row can be used. */
        async read() {
            const asked = (this.asked = {});
            this.fault.textContent = this.notes.textContent = "";
            if (!this.name) return this.empty();
            if (this.weights.hidden) return true;
            const [name, text] = [this.name, this.text.value.trim()];
            try {
                const answer = await bridge.ask("weights.read", { lora: name, text, elements: this.rules.select.value });
                if (asked !== this.asked) return false;
                this.shown = [text, answer];
                this.notes.textContent = answer.notices.join(" ");
                this.stripe(answer.values);
                if (!this.opened.hidden) await this.redraw();
                return true;
            } catch (error) {
                if (asked !== this.asked) return false;
                this.fault.textContent = error.message;
                this.strip.hidden = true;
                return false;
            }
        }

        empty() {
            if (this.wanted) this.fault.textContent = t("There is no file called {name} here", { name: this.wanted });
            this.strip.hidden = this.opened.hidden = true;
            return false;
        }

        stripe(values) {
            this.strip.hidden = false;
            this.strip.replaceChildren(...Object.entries(values).map(([block, value]) => {
                const kind = value < 0 ? "low" : value > 1 ? "high" : "mid";
                const bar = element("i", { class: "lbw-cell", title: `${block} ${short(value)}` });
                bar.style.setProperty("--share", `${Math.min(Math.abs(value), 1) * 100}%`);
                bar.style.setProperty("--fill", `var(--lbw-${kind})`);
                return bar;
            }));
        }

        // ---- the bars

        async unfold() {
            this.opened.hidden = !this.opened.hidden;
            this.strip.setAttribute("aria-expanded", String(!this.opened.hidden));
            if (!this.opened.hidden) await this.redraw();
        }

        async redraw() {
            await this.bars.draw(this.name);
            this.bars.show(...this.shown);
        }

        take(text) {
            this.text.value = text;
            this.home.look();
        }

        point(block) {
            const known = this.bars.family.roles[block];
            this.pointed.textContent = block + (known ? `: ${t("{role} (according to: {source})", known)}` : "");
        }
    }

    window.lbw.MergeRow = MergeRow;
})();
