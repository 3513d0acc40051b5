/* Two pictures over each other, with a line between them to drag. */
(() => {
    "use strict";
    const { button, choice, element, fill_picture } = window.lbw;
    const t = (...words) => window.lbw.bridge.t(...words);
    const STEPS = { ArrowLeft: -2, ArrowDown: -2, ArrowRight: 2, ArrowUp: 2, PageDown: -10, PageUp: 10, Home: -100, End: 100 };

    class Compare {
        /** `failed(error)` is told when a picture cannot be had. */
        constructor(failed) {
            this.failed = failed;
            this.share = 50;
            this.left = choice(t("Left"), [], () => this.draw());
            this.right = choice(t("Right"), [], () => this.draw());
            this.seed = choice(t("Seed"), [], () => this.take(Number(this.seed.select.value)));
            this.under = element("img", { alt: "", draggable: "false" });
            this.over = element("img", { alt: "", draggable: "false", class: "lbw-over" });
            this.names = ["left", "right"].map((side) => element("span", { class: `lbw-corner lbw-corner-${side}`, "aria-hidden": "true" }));
            this.handle = element("div", {
                class: "lbw-handle", role: "slider", tabindex: "0", "aria-label": t("How much of the left picture shows"),
                "aria-valuemin": "0", "aria-valuemax": "100", onkeydown: (event) => this.key(event),
            });
            this.stage = element("div", { class: "lbw-stage", onpointerdown: (event) => this.press(event) }, this.under, this.over, this.names, this.handle);
            this.larger = button("Larger", () => this.enlarge(), { "aria-pressed": "false" });
            this.title = element("h4", { "aria-live": "polite" });
            this.told = element("p", { class: "lbw-note" });
            this.acts = element("div", { class: "lbw-row" });
            this.element = element("div", { class: "lbw-compare" }, this.title, this.stage, this.told,
                element("div", { class: "lbw-row" }, this.left.label, this.right.label, this.seed.label), this.acts);
            this.move(50);
        }

        /** Show the cells of a row: its seeds to choose from, and for each the pictures that there are. */
        show(row, pictures, told, acts) {
            [this.row, this.pictures] = [row, pictures];
            this.title.textContent = row.label;
            this.told.textContent = told;
            this.acts.replaceChildren(...acts, this.larger);
            const drawn = row.cells.filter((each) => each.drawn);
            this.seed.fill(drawn.map((each) => [String(each.seed), String(each.seed)]));
            this.seed.label.hidden = drawn.length < 2;
            this.stage.hidden = !drawn.length;
            if (drawn.length) this.take(drawn[0].seed);
        }

        /** Take the pictures of a seed; what was compared stays so, as far as it is there. */
        take(seed) {
            const found = this.row.cells.find((each) => each.seed === seed && each.drawn);
            const shown = found.pictures.map((each) => [`${each.cell} picture`, each.label, each.cell === found.cell ? "own" : each.cell === found.against ? "against" : "far"]);
            const maps = found.measured ? [[`${found.cell} diff`, t("Differences"), "diff"], [`${found.cell} heat`, t("Differences as heat"), "heat"]] : [];
            this.options = [...shown, ...maps];
            const chosen = [this.kept ?? [], ["against", "own"]].map((kinds) => kinds.map((kind) => this.options.find((each) => each[2] === kind)?.[0]));
            const usual = chosen.find((pair) => pair[0] && pair[1]) ?? [this.options[0][0], this.options.at(-1)[0]];
            for (const [at, side] of [this.left, this.right].entries()) {
                side.fill(this.options);
                side.select.value = usual[at];
            }
            this.draw(false);
        }

        draw(wanted = true) {
            const keys = [this.left.select.value, this.right.select.value];
            if (wanted) this.kept = keys.map((key) => this.options.find((each) => each[0] === key)[2]);
            const question = (this.question = {});
            this.pictures.whole(keys).then((urls) => {
                if (question !== this.question) return;
                [this.over, this.under].forEach((image, at) => fill_picture(image, urls[at]));
                this.label();
            }).catch(this.failed);
        }

        label() {
            const names = [this.left, this.right].map(({ select }) => select.selectedOptions[0]?.textContent ?? "");
            this.names.forEach((tag, at) => { tag.textContent = names[at]; });
            [this.over.alt, this.under.alt] = names.map((name) => `${this.row.label}: ${name}`);
            this.move(this.share);
        }

        /** Put the line at this share of the width, in percent. */
        move(share) {
            this.share = Math.min(Math.max(share, 0), 100);
            this.stage.style.setProperty("--at", `${this.share}%`);
            this.handle.setAttribute("aria-valuenow", String(Math.round(this.share)));
            const [left, right] = this.names.map((tag) => tag.textContent);
            this.handle.setAttribute("aria-valuetext", t("{left} {percent} %, {right} the rest", { left, right, percent: Math.round(this.share) }));
        }

        press(event) {
            if (event.button !== 0) return;
            event.preventDefault();
            this.handle.focus({ preventScroll: true });
            const to = ({ clientX }) => {
                const box = this.stage.getBoundingClientRect();
                this.move(((clientX - box.left) / box.width) * 100);
            };
            to(event);
            this.stage.setPointerCapture(event.pointerId);
            this.stage.addEventListener("pointermove", to);
            const end = () => this.stage.removeEventListener("pointermove", to);
            for (const last of ["pointerup", "pointercancel"]) this.stage.addEventListener(last, end, { once: true });
        }

        key(event) {
            if (!(event.key in STEPS)) return;
            event.preventDefault();
            this.move(this.share + STEPS[event.key]);
        }

        enlarge() {
            const large = this.element.parentElement.classList.toggle("lbw-large");
            this.larger.setAttribute("aria-pressed", String(large));
            this.larger.textContent = large ? t("Smaller") : t("Larger");
        }
    }

    window.lbw.Compare = Compare;
})();
