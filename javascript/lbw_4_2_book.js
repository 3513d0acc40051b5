/* A whole text of presets to edit, with line numbers; what is wrong is told at its line while one types. */
(() => {
    "use strict";
    const { element, pause } = window.lbw;
    const SOON = 250; // milliseconds
    const LINE = 20; // pixels; the style sheet has the same

    class Book {
        /** `presets`: the text's `Presets`; `failed(error)` is told what goes wrong. `element` is the editor. */
        constructor(presets, label, failed) {
            this.presets = presets;
            this.failed = failed;
            this.numbers = element("div", { class: "lbw-numbers", "aria-hidden": "true" });
            this.area = element("textarea", {
                class: "lbw-field lbw-all", wrap: "off", "aria-label": label, spellcheck: false, rows: 12,
                oninput: () => this.typed(), onscroll: () => this.roll(), onblur: () => this.flush(),
            });
            this.faults = element("ul", { class: "lbw-faults", "aria-live": "polite" });
            this.element = element("div", { class: "lbw-book" }, element("div", { class: "lbw-sheet" }, this.numbers, this.area), this.faults);
        }

        /** Show the text as it is now, unless something is being typed. */
        show() {
            if (this.typing || this.asking || !this.element.closest("details")?.open) return;
            const text = this.presets.text().replace(/\r\n?/g, "\n"); // a text box knows one kind of line end only
            if (this.area.value !== text) {
                const at = this.area.selectionStart;
                this.area.value = text;
                if (document.activeElement === this.area) this.area.setSelectionRange(at, at);
            }
            this.mark();
        }

        typed() {
            clearTimeout(this.typing);
            this.typing = setTimeout(() => this.flush(), SOON);
            this.mark();
        }

        /** Take what was typed. */
        flush() {
            if (!this.typing) return;
            clearTimeout(this.typing);
            this.typing = null;
            const ends = this.presets.lines[0]?.end === "\r\n" ? "\r\n" : "\n";
            this.asking = true;
            this.presets.write(this.area.value.replace(/\n/g, ends), "book").catch(this.failed).finally(() => {
                this.asking = false;
                this.show();
            });
        }

        /** Number the lines and tell what is wrong in which. */
        mark() {
            const count = this.area.value.split("\n").length;
            const wrong = new Map(this.presets.lines.map((line, at) => [at, line.fault]).filter(([, fault]) => fault));
            const marked = JSON.stringify([count, ...wrong]);
            if (marked === this.marked) return void this.roll();
            this.marked = marked;
            const numbers = [""];
            for (let at = 0; at < count; at++) {
                if (wrong.has(at)) numbers.push(element("b", { title: wrong.get(at) }, `${at + 1}\n`), "");
                else numbers.push(`${numbers.pop()}${at + 1}\n`);
            }
            this.numbers.replaceChildren(element("div", {}, ...numbers));
            this.faults.replaceChildren(...[...wrong].map(([at, fault]) =>
                element("li", {}, element("button", { type: "button", class: "lbw-link", onclick: () => this.go(at) }, fault))));
            this.roll();
        }

        roll() {
            const inside = this.numbers.firstChild;
            if (inside) inside.style.transform = `translateY(${-this.area.scrollTop}px)`;
        }

        /** Select a line, counted from 0. */
        async go(at) {
            const lines = this.area.value.split("\n");
            const start = lines.slice(0, at).reduce((sum, line) => sum + line.length + 1, 0);
            this.area.focus();
            this.area.setSelectionRange(start, start + (lines[at] ?? "").length);
            await pause(0);
            this.area.scrollTop = Math.max(0, (at - 4) * LINE);
        }
    }

    window.lbw.Book = Book;
})();
