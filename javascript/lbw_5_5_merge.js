/* The merge panel: LoRAs as rows, what is to be done with them, what that would give, and the work itself. */
(() => {
    "use strict";
    const { bridge, button, element, merge_count, merge_operations, merge_told, mount, into_prompt, pause, preset_names, prompt_box, prompt_rows, LoraBars, MergeFields, MergeRow, RecipeBox } = window.lbw;
    const t = (...words) => bridge.t(...words);
    const [SOON, OFTEN] = [250, 300]; // milliseconds: from a change to the pre-flight; between two looks at the work

    class Merge {
        constructor(host) {
            this.host = host;
            this.rows = [];
            this.start().catch((error) => { host.textContent = error.message; });
        }

        async start() {
            this.options = await bridge.ask("merge.options");
            [this.names, this.elements] = [await preset_names(), await preset_names("elements")];
            this.build();
            Merge.panel = this;
            this.load(Merge.kept ?? { operation: "merge", rows: [{}, {}] });
            const state = await bridge.ask("merge.state");
            if (state.running) this.watch(state).catch((error) => this.fail(error));
        }

        /** Called before the panel is built anew: what was filled in stays. */
        close() {
            this.closed = true;
            if (this.fields) Merge.kept = this.values();
            if (Merge.panel === this) Merge.panel = null;
        }

        /** Put a LoRA with its weights into the first row, in the place of the one that is there; now, or when the panel is built. */
        static put(row) {
            const form = Merge.panel?.values() ?? Merge.kept ?? { rows: [] };
            const plain = form.operation && form.operation !== "extract"; // which takes checkpoints
            const others = plain ? form.rows.slice(Merge.panel?.rows[0].name === "" ? 0 : 1) : [];
            const made = { ...form, operation: plain ? form.operation : "merge", rows: [row, ...(others.length ? others : [{}])] };
            if (Merge.panel) Merge.panel.load(made);
            else Merge.kept = made;
        }

        // ---- the parts

        build() {
            const { checkpoints } = this.options;
            const names = Object.keys(merge_operations).filter((name) => checkpoints.length || !["extract", "into-checkpoint"].includes(name));
            this.chips = names.map((name) => element("button", { type: "button", class: "lbw-chip", "data-name": name, onclick: () => this.choose(name) }, t(merge_operations[name][0])));
            this.explained = element("p", { class: "lbw-help" });
            this.table = element("div", { class: "lbw-rows", role: "list" });
            this.adder = button("Add a LoRA", () => { this.add(); this.suit(); this.look(); });
            this.taker = button("Take those of the prompt", () => this.take(), { hidden: !prompt_box() });
            this.presets = element("datalist", { id: "lbw-merge-presets" }, this.names.map((name) => element("option", { value: name })));
            this.fields = new MergeFields(() => this.look(), this.options);
            this.recipes = new RecipeBox((form) => this.load(form), () => this.options.loras);
            this.preflight = element("div", { "aria-live": "polite" });
            this.fault = element("p", { class: "lbw-fault", role: "alert" });
            this.go = button("Start", () => this.work("merge.start"), { class: "lbw-button lbw-primary" });
            this.stopper = button("Stop", () => bridge.ask("merge.stop").catch((error) => this.fail(error)), { hidden: true });
            this.measurer = button("Measure where they act", () => this.work("merge.measure"), { title: t("Reads the files and writes nothing") });
            this.bar = element("progress", { max: 1, value: 0, hidden: true, "aria-label": t("Progress") });
            this.status = element("p", { class: "lbw-note", "aria-live": "polite" });
            this.outcome = element("div", { class: "lbw-outcome" });
            this.host.replaceChildren(
                element("div", { class: "lbw-row lbw-chips", role: "group", "aria-label": t("What to do") }, this.chips), this.explained,
                element("div", { class: "lbw-halves" },
                    element("div", {}, this.table, element("div", { class: "lbw-row" }, this.adder, this.taker), this.presets),
                    element("div", { class: "lbw-aside" }, this.fields.element, this.preflight, this.fault,
                        element("div", { class: "lbw-row" }, this.go, this.stopper, this.measurer), this.bar, this.status)),
                this.outcome, element("div", { class: "lbw-drawers" }, this.recipes.element));
        }

        // ---- the rows

        add(values) {
            const home = {
                names: () => (this.operation === "extract" ? this.options.checkpoints : this.options.loras), elements: () => this.elements,
                look: () => this.look(), drop: (row) => this.drop(row), move: (row, by) => this.move(row, by),
            };
            const row = new MergeRow(home, values);
            this.rows.push(row);
            this.table.append(row.part);
        }

        drop(row) {
            if (this.rows.length <= (merge_count[this.operation] ?? 1)) {
                row.clear();
            } else {
                this.rows = this.rows.filter((each) => each !== row);
                row.part.remove();
            }
            this.suit();
            this.look();
        }

        move(row, by) {
            const at = this.rows.indexOf(row);
            this.rows.splice(at + by, 0, ...this.rows.splice(at, 1));
            this.table.append(...this.rows.map((each) => each.part));
            this.suit();
            (by < 0 ? row.up : row.down).focus();
            this.look();
        }

        choose(name) {
            this.operation = name;
            const count = merge_count[name];
            while (count && this.rows.length > count) this.rows.pop().part.remove();
            while (this.rows.length < (count ?? 1)) this.add();
            for (const row of this.rows) row.rename();
            this.fields.suit(name);
            this.suit();
            this.look();
        }

        /** Show what belongs to the operation. */
        suit() {
            const name = this.operation;
            for (const chip of this.chips) chip.setAttribute("aria-pressed", String(chip.dataset.name === name));
            this.explained.textContent = t(merge_operations[name][1]);
            this.adder.hidden = Boolean(merge_count[name]);
            this.taker.hidden = name === "extract" || !prompt_box();
            this.measurer.hidden = name === "extract" || name === "into-checkpoint";
            this.rows.forEach((row, at) => row.suit(name, at, at === this.rows.length - 1));
        }

        /** Fill in a whole form. */
        load(form) {
            for (const row of this.rows.splice(0)) row.part.remove();
            this.operation = form.operation;
            for (const values of form.rows) this.add(values);
            this.fields.load(form);
            this.choose(form.operation);
            this.table.scrollIntoView({ block: "nearest" });
        }

        /** Take the LoRAs of the prompt, with their weights. */
        async take() {
            try {
                const rows = await prompt_rows();
                this.status.textContent = rows.length ? t("{count} taken from the prompt", { count: rows.length }) : t("The prompt has no LoRA");
                const fits = rows.length <= (merge_count[this.operation] ?? rows.length);
                if (rows.length) this.load({ ...this.values(), operation: fits ? this.operation : "merge", rows });
            } catch (error) {
                this.fail(error);
            }
        }

        // ---- the pre-flight

        values() {
            return { operation: this.operation, ...this.fields.values(), rows: this.rows.map((row) => row.values()).filter((row) => row.name) };
        }

        look() {
            clearTimeout(this.soon);
            this.soon = setTimeout(() => this.plan(), SOON);
        }

        async plan() {
            const question = (this.question = {});
            this.fault.textContent = "";
            const sound = await Promise.all(this.rows.map((row) => row.read()));
            if (question !== this.question) return;
            const asked = this.rows.filter((row, at) => row.values().name && !sound[at]).length;
            const enough = sound.filter(Boolean).length >= (merge_count[this.operation] ?? 1);
            this.ready = false;
            if (asked || !enough || !this.fields.ready) this.preflight.replaceChildren();
            else await this.ask_plan(question);
            this.enable();
        }

        async ask_plan(question) {
            try {
                const told = await bridge.ask("merge.plan", this.values());
                if (question !== this.question) return;
                this.fields.output.box.placeholder = told.output;
                this.preflight.replaceChildren(...merge_told.plan(told));
                this.fault.textContent = told.obstacle ?? "";
                this.ready = !told.obstacle;
            } catch (error) {
                if (question !== this.question) return;
                this.preflight.replaceChildren();
                this.fail(error);
            }
        }

        enable() {
            this.go.disabled = this.measurer.disabled = Boolean(this.busy) || !this.ready;
        }

        // ---- the work

        async work(question) {
            this.outcome.replaceChildren();
            this.fault.textContent = "";
            this.sources = this.values().rows.map((row) => row.name);
            try {
                await this.watch(await bridge.ask(question, this.values()));
            } catch (error) {
                this.fail(error);
            }
        }

        async watch(begun) {
            let state = begun;
            this.occupy(true);
            try {
                while (state.running && !this.closed) {
                    this.bar.value = state.all ? state.done / state.all : 0;
                    this.status.textContent = state.left === null ? t("Reading") : t("{time} left", { time: merge_told.time(state.left) });
                    await pause(OFTEN);
                    state = await bridge.ask("merge.state");
                }
            } finally {
                this.occupy(false);
            }
            if (this.closed) return;
            this.status.textContent = state.stopped ? t("Stopped; nothing was written") : "";
            if (state.error) this.fail(state.error);
            else if (state.result?.energies) this.outcome.replaceChildren(...merge_told.energies(state.result));
            else if (state.result) await this.show(state.result, state.seconds);
            this.outcome.scrollIntoView({ block: "nearest", behavior: "smooth" });
        }

        occupy(busy) {
            this.busy = busy;
            this.bar.hidden = this.stopper.hidden = !busy;
            this.enable();
        }

        async show(result, seconds) {
            const put = () => into_prompt(result.name, this.sources ?? []).then((text) => { this.status.textContent = t("In the prompt: {text}", { text }); }, (error) => this.fail(error));
            const use = result.checkpoint || !prompt_box() ? [] : [button("Use in the prompt", put, { class: "lbw-button lbw-primary" })];
            this.outcome.replaceChildren(...merge_told.outcome(result, seconds, use));
            LoraBars.forget();
            this.options = await bridge.ask("merge.options");
            for (const row of this.rows) row.rename();
            this.recipes.fill();
            if (!this.fields.overwrite?.box.checked) this.fields.output.box.value = ""; // the next result gets a name of its own
            this.look();
        }

        fail(error) {
            this.fault.textContent = error.message ?? String(error);
        }
    }

    window.lbw.Merge = Merge;
    mount("merge", (host) => new Merge(host));
})();
