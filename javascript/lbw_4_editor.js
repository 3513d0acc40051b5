/* The preset editor: a list of presets, the bars of one of them, and its text; whichever is changed, the others follow. */
(() => {
    "use strict";
    const { bridge, element, mount, Bars, Presets } = window.lbw;
    const t = (...words) => bridge.t(...words);

    class Editor {
        constructor(host) {
            this.host = host;
            this.presets = new Presets({
                changed: () => this.changed(),
                saved: (note) => this.say(note),
                failed: (error) => this.fail(error),
            });
            this.family = null;
            this.line = null; // the line of the preset at hand
            this.start().catch((error) => this.fail(error));
        }

        async start() {
            const [{ families }, { loras }] = await Promise.all([bridge.ask("families"), bridge.ask("loras")]);
            this.build(families, loras);
            await this.model();
            await this.presets.load();
            this.choose(this.fitting(this.presets.lines.find((line) => line.name)?.name ?? "ALL"));
            window.addEventListener("focus", () => this.presets.refresh().catch(() => undefined));
        }

        // ---- the parts

        build(families, loras) {
            const button = (label, act, title = "") => element("button", { type: "button", class: "lbw-button", onclick: act, title }, t(label));
            this.search = element("input", { type: "search", class: "lbw-field", placeholder: t("Search presets"), "aria-label": t("Search presets"), oninput: () => this.list() });
            this.items = element("div", { class: "lbw-items", role: "listbox", "aria-label": t("Presets"), tabindex: "0", onkeydown: (event) => this.walk(event) });
            this.name = element("input", { class: "lbw-field lbw-preset-name", "aria-label": t("Name of the preset"), spellcheck: false, onchange: () => this.rename() });
            this.model_box = this.choice(t("Model"), [
                ...families.map((each) => ["family:" + each.id, each.title]),
                ...loras.map((name) => ["lora:" + name, t("Blocks of {name}", { name })]),
            ], () => this.model().then(() => this.read()));
            this.length_box = this.choice(t("Layout"), [], () => this.relayout());
            this.compare_box = this.choice(t("Compare with"), [], () => this.compare());
            this.text = element("textarea", { class: "lbw-field lbw-text", rows: 3, "aria-label": t("Weights as text"), spellcheck: false, oninput: () => this.typed() });
            this.fault = element("p", { class: "lbw-fault", role: "alert" });
            this.note = element("p", { class: "lbw-note", "aria-live": "polite" });
            this.sizes = element("div", { class: "lbw-sizes" });
            this.bars_host = element("div", {});
            this.role = element("p", { class: "lbw-role" });
            this.all = element("textarea", { class: "lbw-field lbw-all", rows: 14, "aria-label": t("All presets as text"), spellcheck: false, onchange: () => this.presets.write(this.all.value).catch((error) => this.fail(error)) });
            this.faults = element("ul", { class: "lbw-faults" });
            this.undo_button = button("Undo", () => this.presets.undo());
            this.redo_button = button("Redo", () => this.presets.redo());
            this.delete_button = button("Delete", () => this.remove());
            this.imports = element("textarea", { class: "lbw-field", rows: 5, "aria-label": t("Text to import"), placeholder: t("Preset lines, a prompt, the parameters of a picture, a vector of the Inspire Pack, or a merge recipe") });
            this.host.replaceChildren(
                element("aside", { class: "lbw-list" },
                    element("div", { class: "lbw-row" }, this.search, button("New", () => this.add(t("New preset"), "1"))),
                    this.items),
                element("section", { class: "lbw-desk" },
                    element("div", { class: "lbw-row" }, this.name, this.undo_button, this.redo_button, button("Duplicate", () => this.duplicate()), this.delete_button),
                    element("div", { class: "lbw-row" }, this.model_box.label, this.length_box.label, this.compare_box.label),
                    this.bars_host, this.role,
                    this.text, this.fault,
                    element("div", { class: "lbw-row" }, button("Copy for the prompt", () => this.copy(), t("Copies :lbw=NAME for a tag")), button("Copy the numbers", () => this.copy(true)), this.sizes),
                    this.note,
                    element("p", { class: "lbw-help" }, Bars.help()),
                    element("details", {}, element("summary", {}, t("All presets as text")), this.all, this.faults),
                    element("details", {}, element("summary", {}, t("Import")), this.imports,
                        element("div", { class: "lbw-row" }, button("Import", () => this.import()))),
                ));
        }

        choice(label, options, act) {
            const select = element("select", { class: "lbw-field", onchange: act });
            const fill = (pairs) => select.replaceChildren(...pairs.map(([value, shown]) => element("option", { value }, shown)));
            fill(options);
            return { label: element("label", { class: "lbw-choice" }, element("span", {}, label), select), select, fill };
        }

        // ---- the model at hand

        async model() {
            const [kind, name] = this.model_box.select.value.split(/:(.*)/s);
            this.family = await bridge.ask("family", { [kind]: name });
            this.asked = { [kind]: name };
            const length = this.length_box.select.value;
            const lengths = Object.keys(this.family.layouts);
            this.length_box.fill(lengths.map((each) => [each, t("{count} weights", { count: each })]));
            this.length_box.select.value = lengths.includes(length) ? length : String(this.family.length);
            this.bars = new Bars(this.bars_host, this.family.svg, {
                input: (values) => this.dragged(values),
                change: (values) => this.rested(values),
            });
            this.bars_host.addEventListener("pointerover", (event) => this.tell_role(event));
            this.bars_host.addEventListener("focusin", (event) => this.tell_role(event));
        }

        tell_role(event) {
            const block = event.target.closest("[data-block]")?.dataset.block;
            const known = block && this.family.roles[block];
            this.role.textContent = block ? (known ? `${block}: ${known.role} (${known.source})` : block) : "";
        }

        layout() {
            return this.family.layouts[this.length_box.select.value];
        }

        // ---- the list

        changed() {
            if (this.line) this.line = this.presets.lines.find((line) => line.name === this.line.name && line.text === this.line.text) ?? this.presets.find(this.line.name)[0];
            this.list();
            const text = this.presets.text();
            if (document.activeElement !== this.all) this.all.value = text;
            this.faults.replaceChildren(...this.presets.lines.filter((line) => line.fault).map((line) => element("li", {}, line.fault)));
            this.undo_button.disabled = !this.presets.past.length;
            this.redo_button.disabled = !this.presets.future.length;
            const names = this.presets.names();
            const other = this.compare_box.select.value;
            this.compare_box.fill([["", t("nothing")], ...names.map((name) => [name, name])]);
            this.compare_box.select.value = names.includes(other) ? other : "";
            this.show();
        }

        list() {
            const wanted = this.search.value.trim().toLowerCase();
            const fits = (line) => !wanted || line.name?.toLowerCase().includes(wanted);
            const rows = [];
            let heading = null;
            for (const line of this.presets.lines) {
                if (!line.name && line.text.trim().startsWith("#")) heading = line.text.replace(/^[\s#-]+|[\s-]+$/g, "");
                if (!line.name || !fits(line)) continue;
                if (heading) rows.push(element("div", { class: "lbw-heading" }, heading));
                heading = null;
                rows.push(this.item(line, true));
            }
            if (!rows.length && !wanted) rows.push(element("div", { class: "lbw-heading" }, t("You have no presets yet: drag a bar of a shipped one, or press New")));
            rows.push(element("div", { class: "lbw-heading" }, t("Shipped")));
            const own = new Set(this.presets.lines.map((line) => line.name));
            const seen = new Set();
            for (const line of this.presets.shipped) {
                if (own.has(line.name) || seen.has(line.name) || !fits(line)) continue;
                seen.add(line.name);
                rows.push(this.item(line, false));
            }
            this.items.replaceChildren(...rows);
        }

        item(line, own) {
            const chosen = this.line && line.name === this.line.name && (!own || line.text === this.line.text);
            const size = own && line.weights?.includes(",") && !line.weights.includes("@") ? String(line.weights.split(",").length) : "";
            const row = element("div", {
                class: "lbw-item" + (own ? "" : " lbw-shipped") + (line.fault ? " lbw-faulty" : ""),
                role: "option", "aria-selected": chosen ? "true" : "false", title: line.fault ?? line.text, draggable: own,
                onclick: () => this.choose(own ? line : this.fitting(line.name)),
            }, element("span", {}, line.name), element("small", {}, size));
            if (own) this.reorderable(row, line);
            return row;
        }

        reorderable(row, line) {
            row.addEventListener("dragstart", () => { this.carried = line; });
            row.addEventListener("dragover", (event) => { event.preventDefault(); row.classList.add("lbw-over"); });
            row.addEventListener("dragleave", () => row.classList.remove("lbw-over"));
            row.addEventListener("drop", (event) => {
                event.preventDefault();
                if (this.carried && this.carried !== line) this.move(this.carried, this.presets.lines.indexOf(line));
                this.carried = null;
            });
        }

        move(line, place) {
            const from = this.presets.lines.indexOf(line);
            if (from < 0 || place < 0 || place >= this.presets.lines.length) return;
            this.presets.edit((lines) => lines.splice(place, 0, ...lines.splice(from, 1)));
        }

        walk(event) {
            const rows = [...this.items.querySelectorAll(".lbw-item")];
            const at = rows.findIndex((row) => row.getAttribute("aria-selected") === "true");
            const by = { ArrowDown: 1, ArrowUp: -1 }[event.key];
            if (by && event.altKey) this.move(this.line, this.presets.lines.indexOf(this.line) + by);
            else if (by) rows[Math.min(Math.max(at + by, 0), rows.length - 1)]?.click();
            else if (event.key === "Delete") this.remove();
            else return;
            event.preventDefault();
            this.items.querySelector('[aria-selected="true"]')?.scrollIntoView({ block: "nearest" });
        }

        // ---- the preset at hand

        /** Of the lines of one name, the one that the model at hand takes: as many weights as it has blocks, else any. */
        fitting(name) {
            const lines = this.presets.find(name);
            const wanted = [this.family.length, this.family.attention_length].map(String);
            const size = (line) => (line.weights.includes("@") ? "" : String(line.weights.split(",").length));
            return wanted.map((length) => lines.find((line) => size(line) === length)).find(Boolean) ?? lines[0];
        }

        choose(line) {
            if (!line) return;
            this.line = line;
            this.list();
            const size = line.weights?.includes("@") ? 0 : line.weights?.split(",").length;
            if (this.family.layouts[size]) this.length_box.select.value = String(size);
            this.show();
        }

        show() {
            if (!this.line) return;
            if (document.activeElement !== this.name) this.name.value = this.line.name;
            if (document.activeElement !== this.text) this.text.value = this.line.weights ?? "";
            this.delete_button.disabled = !this.own();
            this.sizes.replaceChildren(...this.presets.find(this.line.name).map((line) =>
                element("button", { type: "button", class: "lbw-chip", "aria-pressed": line === this.line ? "true" : "false", onclick: () => this.choose(line) }, line.weights.includes("@") ? t("terms") : String(line.weights.split(",").length))));
            this.read().catch((error) => this.fail(error));
        }

        own() {
            return this.presets.lines.includes(this.line);
        }

        /** Ask what the text means and show it on the bars. */
        async read() {
            const text = this.text.value;
            const question = (this.question = {});
            try {
                const answer = await bridge.ask("weights.read", { ...this.asked, text });
                if (question !== this.question) return; // a later text was asked for meanwhile
                this.rules = answer.rules;
                this.bars.show(answer.values);
                this.fault.textContent = "";
                this.note.textContent = answer.notices.join(" ");
                await this.compare();
            } catch (error) {
                if (question === this.question) this.fault.textContent = error.message;
            }
        }

        async compare() {
            const name = this.compare_box.select.value;
            if (!name) return this.bars.compare(null);
            const { values } = await bridge.ask("weights.read", { ...this.asked, text: name });
            return this.bars.compare(values);
        }

        // ---- changes

        /** While a bar moves, its number goes into the text at once; a text that is no plain vector waits for the end. */
        dragged(values) {
            const layout = this.layout();
            const plain = !this.rules?.length && values.OTHER === 1 && this.family.blocks.every((block) => block === "OTHER" || layout.includes(block) || values[block] === 0);
            if (plain) this.text.value = layout.map((block) => window.lbw.short(values[block] ?? 1)).join(",");
        }

        async rested(values) {
            this.question = {};
            const { text } = await bridge.ask("weights.write", { ...this.asked, values, rules: this.rules ?? [], length: Number(this.length_box.select.value) });
            this.put(text, "bars");
        }

        typed() {
            clearTimeout(this.typing);
            this.typing = setTimeout(() => this.put(this.text.value.replace(/\s*\n\s*/g, ""), "text"), 250);
        }

        /** Give the preset at hand these weights; a shipped one becomes one's own with the first change. */
        put(text, kind) {
            if (!this.line || text === this.line.weights) return this.read();
            const { name } = this.line;
            if (this.own()) {
                const place = this.presets.lines.indexOf(this.line);
                this.line = { ...this.line, text: `${name}:${text}`, weights: text, fault: undefined };
                this.presets.edit((lines) => { lines[place] = this.line; }, kind + place);
            } else {
                const rest = this.presets.shipped.filter((line) => line.name === name && line !== this.line).map((line) => ({ ...line }));
                this.line = { ...this.line, text: `${name}:${text}`, weights: text };
                this.presets.edit((lines) => lines.push(this.line, ...rest), kind);
            }
            return undefined;
        }

        add(name, weights) {
            const free = this.presets.free(name);
            this.line = { name: free, text: `${free}:${weights}`, weights };
            const after = this.presets.lines.length;
            this.presets.edit((lines) => lines.splice(after, 0, this.line));
            this.choose(this.line);
            this.name.focus();
            this.name.select();
        }

        duplicate() {
            const copies = this.presets.find(this.line.name).map((line) => line.weights);
            const free = this.presets.free(this.line.name);
            const lines = copies.map((weights) => ({ name: free, text: `${free}:${weights}`, weights }));
            this.line = lines[0];
            this.presets.edit((all) => all.push(...lines));
        }

        rename() {
            const [old, name] = [this.line.name, this.name.value.trim()];
            if (!name || name === old) return void (this.name.value = old);
            if (this.presets.names().includes(name)) return this.fail({ message: t("There is a preset called {name} already", { name }) });
            if (!this.own()) return this.add(name, this.line.weights);
            const place = this.presets.lines.indexOf(this.line);
            this.line = { ...this.line, name, text: `${name}:${this.line.weights}` };
            this.presets.edit((lines) => lines.forEach((line, at) => {
                if (at === place) lines[at] = this.line;
                else if (line.name === old) lines[at] = { ...line, name, text: `${name}:${line.weights}` };
            }));
            return undefined;
        }

        remove() {
            if (!this.own()) return;
            const { name } = this.line;
            const place = this.presets.lines.indexOf(this.line);
            this.line = this.presets.lines[place + 1]?.name ? this.presets.lines[place + 1] : this.presets.lines.slice(0, place).reverse().find((line) => line.name) ?? this.presets.shipped[0];
            this.presets.edit((lines) => lines.splice(place, 1));
            this.say(t("{name} is deleted; Undo brings it back", { name }));
        }

        /** Take the preset into another layout, as a line of its own beside the one at hand; tell what that loses. */
        async relayout() {
            const length = Number(this.length_box.select.value);
            const there = this.presets.find(this.line.name).find((line) => !line.weights.includes("@") && line.weights.split(",").length === length);
            if (there) return this.choose(there);
            const made = await bridge.ask("weights.convert", { ...this.asked, text: this.text.value, length });
            const lost = made.lost.map(({ block, value }) => `${block} ${window.lbw.short(value)}`).join(", ");
            this.bars.show(made.values);
            this.note.replaceChildren(
                lost ? t("With {count} weights these are lost: {blocks}.", { count: length, blocks: lost }) : t("Nothing is lost with {count} weights.", { count: length }), " ",
                element("button", { type: "button", class: "lbw-button", onclick: () => this.keep(made.text) }, t("Keep as a line of its own")));
            return undefined;
        }

        keep(weights) {
            const { name } = this.line;
            const own = this.own() ? [] : this.presets.find(name).map((line) => ({ ...line }));
            this.line = { name, text: `${name}:${weights}`, weights };
            const place = this.presets.lines.findLastIndex((line) => line.name === name) + 1 || this.presets.lines.length;
            this.presets.edit((lines) => lines.splice(place, 0, ...own, this.line));
        }

        async copy(numbers = false) {
            let text = this.line.name;
            if (numbers) text = (await bridge.ask("weights.read", { ...this.asked, text: this.text.value })).numbers || "1";
            await navigator.clipboard.writeText(":lbw=" + text);
            this.say(t("Copied: {text}", { text: ":lbw=" + text }));
        }

        async import() {
            try {
                const { presets, notes } = await bridge.ask("presets.import", { text: this.imports.value, ...this.asked });
                this.presets.edit((lines) => {
                    for (const { name, weights } of presets) {
                        const free = this.presets.free(name);
                        lines.push({ name: free, text: `${free}:${weights}`, weights });
                    }
                });
                this.say([t("{count} presets imported", { count: presets.length }), ...notes].join(" "));
                this.imports.value = "";
            } catch (error) {
                this.fail(error);
            }
        }

        // ---- telling

        say(note) {
            this.note.textContent = note;
        }

        fail(error) {
            if (error.kind !== "StoreConflict") return void (this.fault ? (this.fault.textContent = error.message) : (this.host.textContent = error.message ?? String(error)));
            const button = (label, mine) => element("button", { type: "button", class: "lbw-button", onclick: () => this.presets.settle(mine, error.theirs) }, t(label));
            this.note.replaceChildren(error.message, " ", button("Keep mine", true), " ", button("Take theirs", false));
            return undefined;
        }
    }

    window.lbw.Editor = Editor;
    mount("presets", (host) => new Editor(host));
})();
