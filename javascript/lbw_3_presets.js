/* A text of presets as a list of lines with undo: what the editor shows and what is saved, without any drawing. */
(() => {
    "use strict";
    const { bridge, changes } = window.lbw;
    const DEPTH = 200; // steps of undo
    const SOON = 500; // milliseconds from a change to its saving
    const DRAFT = "lbw-draft-"; // where a page leaves what it could not save
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
            this.known = []; // the lines of `base`, as Python told them
            this.base = "";
            this.past = [];
            this.future = [];
        }

        /** Read the text for the first time. */
        async load() {
            this.take(await bridge.ask("presets.read", { kind: this.kind }));
            this.told.changed();
            await this.recover();
        }

        /** Leave what is not saved to the next page of this tab: a page that goes away has no time to ask. */
        leave() {
            if (this.text() !== this.base) sessionStorage.setItem(DRAFT + this.kind, JSON.stringify({ text: this.text(), base: this.base }));
        }

        /** Save what the page before could not. */
        async recover() {
            const draft = JSON.parse(sessionStorage.getItem(DRAFT + this.kind) ?? "null");
            sessionStorage.removeItem(DRAFT + this.kind);
            if (!draft) return;
            try {
                this.take(await bridge.ask("presets.save", { ...draft, kind: this.kind }));
                this.told.state("saved");
            } catch (error) {
                this.lines = reused(this.lines, (await bridge.ask("presets.check", { text: draft.text, kind: this.kind })).lines);
                this.refused(error);
            }
            this.told.changed();
        }

        /** Take what stands in the file by an answer. */
        hold(answer) {
            this.known = answer.lines ?? changes.applied(this.known, answer.change);
            this.base = this.known.map(exact).join("");
            this.stamp = answer.stamp;
            if (answer.shipped) this.shipped = answer.shipped.filter((line) => line.name);
        }

        /** Show what stands in the file by an answer; a line that is as it was stays the same object. True if any is not. */
        take(answer) {
            this.hold(answer);
            const lines = reused(this.lines, this.known);
            const same = lines.length === this.lines.length && lines.every((line, at) => line === this.lines[at]);
            if (!same) this.lines = lines;
            return !same;
        }

        /** The exact lines, each with its end. */
        pieces() {
            if (this.lines === this.written) return this.cut;
            this.written = this.lines;
            const last = this.lines.length - 1;
            const usual = this.lines.find((line) => line.end)?.end ?? "\n";
            this.cut = this.lines.map((line, at) => line.text + (at < last ? line.end || usual : line.end ?? usual));
            this.joined = this.cut.join("");
            return this.cut;
        }

        /** The exact text of the lines. */
        text() {
            this.pieces();
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
            const [before, pieces] = [this.base, this.pieces()];
            const change = changes.between(this.known.map(exact), pieces);
            let answer = await bridge.ask("presets.save", { change, stamp: this.stamp, kind: this.kind });
            if (answer.stale) answer = await bridge.ask("presets.save", { text, base: before, kind: this.kind });
            if (this.text() !== text) return this.go_on(answer, pieces);
            if (this.take(answer)) this.told.changed();
            this.told.state(answer.merged ? "merged" : "saved");
        }

        /** Changed while it was saved. What others changed comes with the next saving, which must not begin behind it. */
        go_on(answer, pieces) {
            this.hold(answer);
            if (answer.merged) [this.base, this.known, this.stamp] = [pieces.join(""), pieces.map((text) => ({ text })), ""];
            this.later(0);
        }

        refused(error) {
            this.conflict = error.kind === "StoreConflict";
            this.told.failed(error);
        }

        /** After a conflict: keep one's own text over theirs, or take theirs; undo brings the other one back. */
        async settle(mine, theirs) {
            const lines = mine ? this.lines : (await bridge.ask("presets.check", { text: theirs, kind: this.kind })).lines;
            this.conflict = false;
            [this.base, this.stamp] = [theirs, ""];
            if (mine) return this.save();
            this.replace(reused(this.lines, lines));
            return this.save();
        }

        /** Look whether the file was changed outside, when nothing is waiting to be saved. */
        async refresh() {
            if (this.saving || this.text() !== this.base) return;
            const answer = await bridge.ask("presets.read", { kind: this.kind, stamp: this.stamp });
            if (answer.same || this.saving || this.text() !== this.base) return;
            const before = this.lines;
            if (!this.take(answer)) return;
            this.past = [...this.past, before].slice(-DEPTH);
            this.told.changed();
            this.told.state("read");
        }
    }

    /** A line as it stands in the file. */
    const exact = (line) => line.text + (line.end ?? "");

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
