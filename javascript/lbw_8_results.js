/* The results panel: the analyses there are, one of them as blocks, pictures and numbers, and what can be made of it. */
(() => {
    "use strict";
    const { bridge, choice, element, figure, moment_of, mount, root, write, Compare, Effects, History, Lower, Pictures, Rows } = window.lbw;
    const t = (...words) => bridge.t(...words);
    const LOOKS = 3000; // milliseconds between two looks at the list while the pointer comes and goes
    const USUAL = "diff_percent";
    const ROOMS = [[1000, "wide"], [640, "middle"], [0, "narrow"]]; // from so many pixels on

    class Results {
        constructor(host) {
            this.host = host;
            this.fail = this.fail.bind(this);
            this.history = new History({ open: (name) => this.open(name), gone: (name) => this.gone(name), failed: this.fail });
            this.compare = new Compare(this.fail);
            this.rows = new Rows({ choose: (row) => this.choose(row), mark: (row, wanted) => this.lower.mark(row.blocks, wanted) });
            this.lower = new Lower({ marked: () => this.marked() });
            this.build();
            this.listen();
            this.start().catch(this.fail);
        }

        build() {
            this.fault = element("p", { class: "lbw-fault", role: "alert" });
            this.title = element("h3", {});
            this.about = element("p", { class: "lbw-note" });
            this.prompt = element("p", { class: "lbw-help lbw-prompt-of-run" });
            this.notices = element("div", {});
            this.number = choice(t("Coloured by"), [], () => this.colour());
            this.meaning = element("p", { class: "lbw-help" });
            this.map = element("div", {});
            this.left = element("div", { class: "lbw-coloured" }, this.number.label, this.meaning, this.map);
            this.halves = element("div", { class: "lbw-look" }, this.left, this.compare.element);
            this.shown = element("div", { hidden: true }, this.title, this.about, this.prompt, this.notices, this.halves, this.rows.element, this.lower.element);
            this.whole = element("div", { class: "lbw-results" }, this.history.element, element("div", { class: "lbw-one" }, this.fault, this.shown));
            this.host.replaceChildren(this.whole);
        }

        /** Show the newest analysis, or the one that was shown before the page changed its language. */
        async start() {
            await this.history.look();
            const name = [Results.last, this.history.runs.find((run) => !run.fault)?.name].find((each) => this.history.runs.some((run) => run.name === each));
            if (name && !this.run) await this.open(name);
        }

        listen() {
            this.leave = new AbortController();
            const { signal } = this.leave;
            const look = () => {
                if (!this.host.isConnected) return void this.close();
                if (Date.now() - (this.looked ?? 0) < LOOKS) return;
                this.looked = Date.now();
                this.history.look().catch(() => undefined); // the next look tells
            };
            window.addEventListener("focus", look, { signal });
            this.host.addEventListener("pointerenter", look, { signal });
            this.room = new ResizeObserver(() => this.settle());
            this.room.observe(this.host);
            document.addEventListener("lbw-run", (event) => this.told(event.detail), { signal });
        }

        /** Called before the panel is built anew. */
        close() {
            this.leave.abort();
            this.room.disconnect();
            this.pictures?.close();
        }

        /** Lay the parts out for the room there is, whichever page this stands in; the list is open where it has a column. */
        settle() {
            const [, room] = ROOMS.find(([from]) => this.host.clientWidth >= from);
            if (!this.host.clientWidth || room === this.whole.dataset.room) return;
            this.whole.dataset.room = room;
            this.history.element.open = room === "wide";
        }

        /** The home has an analysis to show: one that has just ended. */
        async told(name) {
            if (!name) return;
            await this.history.look().catch(this.fail);
            await this.open(name);
        }

        // ---- one analysis

        async open(name) {
            const question = (this.question = {});
            this.fault.textContent = "";
            try {
                const run = await bridge.ask("results.show", { name });
                if (question === this.question) this.show(run);
            } catch (error) {
                if (question === this.question) this.fail(error);
            }
        }

        show(run) {
            this.pictures?.close();
            this.pictures = new Pictures(run.name, this.fail);
            Results.last = run.name;
            [this.run, this.chosen] = [run, null];
            const listed = this.history.runs.find((each) => each.name === run.name);
            this.title.textContent = listed ? `${run.lora} · ${moment_of(listed)}` : run.lora;
            this.about.replaceChildren(...this.sentences().flatMap((each) => [each, element("br")]));
            this.prompt.textContent = run.prompt;
            this.notices.replaceChildren(...run.notices.map((each) => element("p", { class: "lbw-message lbw-notice" }, each)));
            const before = this.number.select.value;
            this.number.fill(run.numbers.map((each) => [each.name, each.short]));
            this.number.select.value = run.numbers.some((each) => each.name === before) ? before : USUAL;
            this.draw();
            this.shown.hidden = false;
            this.history.mark(run.name);
            this.pass_on(run.name);
        }

        draw() {
            const { run } = this;
            this.left.hidden = !run.svg;
            this.effects = run.svg ? new Effects(run.svg, (block) => this.choose(this.row_of(block))) : null;
            this.map.replaceChildren(...(this.effects ? [this.effects.element] : []));
            this.rows.show(run, this.pictures, this.number.select.value || USUAL);
            this.lower.show(run).catch(this.fail);
            this.colour();
            const [strongest] = this.rows.order();
            this.compare.element.hidden = !strongest;
            if (strongest) this.choose(strongest);
        }

        /** How much there is, and how much of it is to be believed. */
        sentences() {
            const { seeds, drawn, count, rows } = this.run;
            const unfinished = drawn < count ? [element("strong", {}, t("Unfinished: {drawn} of {count} pictures are there.", { drawn, count }))] : [];
            const sure = seeds.length < 2
                ? t("One seed: one picture is one opinion. Analyze with several seeds to see what stays.")
                : t("{count} seeds: numbers are means, below them the lowest and the highest.", { count: seeds.length });
            return [...unfinished, ...(rows.length ? [sure] : [])];
        }

        /** Of the rows that change a block, the one that changes most: a plot has several. */
        row_of(block) {
            const size = (row) => Math.abs(row.numbers[this.number.select.value]?.[0] ?? -1);
            return this.run.rows.filter((row) => row.block === block).reduce((one, other) => (size(other) > size(one) ? other : one));
        }

        colour() {
            const { value } = this.number.select;
            const told = this.run.numbers.find((each) => each.name === value);
            this.meaning.textContent = told?.long ?? "";
            const blocks = new Set(this.run.rows.filter((row) => row.block && row.numbers[value]).map((row) => row.block));
            this.effects?.show(Object.fromEntries([...blocks].map((block) => [block, this.row_of(block).numbers[value][0]])), told?.long ?? "");
        }

        /** Compare the pictures of this row. */
        choose(row) {
            this.chosen = row;
            this.effects?.select(row.block, row.blocks);
            this.compare.show(row, this.pictures, this.numbers_of(row), row.blocks.length && !this.lower.element.hidden ? [this.lowerer(row)] : []);
            this.marked();
        }

        numbers_of(row) {
            const told = this.run.numbers.filter((each) => row.numbers[each.name]).slice(0, 4);
            if (!told.length) return t("Not drawn yet");
            return told.map((each) => `${each.short} ${figure(row.numbers[each.name][0])}`).join(" · ");
        }

        lowerer(row) {
            this.presser = element("button", { type: "button", class: "lbw-button", onclick: () => this.lower.mark(row.blocks, !this.low(row)) });
            return this.presser;
        }

        /** The marks are others now, or another row is chosen. */
        marked() {
            if (!this.run) return;
            const { blocks } = this.lower;
            this.effects?.mark(blocks);
            this.rows.select(this.chosen, blocks);
            if (!this.chosen || !this.presser) return;
            const { label: block } = this.chosen;
            this.presser.textContent = this.low(this.chosen) ? t("Do not lower {block}", { block }) : t("Lower {block}", { block });
        }

        /** Whether all blocks of a row are to be lowered. */
        low(row) {
            return row.blocks.every((block) => this.lower.blocks.has(block));
        }

        /** Where the home shows more of an analysis, tell it which. */
        pass_on(name) {
            const box = root().querySelector("#lbw-run textarea, #lbw-run input");
            if (box && box.value !== name) write(box, name);
        }

        gone(name) {
            if (this.run?.name !== name) return;
            this.shown.hidden = true;
            [this.run, Results.last] = [null, null];
            this.history.mark(null);
            this.pass_on("");
        }

        fail(error) {
            this.fault.textContent = error.message ?? String(error);
        }
    }

    window.lbw.Results = Results;
    mount("results", (host) => new Results(host));
})();
