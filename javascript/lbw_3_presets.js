/* The user's presets as a list of lines with undo: what the editor shows and what is saved, without any drawing. */
(() => {
    "use strict";
    const { bridge } = window.lbw;
    const DEPTH = 200;

    /** The text file of presets. Every change goes through `edit`, which remembers what was before and saves soon. */
    class Presets {
        constructor(told) {
            this.told = told; // { changed(), saved(note), failed(error) }
            this.lines = [];
            this.shipped = [];
            this.base = "";
            this.past = [];
            this.future = [];
        }

        async load() {
            this.take(await bridge.ask("presets.read"));
            this.told.changed();
        }

        take(answer) {
            this.base = answer.text;
            this.lines = answer.lines;
            if (answer.shipped) this.shipped = answer.shipped.filter((line) => line.name);
        }

        text() {
            return this.lines.map((line) => line.text + "\n").join("");
        }

        find(name) {
            const own = this.lines.filter((line) => line.name === name && !line.fault);
            return own.length ? own : this.shipped.filter((line) => line.name === name);
        }

        names() {
            return [...new Set([...this.lines, ...this.shipped].filter((line) => line.name && !line.fault).map((line) => line.name))];
        }

        free(name) {
            const taken = new Set(this.names());
            let free = name;
            for (let number = 2; taken.has(free); number++) free = `${name} ${number}`;
            return free;
        }

        /** Change the lines by `work(lines)`. Changes of the same `kind` at once are one step of undo. */
        edit(work, kind = "") {
            const before = this.lines;
            const lines = before.map((line) => ({ ...line }));
            work(lines);
            const joined = kind && kind === this.kind && Date.now() - this.moment < 1500;
            if (!joined) this.past = [...this.past, before].slice(-DEPTH);
            this.future = [];
            this.kind = kind;
            this.moment = Date.now();
            this.replace(lines);
        }

        undo() {
            if (!this.past.length) return;
            this.future.push(this.lines);
            this.replace(this.past.pop());
        }

        redo() {
            if (!this.future.length) return;
            this.past.push(this.lines);
            this.replace(this.future.pop());
        }

        replace(lines) {
            this.kind = this.past.length ? this.kind : "";
            this.lines = lines;
            this.told.changed();
            clearTimeout(this.soon);
            this.soon = setTimeout(() => this.save(), 500);
        }

        /** Replace the whole text, as typed or imported. */
        async write(text) {
            const { lines } = await bridge.ask("presets.check", { text });
            this.past = [...this.past, this.lines].slice(-DEPTH);
            this.future = [];
            this.replace(lines);
        }

        async save() {
            clearTimeout(this.soon);
            const text = this.text();
            if (text === this.base) return this.told.saved("");
            try {
                const answer = await bridge.ask("presets.save", { text, base: this.base });
                const meanwhile = this.text() !== text;
                this.base = answer.text;
                if (meanwhile) return void (this.soon = setTimeout(() => this.save(), 300));
                this.take(answer);
                if (answer.merged) this.told.changed();
                this.told.saved(answer.merged ? bridge.t("The file was changed elsewhere too; both changes are kept.") : bridge.t("Saved"));
            } catch (error) {
                this.told.failed(error);
            }
        }

        /** After a conflict: keep one's own text over theirs, or take theirs. */
        settle(mine, theirs) {
            this.base = theirs;
            if (mine) return this.save();
            return bridge.ask("presets.check", { text: theirs }).then(({ lines }) => {
                this.past.push(this.lines);
                this.lines = lines;
                this.told.changed();
                this.told.saved(bridge.t("Saved"));
            });
        }

        /** Look whether the file was changed outside, when nothing is waiting to be saved. */
        async refresh() {
            if (this.text() !== this.base) return;
            const answer = await bridge.ask("presets.read");
            if (answer.text === this.base || this.text() !== this.base) return;
            this.take(answer);
            this.told.changed();
            this.told.saved(bridge.t("Read again: the file was changed outside."));
        }
    }

    window.lbw.Presets = Presets;
})();
