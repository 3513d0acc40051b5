/* One line of weights as bars and as text; whichever is changed, the other follows at once. */
(() => {
    "use strict";
    const { About, Bars, bridge, choice, element, weights } = window.lbw;
    const t = (...words) => bridge.t(...words);
    const SOON = 250; // milliseconds from the last letter to the taking of a text
    const UNSEEN = 100; // milliseconds after which a page that paints nothing goes on
    const AROUND = 24; // letters shown on either side of a fault

    /**
     * Bars and text of one vector or one list of terms, for a model that is chosen. `told.put(text, kind)` gets every
     * change, `told.model()` is told when another model or layout is chosen, `told.failed(error)` what goes wrong.
     */
    class Weighing {
        constructor(told, families, loras) {
            this.told = told;
            this.families = new Map();
            this.model_box = choice(t("Model"), [
                ...families.map((each) => ["family:" + each.id, each.title]),
                ...loras.map((name) => ["lora:" + name, t("Blocks of {name}", { name })]),
            ], () => this.model().then(() => told.model(), told.failed));
            this.place = element("div", {});
            this.about = new About();
            this.text = element("textarea", {
                class: "lbw-field lbw-text", rows: 3, spellcheck: false, "aria-label": t("Weights as text"),
                oninput: () => this.typed(), onblur: () => this.flush(), onkeydown: (event) => this.entered(event),
            });
            this.fault = element("p", { class: "lbw-fault", role: "alert" });
            this.notices = element("p", { class: "lbw-note", "aria-live": "polite" });
        }

        /** What a question has to say to be about the model at hand. */
        asked() {
            const [kind, name] = this.model_box.select.value.split(/:(.*)/s);
            return { [kind]: name };
        }

        /** Take the model that is chosen. */
        async model() {
            const asked = this.asked();
            const key = this.model_box.select.value;
            if (!this.families.has(key)) this.families.set(key, await bridge.ask("family", asked));
            const measured = asked.lora ? await bridge.ask("measured", asked) : { folder: null, blocks: {} };
            if (key !== this.model_box.select.value) return; // another one was chosen meanwhile
            this.family = this.families.get(key);
            this.about.measured = measured;
            this.draw(this.family.svg);
        }

        draw(svg) {
            if (this.drawn === svg && this.bars) return;
            this.drawn = svg;
            this.bars = new Bars(this.place, svg, {
                input: (values, changed) => this.dragged(changed),
                change: (values, how) => this.rested(values, how).catch(this.told.failed),
                point: (block) => this.about.point(block, this.family, this.bars),
            }, this.family.blocks);
            this.about.point(null, this.family, this.bars);
        }

        /** Show these weights. `fault`: what is wrong with the whole line. */
        show(text, fault) {
            this.line_fault = fault;
            if (!this.typing && this.text.value !== text) this.text.value = text;
            return this.read();
        }

        /** The weights as they stand in the box. */
        value() {
            return this.text.value.replace(/\s*\n\s*/g, "");
        }

        /** Show what the text means: a plain vector at once, then all that only Python knows of it. */
        async read() {
            const text = this.value();
            const question = (this.question = {});
            const plain = weights.read(text, this.family);
            if (plain) {
                this.display(plain, this.family.svg);
                await painted(); // the question costs the page more than the bars do
                if (question !== this.question) return;
            }
            try {
                const answer = await bridge.ask("weights.read", { ...this.asked(), text });
                if (question !== this.question) return; // another text was asked for, or a bar moved meanwhile
                this.rules = answer.rules;
                this.numbers = answer.numbers || "1";
                this.display(answer.values, answer.svg ?? this.family.svg);
                this.notices.textContent = answer.notices.join(" ");
                this.fault.textContent = this.line_fault ?? "";
            } catch (error) {
                if (question === this.question) this.wrong(error, text);
            }
        }

        display(values, svg) {
            this.draw(svg);
            this.place.classList.remove("lbw-unread");
            this.bars.show(values);
            this.marked();
        }

        /** Mark where other weights stand; "" takes the marks away. */
        async compare(name, text) {
            this.other = name ? { name, values: await this.values_of(text) } : null;
            this.marked();
        }

        marked() {
            if (this.bars.other !== (this.other?.values ?? null)) this.bars.compare(this.other?.values ?? null);
            this.about.compare(this.bars, this.other?.name);
        }

        async values_of(text) {
            return weights.read(text, this.family) ?? (await bridge.ask("weights.read", { ...this.asked(), text })).values;
        }

        wrong(error, text) {
            const letters = Array.from(text);
            const [from, to] = [error.position, error.position + Array.from(error.text ?? "").length];
            const part = (start, end) => letters.slice(Math.max(0, start), end).join("");
            const excerpt = error.text ? element("code", { class: "lbw-excerpt" },
                (from > AROUND ? "…" : "") + part(from - AROUND, from), element("mark", {}, part(from, to) || "␣"), part(to, to + AROUND) + (to + AROUND < letters.length ? "…" : "")) : "";
            this.place.classList.add("lbw-unread"); // the bars are those of an earlier text
            this.fault.replaceChildren(error.message, excerpt);
            this.notices.textContent = "";
        }

        // ---- changes

        /** While a bar moves, its number goes into the text at once; where only Python can write it, when it rests. */
        dragged(changed) {
            this.question = {};
            const text = this.unsure || this.fault.textContent ? null : weights.write(this.value(), changed, this.family);
            if (text === null) this.unsure = true;
            else this.text.value = text;
            this.marked();
        }

        async rested(values, how) {
            let text = this.value();
            if (this.unsure) {
                this.unsure = false;
                const mine = (this.question = {});
                const length = weights.size(text) || this.length();
                ({ text } = await bridge.ask("weights.write", { ...this.asked(), values, rules: this.rules ?? [], length }));
                if (mine !== this.question) return; // something else is at hand by now
            }
            this.told.put(text, how === "drag" ? "" : "bars"); // every drag is a step of undo, nudges in a row are one
        }

        /** The length a vector is written in. */
        length() {
            return this.family.length;
        }

        typed() {
            clearTimeout(this.typing);
            this.typing = setTimeout(() => this.flush(), SOON);
            const plain = weights.read(this.value(), this.family);
            if (plain) this.display(plain, this.family.svg);
        }

        entered(event) {
            if (event.key !== "Enter") return;
            event.preventDefault();
            this.flush();
        }

        /** Take at once what is typed, and what was dragged. */
        flush() {
            this.bars?.settle();
            if (!this.typing) return;
            clearTimeout(this.typing);
            this.typing = null;
            this.told.put(this.value(), "text");
        }
    }

    /** Resolves when the page has been painted; where nobody looks at it, a little later. */
    const painted = () => new Promise((done) => {
        requestAnimationFrame(() => setTimeout(done));
        setTimeout(done, UNSEEN);
    });

    window.lbw.Weighing = Weighing;
})();
