/* The recipe inside a merged LoRA: shown, and loaded back into the form. */
(() => {
    "use strict";
    const { bridge, button, choice, drawer, element } = window.lbw;
    const t = (...words) => bridge.t(...words);

    class RecipeBox {
        /** `load(form)` takes the values of a form; `names()` are the LoRAs. */
        constructor(load, names) {
            this.load = load;
            this.names = names;
            this.file = choice(t("Merged LoRA"), [], () => this.show());
            this.shown = element("div", { "aria-live": "polite" });
            this.element = drawer(t("Open the recipe of a merged LoRA"), () => this.fill(), this.file.label, this.shown);
        }

        fill() {
            const before = this.file.select.value;
            this.file.fill([["", t("choose")], ...this.names().map((name) => [name, name])]);
            this.file.select.value = before;
        }

        async show() {
            const name = this.file.select.value;
            if (!name) return this.shown.replaceChildren();
            try {
                const { sentence, fault, form } = await bridge.ask("merge.recipe", { name });
                return this.shown.replaceChildren(
                    element("code", { class: "lbw-recipe" }, sentence), ...(fault ? [element("p", { class: "lbw-fault" }, fault)] : []),
                    element("div", { class: "lbw-row" }, button("Load into the form", () => this.load(form))));
            } catch (error) {
                return this.shown.replaceChildren(element("p", { class: "lbw-fault" }, error.message));
            }
        }
    }

    window.lbw.RecipeBox = RecipeBox;
})();
