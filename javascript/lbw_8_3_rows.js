/* The rows of an analysis as a table to sort: pictures, differences and numbers. */
(() => {
    "use strict";
    const { element, figure } = window.lbw;
    const t = (...words) => window.lbw.bridge.t(...words);

    class Rows {
        /** `told`: choose(row) and mark(row, wanted), whether its blocks are to be lowered. */
        constructor(told) {
            this.told = told;
            this.heads = element("tr", {});
            this.body = element("tbody", {});
            this.table = element("table", { class: "lbw-table lbw-rows-of-blocks" }, element("thead", {}, this.heads), this.body);
            this.element = element("div", { class: "lbw-scroll", role: "region", tabindex: "0", "aria-label": t("Blocks") }, this.table);
        }

        /** Show the rows of a run, the greatest `number` first. */
        show(run, pictures, number) {
            [this.run, this.pictures, this.sorted, this.down] = [run, pictures, number, true];
            const plain = [t("Lower"), t("Picture"), t("Differences")].map((label) => element("th", { scope: "col" }, label));
            const name = this.head("", t(run.svg ? "Block" : "Values"), "");
            const numbers = run.numbers.map((each) => this.head(each.name, each.short, each.long));
            this.heads.replaceChildren(plain[0], name, plain[1], plain[2], ...numbers);
            this.lines = new Map(run.rows.map((row) => [row, this.line(row)]));
            this.sort();
        }

        head(name, label, title) {
            const sorter = element("button", { type: "button", class: "lbw-sorter", title, onclick: () => this.by(name) }, label);
            return element("th", { scope: "col", "data-number": name }, sorter);
        }

        line(row) {
            const box = element("input", {
                type: "checkbox", disabled: !row.blocks.length, "aria-label": t("Lower {block}", { block: row.label }),
                title: row.blocks.length ? null : t("Only whole blocks can be lowered"), onchange: (event) => this.told.mark(row, event.target.checked),
            });
            const name = element("button", { type: "button", class: "lbw-name-of-row", onclick: () => this.told.choose(row) }, row.label);
            const own = row.cells.find((each) => each.drawn);
            const image = (what, alt) => (own && (what === "picture" || own.measured) ? this.pictures.small(own.cell, what, alt) : "");
            const cells = [image("picture", row.label), image("diff", t("Differences of {block}", { block: row.label }))];
            const line = element("tr", { onclick: (event) => event.target.closest("input, button") || this.told.choose(row) },
                element("td", {}, element("label", { class: "lbw-tick" }, box)), element("th", { scope: "row" }, name), cells.map((each) => element("td", {}, each)),
                this.run.numbers.map((each) => element("td", { class: "lbw-number-of-row" }, this.number(row.numbers[each.name]))));
            return { line, box };
        }

        /** A mean, and below it the lowest and highest where several seeds were drawn. */
        number(spread) {
            if (!spread) return "–";
            const [mean, low, high] = spread;
            return this.run.seeds.length < 2 ? figure(mean) : [figure(mean), element("small", {}, `${figure(low)} … ${figure(high)}`)];
        }

        by(name) {
            this.down = this.sorted === name ? !this.down : Boolean(name);
            this.sorted = name;
            this.sort();
        }

        /** The rows in their order: numbers by size, names as the model has them. */
        order() {
            const value = (row) => Math.abs(row.numbers[this.sorted]?.[0] ?? -1);
            const rows = [...this.run.rows];
            if (this.sorted) rows.sort((one, other) => value(other) - value(one));
            return this.down === Boolean(this.sorted) ? rows : rows.reverse();
        }

        sort() {
            for (const head of this.heads.querySelectorAll("[data-number]")) {
                const own = head.dataset.number === this.sorted;
                if (own) head.setAttribute("aria-sort", this.down ? "descending" : "ascending");
                else head.removeAttribute("aria-sort");
            }
            this.body.replaceChildren(...this.order().map((row) => this.lines.get(row).line));
        }

        /** Show which row is chosen, and which blocks are to be lowered. */
        select(chosen, lowered) {
            for (const [row, { line, box }] of this.lines) {
                line.classList.toggle("lbw-chosen", row === chosen);
                if (row === chosen) line.setAttribute("aria-current", "true");
                else line.removeAttribute("aria-current");
                const low = row.blocks.filter((block) => lowered.has(block)).length;
                box.checked = low > 0 && low === row.blocks.length;
                box.indeterminate = low > 0 && low < row.blocks.length;
            }
        }
    }

    window.lbw.Rows = Rows;
})();
