/* From what was found to weights: blocks are marked, a slider says how far down they go, and the text is put to use. */
(() => {
    "use strict";
    const { bridge, button, element, prompt_box, short, write, Presets } = window.lbw;
    const t = (...words) => bridge.t(...words);
    const MANY = 4; // blocks, from more than which on a name counts them
    const SOON = 90; // milliseconds the slider rests before the text is written anew

    /** The presets of the editor on this page, so that its Undo knows of the change; else some of our own. */
    async function presets_of_the_page(failed) {
        const wish = { presets: null };
        document.dispatchEvent(new CustomEvent("lbw-presets", { detail: wish }));
        if (wish.presets) return wish.presets;
        const own = new Presets({ changed: () => undefined, state: () => undefined, failed });
        await own.load();
        return own;
    }

    class Lower {
        /** `told`: marked() after every change of the marks. */
        constructor(told) {
            this.told = told;
            this.fail = this.fail.bind(this);
            this.blocks = new Set();
            this.chips = element("div", { class: "lbw-row lbw-chips" });
            this.hint = element("p", { class: "lbw-help" }, t("Tick blocks in the list, or press Lower below the pictures."));
            this.slider = element("input", { type: "range", min: "0", max: "1", step: "0.05", value: "0.5", oninput: () => this.moved() });
            this.shown = element("b", {}); // no <output>: the label would name that, and not the slider
            this.weight = element("label", { class: "lbw-choice lbw-weight" }, element("span", {}, t("Weight of the marked blocks"), " ", this.shown), this.slider);
            this.text = element("code", { class: "lbw-recipe" });
            this.name = element("input", { class: "lbw-field", autocomplete: "off", spellcheck: false, "aria-label": t("Name of the preset"), placeholder: t("Name of the preset") });
            const act = (label, work, attributes) => button(label, () => work().catch(this.fail), attributes);
            this.saver = act("Save as a preset", () => this.save());
            this.user = act("Use in the prompt", () => this.use(), { class: "lbw-button lbw-primary", hidden: !prompt_box() });
            this.sender = act("Send to merge", () => this.send());
            this.note = element("p", { class: "lbw-note", "aria-live": "polite" });
            this.made = element("div", {}, this.weight, this.text, element("div", { class: "lbw-row" }, this.name, this.saver, this.user, this.sender));
            this.element = element("section", { class: "lbw-lower" }, element("h4", {}, t("Make a preset from this")), this.chips, this.hint, this.made, this.note);
        }

        /** Begin with the weights that the LoRA had in the analysis. */
        async show(run) {
            this.run = run;
            this.blocks = new Set();
            this.model = run.known ? { lora: run.lora } : { family: run.family };
            this.element.hidden = !run.family || !run.rows.some((row) => row.blocks.length);
            this.sender.hidden = !run.known;
            this.note.replaceChildren();
            this.name.value = "";
            this.start = null;
            this.marked();
            if (this.element.hidden) return;
            const start = await bridge.ask("weights.read", { ...this.model, text: run.weights, elements: run.elements });
            if (run === this.run) this.start = start;
        }

        /** Mark blocks, or take the marks away. */
        mark(blocks, wanted) {
            for (const block of blocks) {
                if (wanted) this.blocks.add(block);
                else this.blocks.delete(block);
            }
            this.marked();
        }

        marked() {
            const names = [...this.blocks];
            this.chips.replaceChildren(...names.map((name) => element("button", {
                type: "button", class: "lbw-chip", "aria-label": t("Do not lower {block}", { block: name }), onclick: () => this.mark([name], false),
            }, name, " ×")));
            this.hint.hidden = names.length > 0;
            this.made.hidden = !names.length;
            this.told.marked();
            this.moved();
        }

        moved() {
            this.shown.textContent = short(Number(this.slider.value));
            clearTimeout(this.soon);
            this.soon = setTimeout(() => this.write().catch(this.fail), SOON);
        }

        async write() {
            if (!this.blocks.size || !this.start) return;
            this.text.textContent = `lbw=${await this.weights()}`;
        }

        /** The text of the weights as they are marked now. */
        async weights() {
            const values = { ...this.start.values };
            for (const block of this.blocks) {
                delete values[block]; // what is told last counts, for a block and the group it is of
                values[block] = Number(this.slider.value);
            }
            return (await bridge.ask("weights.write", { ...this.model, values, rules: this.start.rules })).text;
        }

        /** Keep the weights as a preset, at the end of the user's own. */
        async save() {
            const presets = await presets_of_the_page(this.fail);
            const name = this.name.value.trim() || presets.free(this.usual_name());
            const { lines: [told] } = await bridge.ask("presets.check", { text: `${name}:1` });
            if (told.fault || told.name !== name) throw { message: told.fault ?? t("{name} cannot be a name", { name }) };
            if (presets.names().includes(name)) throw { message: t("There is a preset called {name} already", { name }) };
            const line = Presets.line(name, await this.weights());
            presets.edit((lines) => lines.push(line));
            await presets.save();
            if (presets.conflict) return;
            const undo = button("Undo", () => this.take_back(presets, name).catch(this.fail));
            this.say(t("Saved as {name}", { name }), undo);
        }

        /** A name that tells what was lowered; many blocks are counted. */
        usual_name() {
            const many = this.blocks.size > MANY;
            const blocks = many ? t("{count} blocks", { count: this.blocks.size }) : [...this.blocks].join(" ");
            return t("{lora} {blocks} lowered", { lora: this.run.lora, blocks }).replaceAll(":", " ");
        }

        async take_back(presets, name) {
            presets.edit((lines) => lines.splice(0, lines.length, ...lines.filter((line) => line.name !== name)));
            await presets.save();
            if (!presets.conflict) this.say(t("{name} is not kept", { name }));
        }

        /** Write the weights into the tag of the LoRA; without one, add a tag. */
        async use() {
            const box = prompt_box();
            const { tags } = await bridge.ask("prompt.read", { prompt: box.value });
            const tag = tags.findIndex((each) => each.name === this.run.lora);
            const target = tag < 0 ? { lora: this.run.lora } : { tag };
            const made = await bridge.ask("prompt.write", { prompt: box.value, weights: await this.weights(), ...target });
            write(box, made.prompt);
            this.say(t("In the prompt: {text}", { text: made.text }));
        }

        async send() {
            window.lbw.Merge.put({ name: this.run.lora, weights: await this.weights() });
            this.say(t("{lora} stands in the first row of the merge panel", { lora: this.run.lora }));
        }

        say(...told) {
            this.note.className = "lbw-note lbw-said";
            this.note.replaceChildren(...told.flatMap((each) => [each, " "]));
        }

        fail(error) {
            this.note.className = "lbw-note lbw-fault";
            this.note.textContent = error.message ?? String(error);
        }
    }

    window.lbw.Lower = Lower;
})();
