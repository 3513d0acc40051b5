/* The preset editor: a list of presets, one of them as bars and as text, and all of them as a text. */
(() => {
    "use strict";
    const { EditorChanges, Hand, Presets, bridge, element, mount, weights } = window.lbw;
    const t = (...words) => bridge.t(...words);
    const LOOKS = 3000; // milliseconds between two looks at the file while the pointer comes and goes

    class Editor extends EditorChanges {
        constructor(host) {
            super();
            this.host = host;
            this.fail = this.fail.bind(this);
            this.say = this.say.bind(this);
            const state = (state) => this.state(state);
            this.presets = new Presets({ state, changed: () => this.changed(), failed: (error) => this.fail(error, this.presets) });
            this.elements = new Presets({ state, changed: () => this.element_book.show(), failed: (error) => this.fail(error, this.elements) }, "elements");
            this.hand = new Hand(this.presets, () => this.fitting("ALL"));
            this.note = element("p", { class: "lbw-note lbw-said", "aria-live": "polite" });
            this.start().catch(this.fail);
        }

        async start() {
            const { families } = await bridge.ask("families");
            const { loras } = await bridge.ask("loras");
            this.build(families, loras);
            await this.weighing.model();
            this.layouts();
            await this.presets.load();
            await this.elements.load();
            this.choose(this.presets.lines.find((line) => line.name) ?? this.fitting("ALL"));
            this.prompt.look().catch(this.fail);
            this.listen();
        }

        /** Called before the panel is built anew: nothing may be lost, nothing go on. */
        close() {
            this.weighing?.flush();
            for (const each of [this.presets, this.elements]) {
                each.leave();
                each.save();
            }
            this.gone?.abort();
        }

        listen() {
            this.gone = new AbortController();
            const { signal } = this.gone;
            const look = () => {
                if (!this.host.isConnected) return void this.gone.abort();
                if (Date.now() - (this.looked ?? 0) < LOOKS) return;
                this.looked = Date.now();
                for (const each of [this.presets, this.elements]) each.refresh().catch(() => undefined); // the next look tells
                this.prompt.look().catch(() => undefined);
            };
            window.addEventListener("focus", look, { signal });
            window.addEventListener("pagehide", () => this.close(), { signal });
            this.host.addEventListener("pointerenter", look, { signal });
            this.host.addEventListener("keydown", (event) => this.key(event), { signal });
            // another panel wants to keep a preset: here, so that Undo knows of it
            document.addEventListener("lbw-presets", (event) => { if (this.host.isConnected) event.detail.presets = this.presets; }, { signal });
        }

        key(event) {
            const key = event.key.toLowerCase();
            if (!(event.ctrlKey || event.metaKey) || event.altKey || !["z", "y"].includes(key) || event.target.closest("[data-own-undo], .lbw-type, .lbw-heading")) return;
            event.preventDefault();
            const way = key === "y" || event.shiftKey ? "redo" : "undo";
            if (!event.target.closest("[data-elements]")) return void (this.book.flush(), this.travel(way));
            this.element_book.flush();
            this.elements[way]();
        }

        // ---- the list

        changed() {
            this.hand.again();
            this.fill();
            this.book.show();
            this.undo_button.disabled = !this.presets.past.length;
            this.redo_button.disabled = !this.presets.future.length;
            this.names();
            this.show();
        }

        fill() {
            this.list.fill(this.presets.lines, this.presets.shipped, this.search.value.trim().toLowerCase());
            this.list.mark(this.hand.line, this.hand.own(), false);
        }

        names() {
            const names = this.presets.names();
            if (names.join("\n") === this.named) return;
            this.named = names.join("\n");
            const other = this.compare_box.select.value;
            this.compare_box.fill([["", t("nothing")], ...names.map((name) => [name, name])]);
            this.compare_box.select.value = names.includes(other) ? other : "";
        }

        add_group() {
            const line = { text: `# ${t("New group")}` };
            this.search.value = "";
            this.presets.edit((lines) => lines.splice(this.hand.own() ? lines.indexOf(this.hand.line) : lines.length, 0, line));
            this.list.retitle(line);
        }

        // ---- the preset at hand

        /** Of the lines of one name, the one that the model at hand takes: as many weights as it has blocks, else any. */
        fitting(name) {
            const lines = this.presets.find(name);
            const { length, attention_length: short } = this.weighing.family;
            return [length, short].map((each) => lines.find((line) => weights.size(line.weights) === each)).find(Boolean) ?? lines.find((line) => !weights.size(line.weights)) ?? lines[0];
        }

        choose(line) {
            if (!line) return;
            const before = this.hand.line;
            this.weighing.flush();
            if (line === before) line = this.hand.line; // what was typed has made another line of it
            if (line.weights === undefined) return void this.open_text(line);
            this.hand.line = line;
            this.converter.clear();
            this.list.mark(line, this.hand.own(), true);
            this.show();
        }

        open_text(line) {
            this.book_drawer.open = true;
            this.book.show();
            this.book.go(this.presets.lines.indexOf(line));
        }

        show() {
            if (!this.hand.line) return;
            if (document.activeElement !== this.name) this.name.value = this.hand.line.name;
            this.delete_button.disabled = !this.hand.own();
            const length = weights.size(this.hand.line.weights);
            if (this.weighing.family.layouts[length]) this.length_box.select.value = String(length);
            const lines = this.presets.find(this.hand.line.name);
            this.sizes.hidden = lines.length < 2;
            this.sizes.replaceChildren(element("span", {}, t("Lengths")), ...lines.map((line) => element("button", {
                type: "button", class: "lbw-chip", "aria-pressed": line === this.hand.line ? "true" : "false", onclick: () => this.choose(line),
            }, weights.size(line.weights) ? String(weights.size(line.weights)) : t("terms"))));
            this.weighing.show(this.hand.line.weights, this.hand.line.fault);
            this.compare().catch(this.fail);
        }

        async compare() {
            const line = this.compare_box.select.value && this.fitting(this.compare_box.select.value);
            this.swap.disabled = !line;
            await this.weighing.compare(line ? line.name : "", line ? line.weights : "");
        }

        /** Take the compared preset to hand, and compare with the one that was. */
        exchange() {
            const { name } = this.hand.line;
            this.choose(this.fitting(this.compare_box.select.value));
            this.compare_box.select.value = name;
            this.compare().catch(this.fail);
        }

        layouts() {
            const { layouts, length } = this.weighing.family;
            this.length_box.fill(Object.keys(layouts).map((each) => [each, t("{count} weights", { count: each })]));
            this.length_box.select.value = String(length);
        }

        remodelled() {
            this.layouts();
            this.choose(this.hand.own() && !weights.size(this.hand.line.weights) ? this.hand.line : this.fitting(this.hand.line.name));
        }

        /** Go to the line of the name that has the chosen length, or show what the way there costs. */
        relayout() {
            const length = Number(this.length_box.select.value);
            const there = this.presets.find(this.hand.line.name).find((line) => weights.size(line.weights) === length);
            if (there) return this.choose(there);
            if (weights.size(this.hand.line.weights)) this.converter.open(this.weighing.family.id, length);
            return undefined;
        }

        // ---- telling

        say(note) {
            this.note.className = "lbw-note lbw-said";
            this.note.textContent = note;
        }

        state(state) {
            const told = { waiting: t("Saving…"), saved: t("Saved"), merged: t("Saved"), read: t("Saved") };
            this.saved.textContent = told[state];
            if (state === "merged") this.say(t("The file was changed elsewhere too; both changes are kept."));
            if (state === "read") this.say(t("Read again: the file was changed outside. Undo brings back what stood here."));
            if (state !== "waiting") this.banner.element.hidden = true;
        }

        fail(error, presets = this.presets) {
            if (!this.weighing) return void (this.host.textContent = error.message ?? String(error));
            if (error.kind?.startsWith("Store")) this.saved.textContent = t("Not saved");
            if (error.kind === "StoreConflict") return void this.banner.offer(error, presets);
            this.note.className = "lbw-note lbw-fault";
            this.note.textContent = error.message ?? String(error);
            return undefined;
        }
    }

    window.lbw.Editor = Editor;
    mount("presets", (host) => new Editor(host));
})();
