/* The drawing of a model's blocks, made alive: every block is a bar to drag, wheel, type and select. */
(() => {
    "use strict";
    const { cell, short } = window.lbw;
    const t = (...words) => window.lbw.bridge.t(...words);
    const [LOW, HIGH, STEP, FINE, LEAP] = [-2, 2, 0.05, 0.01, 0.25];
    const RESTS = 250; // milliseconds after which a bar that is nudged counts as at rest
    const MOVED = 3; // pixels from which on a press is a drag

    /** On the grid of `step`; within the usual range, unless `from` is beyond it already. */
    const round = (value, step, from = 0) => {
        const bound = Math.min(Math.max(value, Math.min(LOW, from)), Math.max(HIGH, from));
        return Math.round(Math.round(bound / step) * step * 1000) / 1000;
    };

    class Bars {
        /**
         * `svg`: the drawing of `lib_lbw.ui.diagram`. `told.input(values, changed)` is called while a bar moves,
         * `told.change(values, "drag" | "nudge")` when it rests, `told.point(name)` when pointer or focus comes to a block.
         * Values are numbers by block name. A block that the LoRA lacks is shown and cannot be changed. `order`: the blocks
         * in the order of the model, which keys and ranges follow; without it that of the drawing.
         */
        constructor(host, svg, told, order = []) {
            this.host = host;
            this.told = told;
            this.values = {};
            this.other = null;
            this.picked = new Set();
            host.classList.add("lbw-bars");
            host.innerHTML = svg; // drawn by our own Python, every name in it escaped
            this.drawing = host.querySelector("svg");
            this.drawing.setAttribute("role", "group");
            this.cells = new Map();
            for (const node of host.querySelectorAll("[data-block]")) this.enliven(node);
            this.order = [...new Set([...order.filter((name) => this.cells.has(name)), ...this.cells.keys()])];
            this.focused = this.order[0];
            this.cells.get(this.focused)?.setAttribute("tabindex", "0");
            this.drawing.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
        }

        enliven(node) {
            const name = node.dataset.block;
            this.cells.set(name, node);
            node.querySelector("title")?.remove(); // it would go on telling the first weight
            cell.set(node, { tabindex: "-1", role: "slider", "aria-label": name, "aria-valuemin": LOW, "aria-valuemax": HIGH });
            if (this.absent(name)) cell.set(node, { "aria-disabled": "true", "aria-label": t("{block}: not in this LoRA", { block: name }) });
            node.addEventListener("pointerdown", (event) => this.press(event, name));
            node.addEventListener("dblclick", () => this.flip(name));
            node.addEventListener("keydown", (event) => this.key(event, name));
            node.addEventListener("pointerenter", () => this.told.point?.(name));
            node.addEventListener("focus", () => this.rove(name));
        }

        absent(name) {
            return this.cells.get(name).classList.contains("lbw-absent");
        }

        /** Show these numbers; what is not told stays. */
        show(values) {
            Object.assign(this.values, values);
            for (const name of Object.keys(values)) if (this.cells.has(name)) this.paint(name);
        }

        /** Mark where other weights stand, to compare; null takes the marks away. */
        compare(values) {
            this.other = values;
            this.order.forEach((name) => this.paint(name));
        }

        /** The blocks whose weight is not that of the other weights: [name, own, other]. */
        differences() {
            const told = this.order.map((name) => [name, this.values[name] ?? 1, this.other?.[name]]);
            return told.filter(([, own, other]) => other !== undefined && own !== other);
        }

        paint(name) {
            cell.paint(this.cells.get(name), this.values[name] ?? 1, this.other?.[name]);
        }

        // ---- selecting

        /** Select these blocks and no others. */
        pick(names) {
            this.picked = new Set(names);
            for (const [name, node] of this.cells) node.classList.toggle("lbw-picked", this.picked.has(name));
        }

        rove(name) {
            this.cells.get(this.focused)?.setAttribute("tabindex", "-1");
            this.focused = name;
            this.cells.get(name).setAttribute("tabindex", "0");
            this.told.point?.(name);
        }

        select(event, name) {
            if (event.shiftKey && this.anchor) {
                const [first, last] = [this.order.indexOf(this.anchor), this.order.indexOf(name)].sort((a, b) => a - b);
                this.pick(this.order.slice(first, last + 1));
            } else if (event.ctrlKey || event.metaKey) {
                const names = new Set(this.picked);
                if (!names.delete(name)) names.add(name);
                this.pick(names);
            } else if (!this.picked.has(name)) {
                this.pick([name]);
            }
            if (!event.shiftKey) this.anchor = name;
        }

        // ---- changing

        press(event, name) {
            if (event.button !== 0) return;
            const node = this.cells.get(name);
            node.focus({ preventScroll: true });
            this.select(event, name);
            if (event.shiftKey || event.ctrlKey || event.metaKey) return;
            const width = node.querySelector(".lbw-frame").getBoundingClientRect().width;
            const [from, before] = [event.clientX, this.snapshot()];
            let moved = false;
            const move = (to) => {
                if (!moved && Math.abs(to.clientX - from) < MOVED) return;
                moved = true;
                const step = to.altKey ? FINE : STEP;
                this.change(before, (value) => round(value + (to.clientX - from) / width, step, value));
            };
            const end = () => {
                node.removeEventListener("pointermove", move);
                for (const last of ["pointerup", "pointercancel"]) node.removeEventListener(last, end);
                if (moved) this.rest("drag");
                else this.pick([name]);
            };
            node.setPointerCapture(event.pointerId);
            node.addEventListener("pointermove", move);
            for (const last of ["pointerup", "pointercancel"]) node.addEventListener(last, end);
        }

        snapshot() {
            return Object.fromEntries([...this.picked].filter((name) => !this.absent(name)).map((name) => [name, this.values[name] ?? 1]));
        }

        change(before, next) {
            const changed = {};
            for (const [name, value] of Object.entries(before)) changed[name] = next(value);
            this.show(changed);
            this.told.input?.(this.values, changed);
        }

        rest(how = "nudge") {
            clearTimeout(this.resting);
            this.resting = null;
            this.told.change?.(this.values, how);
        }

        /** Let a bar that was just nudged count as at rest now. */
        settle() {
            if (this.resting) this.rest();
        }

        /** Change all that is selected and the block at hand, and tell when it has rested for a moment. */
        nudge(name, next) {
            if (!this.picked.has(name)) this.pick([name]);
            this.change(this.snapshot(), next);
            clearTimeout(this.resting);
            this.resting = setTimeout(() => this.rest(), RESTS);
        }

        flip(name) {
            const to = this.values[name] === 1 ? 0 : 1;
            this.nudge(name, () => to);
        }

        wheel(event) {
            const name = event.target.closest("[data-block]")?.dataset.block;
            if (!name || !this.picked.has(name) || !event.deltaY) return; // the page scrolls over what is not selected
            event.preventDefault();
            const by = -Math.sign(event.deltaY) * (event.altKey ? FINE : STEP);
            this.nudge(name, (value) => round(value + by, FINE, value));
        }

        key(event, name) {
            const step = event.shiftKey || event.altKey ? FINE : STEP;
            const place = this.order.indexOf(name);
            const by = (amount) => () => this.nudge(name, (value) => round(value + amount, FINE, value));
            const acts = {
                ArrowUp: by(step),
                ArrowDown: by(-step),
                PageUp: by(LEAP),
                PageDown: by(-LEAP),
                Home: () => this.nudge(name, () => 0),
                End: () => this.nudge(name, () => 1),
                ArrowLeft: () => this.go(place - 1, event.shiftKey),
                ArrowRight: () => this.go(place + 1, event.shiftKey),
                " ": () => this.select({ ctrlKey: true }, name),
                Escape: () => this.pick([name]),
                Enter: () => this.type(name, ""),
            };
            const command = event.ctrlKey || event.metaKey;
            if (command && event.key.toLowerCase() === "a") this.pick(this.order);
            else if (command) return;
            else if (acts[event.key]) acts[event.key]();
            else if (/^[-.0-9]$/.test(event.key)) this.type(name, event.key);
            else return;
            event.preventDefault();
        }

        go(place, extend) {
            const name = this.order[Math.min(Math.max(place, 0), this.order.length - 1)];
            this.cells.get(name).focus();
            this.select({ shiftKey: extend && Boolean(this.anchor) }, name);
            if (!extend) this.pick([name]);
        }

        /** Open a box over the block to type its number. */
        type(name, text) {
            if (this.absent(name)) return;
            const node = this.cells.get(name);
            cell.type(this.host, node, text || short(this.values[name] ?? 1), !text, (value, back) => {
                if (back) node.focus();
                if (value !== null) this.nudge(name, () => Math.round(value * 1000) / 1000);
            });
        }

        /** The ways to change a bar, in short sentences. */
        static help() {
            return [
                t("Drag a bar left or right; hold Alt for fine steps."),
                t("Double-click sets it to 0 or 1; type a number for any other."),
                t("The wheel turns a bar that is selected."),
                t("Shift selects a range, Ctrl one more: all move together."),
                t("Keys: left and right go, up and down change, Home is 0, End is 1, Ctrl+A selects all."),
            ];
        }
    }

    window.lbw.Bars = Bars;
})();
