/* The preset at hand: which line of the text it is, and the changes one makes to it. No drawing. */
(() => {
    "use strict";
    const { bridge, Presets, weights } = window.lbw;
    const t = (...words) => bridge.t(...words);
    const sound = (line) => line.name && line.weights !== undefined;

    class Hand {
        /** `fallback()` is the line to take when there is no other. */
        constructor(presets, fallback) {
            this.presets = presets;
            this.fallback = fallback;
            this.line = null;
        }

        /** True for the user's own line, false for a shipped one. */
        own() {
            return this.presets.lines.includes(this.line);
        }

        /** Where the line stands; -1 for a shipped one. */
        place() {
            return this.presets.lines.indexOf(this.line);
        }

        /** The place of the last line of a name; -1 for none. */
        last_of(name) {
            return this.presets.lines.map((line) => line.name).lastIndexOf(name);
        }

        /** Find the line again among lines that were read anew or brought back. */
        again() {
            if (!this.line || this.own()) return;
            const { name, weights: text } = this.line;
            const alike = this.presets.lines.filter((line) => line.name === name && sound(line));
            const like = (same) => alike.find(same);
            this.line = like((line) => line.weights === text) ?? like((line) => weights.size(line.weights) === weights.size(text))
                ?? alike[0] ?? this.presets.find(name)[0] ?? this.fallback();
        }

        /** Give it these weights; a shipped one becomes one's own with that. */
        put(text, kind) {
            const old = this.line;
            const line = { ...Presets.line(old.name, text), end: old.end };
            const place = this.place();
            this.line = line;
            if (place >= 0) return this.presets.edit((lines) => { lines[place] = line; }, kind && kind + place);
            const all = this.presets.shipped.filter((each) => each.name === old.name);
            return this.presets.edit((lines) => lines.push(...all.map((each) => (each === old ? line : Presets.line(each.name, each.weights)))), kind);
        }

        /** Add lines behind the one at `after`, or at the end, and take `chosen` of them to hand. */
        insert(lines, after, chosen) {
            this.line = chosen;
            this.presets.edit((all) => all.splice(after < 0 ? all.length : after + 1, 0, ...lines));
        }

        /** All lines of the preset under a free name, and the place behind which they belong. */
        copies() {
            const { name } = this.line;
            const free = this.presets.free(name);
            return [this.presets.find(name).map((line) => Presets.line(free, line.weights)), this.last_of(name)];
        }

        /** The shipped lines that become one's own when `line` is put beside them. Throws when its length is there. */
        beside({ name, weights: text }) {
            const lines = this.presets.find(name);
            if (lines.some((line) => weights.size(line.weights) === weights.size(text))) throw { message: t("{name} has a line with as many weights already", { name }) };
            return this.last_of(name) < 0 ? lines.map((each) => Presets.line(name, each.weights)) : [];
        }

        /** Give all lines of the preset another name; of a shipped one, make a copy. Rejects for a name that cannot be. */
        async rename(name) {
            const { name: old } = this.line;
            const { lines: [told] } = await bridge.ask("presets.check", { text: `${name}:1` });
            if (told.fault || told.name !== name) throw { message: told.fault ?? t("{name} cannot be a name", { name }) };
            if (this.presets.names().includes(name)) throw { message: t("There is a preset called {name} already", { name }) };
            const renamed = (line) => ({ ...Presets.line(name, line.weights), end: line.end });
            const mine = (line) => line.name === old && sound(line);
            if (!this.presets.lines.some(mine)) {
                const lines = this.presets.find(old).map(renamed);
                if (!lines.length) return undefined; // deleted meanwhile
                return this.insert(lines, -1, lines.find((line) => line.weights === this.line.weights) ?? lines[0]);
            }
            const place = this.place(); // by now: it may have been edited, or left, while Python was asked
            const all = this.presets.lines.map((line) => (mine(line) ? renamed(line) : line));
            if (place >= 0) this.line = all[place];
            return this.presets.replace(all);
        }

        /** Delete the line and take the next one to hand. */
        remove() {
            const { lines } = this.presets;
            const place = this.place();
            this.line = lines.slice(place + 1).find(sound) ?? lines.slice(0, place).reverse().find(sound) ?? this.fallback();
            this.presets.edit((all) => all.splice(place, 1));
        }

        /** Move any line to a place. */
        move(line, place) {
            const from = this.presets.lines.indexOf(line);
            if (from < 0 || place < 0 || place >= this.presets.lines.length || from === place) return;
            this.presets.edit((lines) => lines.splice(place, 0, ...lines.splice(from, 1)));
        }

        /** Give a group another heading; "" takes the heading away. */
        retitle(line, text) {
            const at = this.presets.lines.indexOf(line);
            if (at >= 0) this.presets.edit((lines) => lines.splice(at, 1, ...(text ? [{ text: `# ${text}`, end: line.end }] : [])));
        }
    }

    window.lbw.Hand = Hand;
})();
