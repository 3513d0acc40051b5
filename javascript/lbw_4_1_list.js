/* The list of presets: as fast with a thousand as with ten, for only the rows in sight are in the page. */
(() => {
    "use strict";
    const { element, weights } = window.lbw;
    const t = (...words) => window.lbw.bridge.t(...words);
    const ROW = 30; // pixels; the style sheet has the same
    const SPARE = 8; // rows beyond the edges
    const DRAGGED = 5; // pixels from which on a press is a drag
    let lists = 0;

    const heading_of = (line) => line.text.replace(/^[\s\ufeff#-]+|[\s-]+$/g, "");

    class PresetList {
        /**
         * `told`: choose(line, own), move(line, place), retitle(line, text), remove(), rename(). Lines are those of
         * `Presets`; a comment line before presets is the heading of a group, which a click folds.
         */
        constructor(told) {
            this.told = told;
            this.id = `lbw-list-${++lists}`;
            this.rows = [];
            this.folded = new Set();
            this.at = -1;
            this.inside = element("div", { class: "lbw-inside", role: "presentation" });
            this.drop = element("div", { class: "lbw-drop" });
            this.element = element("div", {
                class: "lbw-items", role: "listbox", tabindex: "0", "aria-label": t("Presets"),
                onkeydown: (event) => this.key(event), onscroll: () => this.draw(),
                onclick: (event) => this.click(event), ondblclick: (event) => this.dblclick(event), onpointerdown: (event) => this.press(event),
            }, this.inside, this.drop);
            new ResizeObserver(() => this.draw()).observe(this.element);
        }

        /** Show these lines and shipped ones, as far as their names hold `wanted`. */
        fill(lines, shipped, wanted) {
            this.lines = lines;
            this.searching = Boolean(wanted);
            const rows = this.own_rows(lines, wanted);
            if (!rows.length && !wanted) rows.push({ kind: "hint", label: t("None yet: press New") });
            rows.push({ kind: "heading", key: "\0shipped", label: t("Shipped") });
            if (!this.folded.has("\0shipped")) rows.push(...shipped_rows(lines, shipped, wanted));
            this.rows = rows;
            this.inside.style.height = `${rows.length * ROW}px`;
            this.draw();
        }

        own_rows(lines, wanted) {
            const rows = [];
            let heading = null;
            let before = null;
            for (const line of lines) {
                const comment = !line.name && line.text.replace("\ufeff", "").trim().startsWith("#");
                if (comment && before?.comment && rows.at(-1) === heading) heading.title += "\n" + line.text;
                else if (comment) rows.push((heading = { kind: "heading", key: line.text, label: heading_of(line), title: line.text, line }));
                else if (line.name || line.fault) this.add(rows, line, heading, wanted);
                before = { comment };
            }
            return wanted ? rows.filter((row, at) => row.kind === "item" || rows[at + 1]?.kind === "item") : rows;
        }

        add(rows, line, heading, wanted) {
            const fits = !wanted || (line.name ?? line.text).toLowerCase().includes(wanted) || heading?.label.toLowerCase().includes(wanted);
            if (fits && (wanted || !this.folded.has(heading?.key))) rows.push({ kind: "item", line, own: true, label: line.name ?? line.text, size: weights.size(line.weights) });
        }

        /** Mark the row of this line as the one at hand, and bring it into sight if `visible`. */
        mark(line, own, visible) {
            this.select(false);
            this.at = this.rows.findIndex((row) => row.kind === "item" && row.own === own && (own ? row.line === line : row.line.name === line?.name));
            if (visible && this.at >= 0) this.reveal(this.at);
            this.select(true);
        }

        /** Give the row at hand the looks of it, or take them away; a row out of sight gets them when it is drawn. */
        select(chosen) {
            const node = this.inside.querySelector(`[id="${this.id}-${this.at}"]`);
            node?.setAttribute("aria-selected", chosen ? "true" : "false");
            if (chosen && node) this.element.setAttribute("aria-activedescendant", node.id);
            else this.element.removeAttribute("aria-activedescendant");
        }

        reveal(at) {
            const { scrollTop, clientHeight } = this.element;
            if (at * ROW < scrollTop) this.element.scrollTop = at * ROW - ROW;
            else if ((at + 1) * ROW > scrollTop + clientHeight) this.element.scrollTop = (at + 2) * ROW - clientHeight;
        }

        // ---- drawing

        draw() {
            const first = Math.max(0, Math.floor(this.element.scrollTop / ROW) - SPARE);
            const last = Math.min(this.rows.length, Math.ceil((this.element.scrollTop + this.element.clientHeight) / ROW) + SPARE);
            const shown = [];
            for (let at = first; at < last; at++) shown.push(this.row(this.rows[at], at));
            this.inside.replaceChildren(...shown);
            this.select(true);
        }

        row(row, at) {
            const place = `top:${at * ROW}px`;
            if (row === this.titled) return element("div", { class: "lbw-heading", style: place }, this.title_box);
            if (row.kind === "hint") return element("div", { class: "lbw-heading lbw-hint", style: place }, row.label);
            if (row.kind === "heading") {
                const sign = this.folded.has(row.key) ? "▸" : "▾";
                return element("div", { class: "lbw-heading", style: place, "data-at": at, title: row.title }, element("i", {}, sign), element("b", {}, row.label || "#"));
            }
            const { line, own } = row;
            return element("div", {
                class: "lbw-item" + (own ? "" : " lbw-shipped") + (line.fault ? " lbw-faulty" : ""), style: place,
                id: `${this.id}-${at}`, role: "option", "data-at": at, title: line.fault ?? line.text,
                "aria-selected": at === this.at ? "true" : "false", "aria-posinset": at + 1, "aria-setsize": this.rows.length,
            }, element("span", {}, row.label), element("small", {}, own && row.size ? String(row.size) : ""),
            own ? element("i", { class: "lbw-grip", "aria-hidden": "true" }, "⠿") : null);
        }

        row_at(event) {
            const found = event.target.closest?.("[data-at]");
            return found ? this.rows[Number(found.dataset.at)] : null;
        }

        // ---- choosing

        click(event) {
            const row = this.row_at(event);
            if (!row || this.dragged) return;
            if (row.kind === "item") this.told.choose(row.line, row.own);
            else this.fold(row.key);
        }

        fold(key) {
            if (!this.folded.delete(key)) this.folded.add(key);
            this.told.folded();
        }

        dblclick(event) {
            const row = this.row_at(event);
            if (row?.kind === "heading" && row.line) this.retitle(row.line);
            else if (row?.own) this.told.rename();
        }

        key(event) {
            if (event.target !== this.element) return;
            const by = { ArrowDown: 1, ArrowUp: -1, PageDown: 10, PageUp: -10, Home: -this.rows.length, End: this.rows.length }[event.key];
            const row = this.rows[this.at];
            if (by && event.altKey) this.step(row, by);
            else if (by) this.walk(by);
            else if (event.key === "Delete") this.told.remove();
            else if (event.key === "F2") this.told.rename();
            else return;
            event.preventDefault();
        }

        walk(by) {
            const choices = this.rows.map((row, at) => (row.kind === "item" ? at : -1)).filter((at) => at >= 0);
            const now = choices.findIndex((at) => at >= this.at);
            const row = this.rows[choices[Math.min(Math.max((now < 0 ? 0 : now) + by, 0), choices.length - 1)]];
            if (row) this.told.choose(row.line, row.own);
        }

        step(row, by) {
            if (row?.own && !this.searching) this.told.move(row.line, this.lines.indexOf(row.line) + by);
        }

        /** Open a box in a group's heading to give it another name. */
        retitle(line) {
            const row = this.rows.find((each) => each.line === line);
            if (!row) return;
            const before = heading_of(line);
            const box = element("input", { class: "lbw-field", "aria-label": t("Name of the group") });
            box.value = before;
            const done = (keep) => {
                if (this.titled !== row) return;
                this.titled = null;
                this.draw();
                if (keep && box.value.trim() !== before) this.told.retitle(line, box.value.trim());
            };
            box.addEventListener("keydown", (event) => {
                event.stopPropagation();
                if (event.key === "Enter" || event.key === "Escape") done(event.key === "Enter");
            });
            box.addEventListener("blur", () => done(true));
            [this.titled, this.title_box] = [row, box];
            this.reveal(this.rows.indexOf(row));
            this.draw();
            box.focus();
            box.select();
        }

        // ---- dragging

        press(event) {
            this.dragged = false;
            const row = this.row_at(event);
            const touch = event.pointerType !== "mouse" && !event.target.closest(".lbw-grip"); // a finger scrolls elsewhere
            if (!row?.line || !(row.own || row.kind === "heading") || event.button !== 0 || touch || this.searching) return;
            const from = event.clientY;
            const move = (to) => {
                if (!this.dragged && Math.abs(to.clientY - from) < DRAGGED) return;
                if (!this.dragged) this.element.setPointerCapture(event.pointerId);
                this.dragged = true;
                this.hover(to.clientY);
            };
            const end = (last) => {
                this.element.removeEventListener("pointermove", move);
                for (const each of ["pointerup", "pointercancel"]) this.element.removeEventListener(each, end);
                this.drop.style.display = "none";
                if (this.dragged && last.type === "pointerup") this.put(row, last.clientY);
            };
            this.element.addEventListener("pointermove", move);
            for (const each of ["pointerup", "pointercancel"]) this.element.addEventListener(each, end);
        }

        gap(y) {
            const box = this.element.getBoundingClientRect();
            const own = this.rows.findIndex((row) => row.key === "\0shipped");
            return Math.min(Math.max(Math.round((y - box.top + this.element.scrollTop) / ROW), 0), own);
        }

        hover(y) {
            const box = this.element.getBoundingClientRect();
            if (y < box.top + ROW) this.element.scrollTop -= ROW / 2;
            if (y > box.bottom - ROW) this.element.scrollTop += ROW / 2;
            this.drop.style.cssText = `display:block;top:${this.gap(y) * ROW - 1}px`;
        }

        put(row, y) {
            const next = this.rows[this.gap(y)]?.line;
            const [from, to] = [this.lines.indexOf(row.line), next ? this.lines.indexOf(next) : this.lines.length];
            this.told.move(row.line, from < to ? to - 1 : to);
        }
    }

    function shipped_rows(lines, shipped, wanted) {
        const seen = new Set(lines.map((line) => line.name));
        const rows = [];
        for (const line of shipped) {
            if (seen.has(line.name) || (wanted && !line.name.toLowerCase().includes(wanted))) continue;
            seen.add(line.name);
            rows.push({ kind: "item", line, own: false, label: line.name });
        }
        return rows;
    }

    window.lbw.PresetList = PresetList;
})();
