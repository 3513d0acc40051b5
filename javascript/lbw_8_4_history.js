/* The analyses there are, by LoRA, the newest first; deleted ones can be brought back. */
(() => {
    "use strict";
    const { bridge, drawer, element } = window.lbw;
    const t = (...words) => bridge.t(...words);

    /** A moment as people here write it. */
    const moment_of = (run) => new Date(run.moment).toLocaleString(bridge.language, { dateStyle: "medium", timeStyle: "short" });

    class History {
        /** `told`: open(name), gone(name) when one was deleted, failed(error). */
        constructor(told) {
            this.told = told;
            this.runs = [];
            this.list = element("div", { class: "lbw-runs" });
            this.count = element("span", {});
            this.note = element("p", { class: "lbw-note", "aria-live": "polite" });
            this.bin = element("ul", { class: "lbw-backups" });
            this.bin_drawer = drawer(t("Deleted analyses"), null, this.bin);
            this.element = element("details", { class: "lbw-drawer lbw-history" }, element("summary", {}, t("Analyses"), " ", this.count),
                element("div", { class: "lbw-drawn" }, this.list, this.note, this.bin_drawer));
        }

        /** Read the list anew; it is drawn only when something is different. */
        async look() {
            const told = await bridge.ask("results.list");
            const seen = JSON.stringify(told);
            if (seen === this.seen) return;
            this.seen = seen;
            [this.runs, this.deleted] = [told.runs, told.bin];
            this.draw();
        }

        draw() {
            this.count.textContent = this.runs.length ? `(${this.runs.length})` : "";
            const groups = new Map();
            for (const run of this.runs) groups.set(run.lora, [...(groups.get(run.lora) ?? []), run]);
            this.list.replaceChildren(...[...groups].map(([lora, runs]) => element("section", {},
                element("h4", {}, lora || t("Cannot be read")), element("ul", {}, runs.map((run) => this.item(run))))));
            if (!this.runs.length) this.list.replaceChildren(element("p", { class: "lbw-help" }, t("No analyses yet. What an analysis finds is kept here, to look at again.")));
            this.bin_drawer.hidden = !this.deleted.length;
            this.bin.replaceChildren(...this.deleted.map((name) => element("li", {},
                element("button", { type: "button", class: "lbw-button", onclick: () => this.restore(name) }, t("Bring back")), name)));
            this.mark(this.open);
        }

        item(run) {
            const about = run.fault ? [element("small", { class: "lbw-bad" }, run.fault)] : this.about(run);
            const opener = element("button", { type: "button", class: "lbw-run", title: run.prompt, onclick: () => this.told.open(run.name) }, element("b", {}, moment_of(run)), about);
            opener.dataset.name = run.name;
            const label = t("Delete the analysis of {moment}", { moment: moment_of(run) });
            return element("li", {}, opener, element("button", { type: "button", class: "lbw-remove", "aria-label": label, title: label, onclick: () => this.remove(run) }, "×"));
        }

        about(run) {
            const size = run.kind === "blocks" ? t("{count} blocks", { count: run.blocks }) : t("X/Y/Z plot");
            const parts = [size, run.seeds > 1 ? t("{count} seeds", { count: run.seeds }) : null, run.drawn < run.count ? t("{drawn} of {count} pictures", run) : null];
            return [element("small", {}, parts.filter(Boolean).join(" · ")), element("small", { class: "lbw-prompt-of-run" }, run.prompt)];
        }

        /** Show which one is open. */
        mark(name) {
            this.open = name;
            for (const opener of this.list.querySelectorAll(".lbw-run")) {
                if (opener.dataset.name === name) opener.setAttribute("aria-current", "true");
                else opener.removeAttribute("aria-current");
            }
        }

        async remove(run) {
            try {
                const { bin } = await bridge.ask("results.delete", { name: run.name });
                await this.look();
                const undo = element("button", { type: "button", class: "lbw-button", onclick: () => this.restore(bin) }, t("Undo"));
                this.note.replaceChildren(t("Deleted: {name}", { name: run.name }), " ", undo);
                undo.focus();
                this.told.gone(run.name);
            } catch (error) {
                this.told.failed(error);
            }
        }

        async restore(name) {
            try {
                const made = await bridge.ask("results.restore", { name });
                this.note.replaceChildren();
                await this.look();
                this.told.open(made.name);
            } catch (error) {
                this.told.failed(error);
            }
        }
    }

    Object.assign(window.lbw, { History, moment_of });
})();
