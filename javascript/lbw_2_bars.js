/* The drawing of a model's blocks, made alive: every block is a bar to drag, wheel, type and select. */
(() => {
    "use strict";
    const { short } = window.lbw;
    const t = (...words) => window.lbw.bridge.t(...words);
    const SVG = "http://www.w3.org/2000/svg";
    const [LOW, HIGH, STEP, FINE] = [-2, 2, 0.05, 0.01];
    const round = (value, step) => Math.min(HIGH, Math.max(LOW, Math.round(Math.round(value / step) * step * 1000) / 1000));

    class Bars {
        /**
         * `svg`: the drawing of `lib_lbw.ui.diagram`. `told.input(values)` is called while a bar moves, `told.change(values)`
         * when it rests. Values are numbers by block name.
         */
        constructor(host, svg, told) {
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
            for (const cell of host.querySelectorAll("[data-block]")) this.enliven(cell);
            this.order = [...this.cells.keys()];
            this.focused = this.order[0];
            this.cells.get(this.focused)?.setAttribute("tabindex", "0");
            this.drawing.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
        }

        enliven(cell) {
            const name = cell.dataset.block;
            this.cells.set(name, cell);
            cell.setAttribute("tabindex", "-1");
            cell.setAttribute("role", "slider");
            cell.setAttribute("aria-label", name);
            cell.setAttribute("aria-valuemin", LOW);
            cell.setAttribute("aria-valuemax", HIGH);
            cell.addEventListener("pointerdown", (event) => this.press(event, name));
            cell.addEventListener("dblclick", () => this.flip(name));
            cell.addEventListener("keydown", (event) => this.key(event, name));
            cell.addEventListener("focus", () => this.rove(name));
        }

        /** Show these numbers; what is not told stays. */
        show(values) {
            Object.assign(this.values, values);
            for (const name of this.order) if (name in this.values) this.paint(name);
        }

        /** Mark where other weights stand, to compare; null takes the marks away. */
        compare(values) {
            this.other = values;
            this.order.forEach((name) => this.paint(name));
        }

        paint(name) {
            const cell = this.cells.get(name);
            const frame = cell.querySelector(".lbw-frame");
            const [width, height] = [frame.width.baseVal.value, frame.height.baseVal.value];
            const value = this.values[name] ?? 1;
            const kind = value < 0 ? "low" : value > 1 ? "high" : "mid";
            const share = Math.min(Math.abs(value), 1) * width;
            const absent = cell.classList.contains("lbw-absent");
            cell.classList.remove("lbw-low", "lbw-mid", "lbw-high");
            cell.classList.add("lbw-" + kind);
            cell.setAttribute("aria-valuenow", value);
            if (!absent) {
                const bar = this.part(cell, "rect", "lbw-bar", frame.nextSibling);
                set(bar, { x: kind === "low" ? width - share : 0, width: share, height, rx: 4 });
                bar.style.fill = `var(--lbw-${kind})`;
                const number = cell.querySelector(".lbw-number");
                if (number) number.textContent = short(value);
                const ink = kind === "high" ? "var(--lbw-on-high)" : "currentColor";
                for (const text of cell.querySelectorAll("text")) text.style.fill = ink;
            }
            this.mark(cell, name, width, height);
        }

        mark(cell, name, width, height) {
            const theirs = this.other?.[name];
            if (theirs === undefined || theirs === this.values[name]) {
                cell.querySelector(".lbw-ghost")?.remove();
                return;
            }
            const at = Math.min(Math.max(theirs, 0), 1) * width;
            set(this.part(cell, "path", "lbw-ghost", null), { d: `M${at} -2V${height + 2}` });
        }

        part(cell, tag, name, before) {
            const found = cell.querySelector("." + name);
            if (found) return found;
            const made = document.createElementNS(SVG, tag);
            made.setAttribute("class", name);
            return cell.insertBefore(made, before);
        }

        // ---- selecting

        pick(names) {
            this.picked = new Set(names);
            for (const [name, cell] of this.cells) cell.classList.toggle("lbw-picked", this.picked.has(name));
        }

        rove(name) {
            this.cells.get(this.focused)?.setAttribute("tabindex", "-1");
            this.focused = name;
            this.cells.get(name).setAttribute("tabindex", "0");
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
            const cell = this.cells.get(name);
            cell.focus({ preventScroll: true });
            this.select(event, name);
            if (event.shiftKey || event.ctrlKey || event.metaKey) return;
            const width = cell.querySelector(".lbw-frame").getBoundingClientRect().width;
            const [from, before] = [event.clientX, this.snapshot()];
            let moved = false;
            const move = (to) => {
                if (!moved && Math.abs(to.clientX - from) < 3) return;
                moved = true;
                const step = to.altKey ? FINE : STEP;
                this.change(before, (value) => round(value + (to.clientX - from) / width, step));
            };
            const end = () => {
                cell.removeEventListener("pointermove", move);
                cell.removeEventListener("pointerup", end);
                cell.removeEventListener("pointercancel", end);
                if (moved) this.rest();
                else this.pick([name]);
            };
            cell.setPointerCapture(event.pointerId);
            cell.addEventListener("pointermove", move);
            cell.addEventListener("pointerup", end);
            cell.addEventListener("pointercancel", end);
        }

        snapshot() {
            return Object.fromEntries([...this.picked].map((name) => [name, this.values[name] ?? 1]));
        }

        change(before, next) {
            const changed = {};
            for (const [name, value] of Object.entries(before)) changed[name] = next(value, name);
            this.show(changed);
            this.told.input?.(this.values, changed);
        }

        rest() {
            clearTimeout(this.resting);
            this.told.change?.(this.values);
        }

        /** Change all that is selected and the block at hand, and tell when it has rested for a moment. */
        nudge(name, next) {
            if (!this.picked.has(name)) this.pick([name]);
            this.change(this.snapshot(), next);
            clearTimeout(this.resting);
            this.resting = setTimeout(() => this.rest(), 250);
        }

        flip(name) {
            const to = this.values[name] === 1 ? 0 : 1;
            this.nudge(name, () => to);
        }

        wheel(event) {
            const name = event.target.closest("[data-block]")?.dataset.block;
            if (!name || !this.picked.has(name) || !event.deltaY) return; // the page scrolls over what is not selected
            event.preventDefault();
            this.nudge(name, (value) => round(value - Math.sign(event.deltaY) * (event.altKey ? FINE : STEP), FINE));
        }

        key(event, name) {
            const step = event.shiftKey || event.altKey ? FINE : STEP;
            const place = this.order.indexOf(name);
            const acts = {
                ArrowUp: () => this.nudge(name, (value) => round(value + step, FINE)),
                ArrowDown: () => this.nudge(name, (value) => round(value - step, FINE)),
                Home: () => this.nudge(name, () => 0),
                End: () => this.nudge(name, () => 1),
                ArrowLeft: () => this.go(place - 1),
                ArrowRight: () => this.go(place + 1),
                " ": () => this.select({ ctrlKey: true }, name),
                Enter: () => this.type(name, ""),
            };
            const all = (event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "a";
            if (all) this.pick(this.order);
            else if (event.ctrlKey || event.metaKey) return;
            else if (acts[event.key]) acts[event.key]();
            else if (/^[-.0-9]$/.test(event.key)) this.type(name, event.key);
            else return;
            event.preventDefault();
        }

        go(place) {
            const name = this.order[Math.min(Math.max(place, 0), this.order.length - 1)];
            this.cells.get(name).focus();
            this.pick([name]);
            this.anchor = name;
        }

        /** Open a box over the block to type its number. */
        type(name, text) {
            const cell = this.cells.get(name);
            const [place, around] = [cell.getBoundingClientRect(), this.host.getBoundingClientRect()];
            const box = window.lbw.element("input", { class: "lbw-type", inputmode: "decimal", "aria-label": name });
            box.value = text || short(this.values[name] ?? 1);
            box.style.cssText = `left:${place.left - around.left}px;top:${place.top - around.top}px;width:${place.width}px;height:${place.height}px`;
            const done = (keep) => {
                if (!box.isConnected) return;
                const value = Number(box.value.replace(",", "."));
                box.remove();
                cell.focus();
                if (keep && box.value.trim() && Number.isFinite(value)) this.nudge(name, () => round(value, 0.001));
            };
            box.addEventListener("keydown", (event) => {
                event.stopPropagation();
                if (event.key === "Enter") done(true);
                if (event.key === "Escape") done(false);
            });
            box.addEventListener("blur", () => done(true));
            this.host.append(box);
            box.focus();
            if (!text) box.select();
        }

        /** A line of help for the ways to change a bar. */
        static help() {
            return t("Drag, or turn the wheel over a selected block; double-click for 0 or 1; type a number; Shift or Ctrl to select several. Keys: up and down change, left and right move.");
        }
    }

    function set(node, attributes) {
        for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
    }

    window.lbw.Bars = Bars;
})();
