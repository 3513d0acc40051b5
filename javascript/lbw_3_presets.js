/* A text of presets as a list of lines with undo: what the editor shows and what is saved, without any drawing. */
(() => {
    "use strict";
    const { bridge } = window.lbw;
    const DEPTH = 200; // steps of undo
    const SOON = 500; // milliseconds from a change to its saving
    const JOINED = 900; // changes of one kind within this time are one step of undo

    /**
     * The user's text of one kind, "presets" or "elements". A line is {text, end, name, weights, fault} and is never
     * changed, only replaced. Every change goes through `edit`, which remembers what was before and saves soon.
     */
    class Presets {
        /** `told`: changed() with every change of the lines, state("waiting" | "saved" | "merged" | "read"), failed(error). */
        constructor(told, kind = "presets") {
            this.told = told;
            this.kind = kind;
            this.lines = [];
            this.shipped = [];
            this.base = "";
            this.past = [];
            this.future = [];
        }

        /** Read the text for the first time. */
        async load() {
            this.take(await bridge.ask("presets.read", { kind: this.kind }));
            this.told.changed();
        }

        /** Take the lines of an answer; a line that is as it was stays the same object. */
        take(answer) {
            this.base = answer.text;
            this.lines = reused(this.lines, answer.lines);
            if (answer.shipped) this.shipped = answer.shipped.filter((line) => line.name);
        }

        /** The exact text of the lines. */
        text() {
            if (this.lines !== this.written) {
                this.written = this.lines;
                const last = this.lines.length - 1;
                const usual = this.lines.find((line) => line.end)?.end ?? "\n";
                this.joined = this.lines.map((line, at) => line.text + (at < last ? line.end || usual : line.end ?? usual)).join("");
            }
            return this.joined;
        }

        /** The lines of a name that can be used: the user's, else the shipped ones. */
        find(name) {
            const own = this.lines.filter((line) => line.name === name && !line.fault);
            return own.length ? own : this.shipped.filter((line) => line.name === name);
        }

        /** All names that can be used, each once. */
        names() {
            return [...new Set([...this.lines, ...this.shipped].filter((line) => line.name && !line.fault).map((line) => line.name))];
        }

        /** The name, or with a number behind it when it is taken. */
        free(name) {
            const taken = new Set(this.names());
            let free = name;
            for (let number = 2; taken.has(free); number++) free = `${name} ${number}`;
            return free;
        }

        /** A line for a name and its weights. */
        static line(name, weights) {
            return { name, weights, text: `${name}:${weights}` };
        }

        /** Change the lines by `work(lines)`. Changes of the same `kind` at once are one step of undo. */
        edit(work, kind = "") {
            const lines = [...this.lines];
            work(lines);
            this.replace(lines, kind);
        }

        replace(lines, kind = "") {
            const joined = kind && kind === this.last && Date.now() - this.moment < JOINED && this.past.length;
            if (!joined) this.past = [...this.past, this.lines].slice(-DEPTH);
            this.future = [];
            this.last = kind;
            this.moment = Date.now();
            this.show(lines);
        }

        /** Take the last change back; returns the line where something changed, if there is one. */
        undo() {
            return this.travel(this.past, this.future);
        }

        redo() {
            return this.travel(this.future, this.past);
        }

        travel(from, to) {
            if (!from.length) return null;
            const before = this.lines;
            to.push(before);
            this.last = "";
            const lines = from.pop();
            this.show(lines);
            const at = lines.findIndex((line, place) => line.text !== before[place]?.text);
            return this.lines[at] ?? null;
        }

        show(lines) {
            this.lines = lines;
            this.told.changed();
            this.told.state("waiting");
            this.later(SOON);
        }

        later(milliseconds) {
            clearTimeout(this.soon);
            this.soon = setTimeout(() => this.save(), milliseconds);
        }

        /** Replace the whole text, as typed or restored. Resolves when its lines are checked. */
        async write(text, kind = "") {
            const asked = (this.asked = {});
            const { lines } = await bridge.ask("presets.check", { text, kind: this.kind });
            if (asked !== this.asked || text === this.text()) return; // a later text was given meanwhile, or nothing new
            this.replace(reused(this.lines, lines), kind);
        }

        /** Save now what is not saved yet. One saving at a time, for each begins from the text of the one before. */
        async save() {
            clearTimeout(this.soon);
            if (this.conflict) return;
            if (this.saving) return void (await this.saving, await this.save());
            if (this.text() === this.base) return void this.told.state("saved");
            this.saving = this.send(this.text()).catch((error) => this.refused(error));
            await this.saving;
            this.saving = null;
        }

        async send(text) {
            const answer = await bridge.ask("presets.save", { text, base: this.base, kind: this.kind });
            if (this.text() !== text) {
                // Changed meanwhile. What others changed comes with the next saving, which must not begin behind it.
                this.base = answer.merged ? text : answer.text;
                return void this.later(0);
            }
            this.take(answer);
            this.told.changed();
            this.told.state(answer.merged ? "merged" : "saved");
        }

        refused(error) {
            this.conflict = error.kind === "StoreConflict";
            this.told.failed(error);
        }

        /** After a conflict: keep one's own text over theirs, or take theirs; undo brings the other one back. */
        async settle(mine, theirs) {
            const lines = mine ? this.lines : (await bridge.ask("presets.check", { text: theirs, kind: this.kind })).lines;
            this.conflict = false;
            this.base = theirs;
            if (mine) return this.save();
            this.replace(reused(this.lines, lines));
            return this.save();
        }

        /** Look whether the file was changed outside, when nothing is waiting to be saved. */
        async refresh() {
            if (this.saving || this.text() !== this.base) return;
            const answer = await bridge.ask("presets.read", { kind: this.kind });
            if (answer.text === this.base || this.text() !== this.base) return;
            this.take(answer);
            this.told.changed();
            this.told.state("read");
        }
    }

    /** `fresh` lines, with the objects of `old` where nothing is different, so that a line keeps who it is. */
    function reused(old, fresh) {
        const same = (one, other) => one && one.text === other.text && (one.end ?? other.end) === other.end && one.fault === other.fault && one.name === other.name;
        const known = new Map(old.map((line) => [line.text, line]));
        const used = new Set();
        return fresh.map((line, at) => {
            const found = [old[at], known.get(line.text)].find((each) => same(each, line) && !used.has(each)) ?? line;
            used.add(found);
            return found;
        });
    }

    window.lbw.Presets = Presets;
})();
