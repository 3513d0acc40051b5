/* What one does to the presets in the editor: every change goes to the text and to the preset at hand. */
(() => {
    "use strict";
    const { EditorParts, Presets, bridge } = window.lbw;
    const t = (...words) => bridge.t(...words);

    class EditorChanges extends EditorParts {
        /** Take weights that were dragged or typed. */
        put(text, kind) {
            if (!this.hand.line || text === this.hand.line.weights) return void this.weighing.read();
            this.converter.clear();
            const was_own = this.hand.own();
            this.hand.put(text, kind);
            if (!was_own) this.list.mark(this.hand.line, true, true);
        }

        /** Add lines, and take the first of them to hand. */
        insert(lines, after, chosen = lines[0]) {
            this.search.value = "";
            this.hand.insert(lines, after, chosen);
            this.choose(chosen);
        }

        add() {
            const ones = this.weighing.family.layouts[this.length_box.select.value].map(() => 1).join(",");
            this.insert([Presets.line(this.presets.free(t("New preset")), ones)], this.hand.place());
            this.name.focus();
            this.name.select();
        }

        async rename() {
            const [old, name] = [this.hand.line.name, this.name.value.trim()];
            this.name.value = old;
            if (!name || name === old) return;
            await this.hand.rename(name);
            this.choose(this.hand.line);
            this.name.value = this.hand.line.name;
            this.say(t("{old} is called {name} now", { old, name }));
        }

        remove() {
            if (!this.hand.own()) return;
            const { name } = this.hand.line;
            this.hand.remove();
            this.choose(this.hand.line);
            this.say(t("{name} is deleted; Undo brings it back", { name }));
        }

        move(line, place) {
            this.hand.move(line, place);
            this.list.mark(this.hand.line, this.hand.own(), true);
        }

        /** Keep converted weights, beside the preset's other lines or under a name of their own, and show them. */
        async keep(name, text, family, length, beside) {
            const line = beside ? Presets.line(name, text) : Presets.line(this.presets.free(name), text);
            const others = beside ? this.hand.beside(line) : [];
            if (family !== this.weighing.family.id) {
                this.weighing.model_box.select.value = "family:" + family;
                await this.weighing.model();
                this.layouts();
            }
            this.insert([...others, line], this.hand.last_of(name), line);
            this.say(t("{name} has {count} weights now", { name: line.name, count: length }));
        }

        travel(way) {
            this.weighing.flush();
            const line = this.presets[way]();
            if (line?.weights !== undefined) this.choose(line);
        }

        /** What a tag has to say for the preset at hand; saved first, so that the name means these weights. */
        async for_prompt() {
            this.weighing.flush();
            await this.presets.save();
            if (this.presets.conflict) throw { message: t("Not saved") };
            if (this.hand.line.fault) throw { message: this.hand.line.fault };
            return this.hand.line.name;
        }

        async copy(numbers = false) {
            const text = ":lbw=" + (numbers ? this.weighing.numbers : await this.for_prompt());
            await window.lbw.copy(text);
            this.say(t("Copied: {text}", { text }));
        }
    }

    window.lbw.EditorChanges = EditorChanges;
})();
