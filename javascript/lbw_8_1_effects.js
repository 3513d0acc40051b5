/* The blocks of a model coloured by what each of them does, to choose one of. */
(() => {
    "use strict";
    const { cell, element } = window.lbw;
    const t = (...words) => window.lbw.bridge.t(...words);
    const ARROWS = { ArrowUp: [0, -1], ArrowDown: [0, 1], ArrowLeft: [-1, 0], ArrowRight: [1, 0] };
    const SVG = "http://www.w3.org/2000/svg";

    /** A measured number with three digits that count. */
    function figure(value) {
        const size = Math.abs(value);
        const text = value.toFixed(size >= 99.95 ? 0 : size >= 9.995 ? 1 : size >= 0.9995 ? 2 : 3);
        return Number(text) ? text : "0";
    }

    class Effects {
        /** `svg`: the drawing of the model. `choose(block)` is called when one is chosen, by pointer or keys. */
        constructor(svg, choose) {
            this.choose = choose;
            this.place = element("div", { class: "lbw-effects" });
            this.place.innerHTML = svg; // drawn by our own Python, every name in it escaped
            this.place.querySelector("svg").setAttribute("role", "radiogroup");
            this.low = element("span", {}, element("i", { class: "lbw-key lbw-key-low" }), t("below 0"));
            this.key = element("div", { class: "lbw-legend" },
                element("span", {}, element("i", { class: "lbw-key lbw-key-mid" }), t("effect, longest bar = greatest")), this.low,
                element("span", {}, element("i", { class: "lbw-key lbw-key-lowered" }), t("to be lowered")),
                element("span", {}, element("i", { class: "lbw-key lbw-key-absent" }), t("not in this LoRA")));
            this.element = element("div", {}, this.place, this.key);
            this.cells = new Map([...this.place.querySelectorAll("[data-block]")].map((node) => [node.dataset.block, node]));
            for (const [block, node] of this.cells) this.retitle(block, node.querySelector("title"));
        }

        /** Keep what the literature says of a block, without the number of the drawing. */
        retitle(block, title) {
            if (title && !title.parentNode.classList.contains("lbw-absent")) title.textContent = [block, ...title.textContent.split("\n").slice(1)].join("\n");
        }

        /** Show a number for each block: block -> its mean; blocks that were not measured stay grey. */
        show(numbers, heading) {
            this.numbers = numbers;
            this.place.querySelector("svg").setAttribute("aria-label", heading);
            const full = Math.max(...Object.values(numbers).map(Math.abs), 0) || 1;
            this.low.hidden = !Object.values(numbers).some((value) => value < 0);
            for (const [block, node] of this.cells) this.paint(block, node, full);
            this.select(this.chosen);
        }

        paint(block, node, full) {
            const value = this.numbers[block];
            node.querySelector(".lbw-bar")?.remove();
            const number = node.querySelector(".lbw-number");
            const frame = node.querySelector(".lbw-frame");
            frame.style.fill = "";
            if (value === undefined) {
                if (number) number.textContent = node.classList.contains("lbw-absent") ? "" : "–";
                return void node.setAttribute("aria-hidden", "true");
            }
            if (!node.lbwAlive) this.enliven(block, node);
            const [kind, share] = [value < 0 ? "low" : "mid", Math.abs(value) / full];
            const { width, height } = { width: frame.width.baseVal.value, height: frame.height.baseVal.value };
            const bar = document.createElementNS(SVG, "rect");
            cell.set(bar, { class: "lbw-bar", x: kind === "low" ? width * (1 - share) : 0, width: width * share, height, rx: 4 });
            bar.style.fill = `var(--lbw-${kind})`;
            frame.style.fill = `color-mix(in srgb, var(--lbw-${kind}) ${Math.round(share * 45)}%, transparent)`;
            frame.style.fillOpacity = 1;
            frame.after(bar);
            if (number) {
                number.textContent = figure(value);
                cell.set(number, { "fill-opacity": 1, "font-weight": 600 });
            }
            node.setAttribute("aria-label", `${block}: ${figure(value)}`);
            return undefined;
        }

        enliven(block, node) {
            node.lbwAlive = true;
            cell.set(node, { role: "radio", tabindex: "-1", "aria-checked": "false" });
            node.classList.add("lbw-alive");
            node.addEventListener("click", () => this.choose(block));
            node.addEventListener("keydown", (event) => this.key_of(event, block));
        }

        /** Show which block is chosen, null for none of the drawing; `several` are framed when they are chosen as one. */
        select(block, several = this.framed ?? []) {
            [this.chosen, this.framed] = [block, several];
            const alive = [...this.cells].filter(([, node]) => node.lbwAlive);
            const reached = alive.some(([name]) => name === block) ? block : alive[0]?.[0];
            for (const [name, node] of alive) {
                cell.set(node, { "aria-checked": String(name === block), tabindex: name === reached ? "0" : "-1" });
            }
            for (const [name, node] of this.cells) node.classList.toggle("lbw-picked", name === block || several.includes(name));
        }

        /** Mark the blocks that are to be lowered. */
        mark(blocks) {
            for (const [name, node] of this.cells) node.classList.toggle("lbw-lowered", blocks.has(name));
        }

        key_of(event, block) {
            const next = event.key === " " || event.key === "Enter" ? block : ARROWS[event.key] && this.beside(block, ARROWS[event.key]);
            if (!next) return;
            event.preventDefault();
            this.cells.get(next).focus();
            this.choose(next);
        }

        /** The nearest measured block that lies that way; it counts twice to stay in the row or column. */
        beside(block, [right, down]) {
            const middle = (node) => { const box = node.getBoundingClientRect(); return [box.x + box.width / 2, box.y + box.height / 2]; };
            const [x, y] = middle(this.cells.get(block));
            const found = Object.keys(this.numbers).filter((name) => name !== block && this.cells.has(name)).map((name) => {
                const [dx, dy] = middle(this.cells.get(name)).map((at, axis) => at - [x, y][axis]);
                const [along, aside] = right ? [dx * right, Math.abs(dy)] : [dy * down, Math.abs(dx)];
                return [along > 1 ? along + 2 * aside : Infinity, name];
            });
            const [distance, name] = found.sort(([one], [other]) => one - other)[0] ?? [Infinity];
            return distance < Infinity ? name : null;
        }
    }

    Object.assign(window.lbw, { Effects, figure });
})();
