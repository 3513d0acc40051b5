/* What is known of the block at hand: its weight, its role by the literature, what an analysis measured; and the key. */
(() => {
    "use strict";
    const { Bars, bridge, element, short } = window.lbw;
    const t = (...words) => bridge.t(...words);
    const LISTED = 6; // differences told by name

    class About {
        constructor() {
            this.block = null;
            this.measured = { folder: null, blocks: {} };
            this.title = element("p", { class: "lbw-about-title" });
            this.role = element("p", {});
            this.found = element("p", {});
            this.differs = element("p", { class: "lbw-differs" });
            this.element = element("div", { class: "lbw-about" }, this.title, this.role, this.found);
            this.help = element("details", { class: "lbw-ways" }, element("summary", {}, t("How to change bars")), element("ul", {}, ...Bars.help().map((each) => element("li", {}, each))));
        }

        /** The key of colours and forms. */
        static key() {
            const items = [["low", t("below 0")], ["mid", t("0 to 1")], ["high", t("above 1")], ["ghost", t("compared")], ["conv", t("convolutions only")], ["absent", t("not in this LoRA")]];
            return element("div", { class: "lbw-legend" }, ...items.map(([kind, text]) => element("span", {}, element("i", { class: `lbw-key lbw-key-${kind}` }), text)));
        }

        /** Tell of this block from now on. */
        point(block, family, bars) {
            [this.block, this.family, this.bars] = [block, family, bars];
            this.show();
        }

        /** Tell the numbers as they are now. */
        show() {
            if (!this.block) {
                this.title.textContent = t("Point at a block to read what it does.");
                for (const each of [this.role, this.found]) each.textContent = "";
                return;
            }
            const [value, other] = [this.bars.values[this.block] ?? 1, this.bars.other?.[this.block]];
            const compared = other === undefined ? "" : ` (${t("compared {other}", { other: short(other) })})`;
            this.title.replaceChildren(element("strong", {}, this.block), ` ${short(value)}${compared}`);
            const known = this.family.roles[this.block];
            this.role.textContent = known ? t("{role} (according to: {source})", known) : t("Nothing is published of this block's role.");
            const found = this.measured.blocks[this.block];
            this.found.textContent = found ? t("Measured in {folder}: {text}", { folder: this.measured.folder, text: found.text }) : "";
        }

        /** Tell where the weights differ from those they are compared with. */
        compare(bars, name) {
            const all = name ? bars.differences() : [];
            const told = all.slice(0, LISTED).map(([block, own, other]) => `${block} ${short(own)} | ${short(other)}`).join(", ");
            const more = all.length > LISTED ? " …" : "";
            this.differs.textContent = !name ? "" : all.length ? t("{count} blocks differ from {name}: {blocks}", { count: all.length, name, blocks: told + more }) : t("No block differs from {name}.", { name });
            this.show();
        }
    }

    window.lbw.About = About;
})();
