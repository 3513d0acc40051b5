/* The parts of the preset editor and where they stand; what they do is the editor's. */
(() => {
    "use strict";
    const { About, Backups, Banner, Book, Converter, ImportBox, PresetList, PromptUse, Weighing } = window.lbw;
    const { bridge, button, choice, drawer, element, prompt_box } = window.lbw;
    const t = (...words) => bridge.t(...words);

    class EditorParts {
        /** Make all parts and put them into the panel. */
        build(families, loras) {
            const desk = {
                presets: this.presets, elements: this.elements, say: this.say, fail: this.fail, asked: () => this.weighing.asked(),
                choose: (line) => this.choose(line), preset: () => ({ name: this.hand.line.name, text: this.weighing.value() }),
                keep: (...what) => this.keep(...what), weights: () => this.for_prompt(),
            };
            this.weighing = new Weighing({ put: (text, kind) => this.put(text, kind), model: () => this.remodelled(), failed: this.fail }, families, loras);
            this.weighing.length = () => Number(this.length_box.select.value);
            this.list = new PresetList({
                choose: (line, own) => this.choose(own ? line : this.fitting(line.name)),
                move: (line, place) => this.move(line, place),
                retitle: (line, text) => this.hand.retitle(line, text),
                folded: () => this.fill(),
                remove: () => this.remove(),
                rename: () => this.name.select(),
            });
            this.search = element("input", { type: "search", class: "lbw-field", placeholder: t("Search presets"), "aria-label": t("Search presets"), "data-own-undo": true, oninput: () => this.fill() });
            this.name = element("input", { class: "lbw-field lbw-preset-name", "aria-label": t("Name of the preset"), spellcheck: false, "data-own-undo": true, onchange: () => this.rename().catch(this.fail) });
            this.length_box = choice(t("Vector length"), [], () => this.relayout());
            this.compare_box = choice(t("Compare with"), [], () => this.compare().catch(this.fail));
            this.sizes = element("div", { class: "lbw-sizes", role: "group", "aria-label": t("Lines of this name") });
            this.saved = element("span", { class: "lbw-state", role: "status" });
            this.banner = new Banner(this.fail);
            this.undo_button = button("Undo", () => this.travel("undo"), { title: "Ctrl+Z" });
            this.redo_button = button("Redo", () => this.travel("redo"), { title: "Ctrl+Shift+Z" });
            this.delete_button = button("Delete", () => this.remove());
            this.book = new Book(this.presets, t("All presets as text"), this.fail);
            this.element_book = new Book(this.elements, t("Elemental presets as text"), this.fail);
            this.converter = new Converter(desk, families);
            this.prompt = new PromptUse(desk, loras);
            this.importing = new ImportBox(desk);
            this.importing.text.setAttribute("data-own-undo", "");
            this.host.replaceChildren(this.aside(), element("section", { class: "lbw-desk" }, this.head(), this.banner.element, this.middle(), this.drawers(desk)));
        }

        aside() {
            return element("aside", { class: "lbw-list" },
                element("div", { class: "lbw-row" }, this.search),
                element("div", { class: "lbw-row" }, button("New", () => this.add()), button("New group", () => this.add_group()), this.saved),
                this.list.element);
        }

        head() {
            return element("div", { class: "lbw-row lbw-head" }, this.name, this.undo_button, this.redo_button, button("Duplicate", () => this.insert(...this.hand.copies())), this.delete_button);
        }

        middle() {
            const { weighing } = this;
            this.swap = button("Swap", () => this.exchange(), { title: t("Change over to the compared preset") });
            return element("div", { class: "lbw-middle" },
                element("div", { class: "lbw-drawing" }, weighing.place, About.key()),
                element("div", { class: "lbw-side" },
                    element("div", { class: "lbw-row" }, weighing.model_box.label, this.length_box.label),
                    this.sizes, weighing.text, weighing.fault, weighing.notices,
                    element("div", { class: "lbw-row" }, button("Copy for the prompt", () => this.copy().catch(this.fail), { title: t("Copies :lbw=NAME for a tag") }), button("Copy the numbers", () => this.copy(true).catch(this.fail))),
                    element("div", { class: "lbw-row", hidden: !prompt_box() }, this.prompt.list.label, this.prompt.button),
                    element("div", { class: "lbw-row" }, this.compare_box.label, this.swap),
                    weighing.about.differs, this.note, weighing.about.element, weighing.about.help));
        }

        drawers(desk) {
            return element("div", { class: "lbw-drawers" },
                this.converter.element,
                this.importing.element,
                (this.book_drawer = drawer(t("All presets as text"), () => this.book.show(), this.book.element)),
                element("div", { "data-elements": true },
                    drawer(t("Elemental presets as text"), () => this.element_book.show(),
                        element("p", { class: "lbw-help" }, t("NAME:blocks:elements:weight, an empty line between two presets; used with lbwe=NAME.")), this.element_book.element, new Backups(this.elements, desk).element)),
                new Backups(this.presets, desk).element);
        }
    }

    window.lbw.EditorParts = EditorParts;
})();
