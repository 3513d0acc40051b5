/* What is folded away under the editor: import and export, the earlier versions, and the way to another layout. */
(() => {
    "use strict";
    const { bridge, button, choice, drawer, element, files, short, Presets } = window.lbw;
    const t = (...words) => bridge.t(...words);
    const SIDE = 6; // lines shown of either side of a conflict

    /** Import of text and files, export of the whole text. `desk`: {presets, elements, say(note), fail(error), asked()}. */
    class ImportBox {
        constructor(desk) {
            this.desk = desk;
            this.text = element("textarea", {
                class: "lbw-field", rows: 4, spellcheck: false, "aria-label": t("Text to import"),
                placeholder: t("Preset lines, a prompt, the parameters of a picture, a vector of the Inspire Pack, or a merge recipe"),
            });
            this.file = element("input", { type: "file", multiple: true, hidden: true, accept: ".txt,.json,.png,.jpg,.jpeg,.webp,text/plain,image/png,image/jpeg,image/webp", onchange: () => this.take([...this.file.files]) });
            const drop = element("div", {
                class: "lbw-dropbox",
                ondragover: (event) => { event.preventDefault(); drop.classList.add("lbw-over"); },
                ondragleave: () => drop.classList.remove("lbw-over"),
                ondrop: (event) => this.dropped(event, drop),
            }, this.text, element("p", { class: "lbw-help" }, t("Files can be dropped here: a preset file, or a PNG, JPEG or WebP picture with its parameters.")));
            this.element = drawer(t("Import and export"), null, drop, this.file, element("div", { class: "lbw-row" },
                button("Import", () => this.import(this.text.value).then(() => { this.text.value = ""; }).catch(desk.fail)),
                button("Choose files", () => this.file.click()),
                button("Export all", () => files.download("presets.txt", desk.presets.text()))));
        }

        dropped(event, drop) {
            drop.classList.remove("lbw-over");
            if (!event.dataTransfer.files.length) return; // text that is dropped goes into the box by itself
            event.preventDefault();
            this.take([...event.dataTransfer.files]);
        }

        async take(chosen) {
            for (const file of chosen) {
                try {
                    await this.import(await files.text_of(file));
                } catch (error) {
                    this.desk.fail(error);
                }
            }
            this.file.value = "";
        }

        async import(text) {
            const { presets, elements, notes } = await bridge.ask("presets.import", { text });
            if (elements) return this.add_elements(elements);
            const lines = this.fresh(presets);
            if (lines.length) this.desk.presets.edit((all) => all.push(...lines));
            const left = presets.length - lines.length;
            this.desk.say([
                t("{count} presets imported", { count: lines.length }),
                ...(left ? [t("{count} were there already", { count: left })] : []),
                ...notes,
            ].join(". "));
            if (lines.length) this.desk.choose(lines[0]);
        }

        /** The lines to add: those of a name stay together, a name that is taken gets a number. */
        fresh(presets) {
            const taken = this.desk.presets;
            const free = {};
            const there = (name, weights) => taken.find(name).some((line) => line.weights === weights);
            return presets.filter(({ name, weights }) => !there(name, weights)).map(({ name, weights }) => Presets.line((free[name] ??= taken.free(name)), weights));
        }

        add_elements(text) {
            const { elements } = this.desk;
            const before = elements.text();
            const gap = !before || before.endsWith("\n\n") ? "" : before.endsWith("\n") ? "\n" : "\n\n";
            this.desk.say(t("Elemental presets are imported"));
            return elements.write(before + gap + text);
        }
    }

    /** The versions of the text before each saving, to go back to one. */
    class Backups {
        constructor(presets, desk) {
            this.presets = presets;
            this.desk = desk;
            this.list = element("ul", { class: "lbw-backups" });
            this.element = drawer(t("Earlier versions"), () => this.load().catch(desk.fail), this.list);
        }

        async load() {
            const { backups } = await bridge.ask("presets.backups", { kind: this.presets.kind });
            const when = (moment) => new Date(moment).toLocaleString(bridge.language, { dateStyle: "medium", timeStyle: "medium" });
            this.list.replaceChildren(...(backups.length ? backups : [null]).map((each) => each
                ? element("li", {}, element("span", {}, when(each.moment)), element("small", {}, t("{count} bytes", { count: each.bytes })), button("Restore", () => this.restore(each).catch(this.desk.fail)))
                : element("li", {}, t("There are none yet; one is kept with every saving."))));
        }

        async restore({ name }) {
            const { text } = await bridge.ask("presets.backup", { name, kind: this.presets.kind });
            await this.presets.write(text);
            this.desk.say(t("Restored; Undo goes back."));
        }
    }

    /** The way of a preset to another layout or family, with what is lost on it. */
    class Converter {
        /** `desk` also has preset() -> {name, text}, keep(name, weights, family, beside). */
        constructor(desk, families) {
            this.desk = desk;
            this.families = families;
            const targets = families.flatMap((each) => each.lengths.map((length) => [`${each.id}/${length}`, `${each.title}, ${t("{count} weights", { count: length })}`]));
            this.target = choice(t("Convert to"), [["", t("Choose a layout")], ...targets], () => this.preview().catch(desk.fail));
            this.shown = element("div", { class: "lbw-preview", "aria-live": "polite" });
            this.element = drawer(t("Convert"), null, element("div", { class: "lbw-row" }, this.target.label), this.shown);
        }

        /** Open with this target. */
        open(family, length) {
            this.element.open = true;
            this.target.select.value = `${family}/${length}`;
            this.preview().catch(this.desk.fail);
            this.element.scrollIntoView({ block: "nearest" });
        }

        /** Forget what was shown: the preset at hand is another one, or has other weights. */
        clear() {
            this.target.select.value = "";
            this.shown.replaceChildren();
        }

        async preview() {
            const [, to, length] = this.target.select.value.match(/^(.*)\/(\d+)$/) ?? [];
            if (!to) return this.shown.replaceChildren();
            const { name, text } = this.desk.preset();
            const made = await bridge.ask("weights.convert", { ...this.desk.asked(), text, to, length: Number(length) });
            const lost = made.lost.map(({ block, value }) => `${block} ${short(value)}`).join(", ");
            const keep = (beside) => () => this.desk.keep(name, made.text, to, Number(length), beside).catch(this.desk.fail);
            const told = (shown, text, warns) => shown && element("p", { class: warns ? "lbw-warn" : "" }, text);
            const parts = [
                element("code", {}, made.text),
                told(true, lost ? t("Lost, for the new layout does not name them: {blocks}.", { blocks: lost }) : t("No weight is lost."), lost),
                told(made.guessed.length, t("Taken from the nearest depth, to be checked: {blocks}.", { blocks: made.guessed.join(", ") })),
                told(made.rules, t("Rules for single layers are left out: {count}.", { count: made.rules }), true),
                element("div", { class: "lbw-row" }, button("Keep beside it, under the same name", keep(true)), button("Keep as a new preset", keep(false))),
            ];
            return this.shown.replaceChildren(...parts.filter(Boolean));
        }
    }

    /** What stands on either side when the file was changed in the same lines, and the choice between them. */
    class Banner {
        constructor(failed) {
            this.failed = failed;
            this.element = element("div", { class: "lbw-banner", role: "alert", hidden: true });
        }

        /** Offer both sides of a StoreConflict of `presets`. */
        offer({ message, theirs }, presets) {
            const [mine, other] = [presets.text().split("\n"), theirs.split("\n")];
            const only = (some, others) => some.filter((line) => line.trim() && !others.includes(line)).slice(0, SIDE).join("\n");
            const settle = (keep) => () => presets.settle(keep, theirs).catch(this.failed);
            this.element.replaceChildren(element("p", {}, message), element("div", { class: "lbw-sides" },
                element("div", {}, element("pre", {}, only(mine, other)), button("Keep mine", settle(true))),
                element("div", {}, element("pre", {}, only(other, mine)), button("Take theirs", settle(false)))));
            this.element.hidden = false;
        }
    }

    Object.assign(window.lbw, { ImportBox, Backups, Banner, Converter });
})();
