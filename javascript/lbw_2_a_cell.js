/* One cell of the drawing: its bar, its number, the mark of a compared weight, and the box to type in. */
(() => {
    "use strict";
    const { element, short } = window.lbw;
    const SVG = "http://www.w3.org/2000/svg";

    const set = (node, attributes) => {
        for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
    };

    /** Show `value` in the cell, and mark where `other` stands, if that is a number and not the same. */
    function paint(cell, value, other) {
        const frame = cell.querySelector(".lbw-frame");
        const size = { width: frame.width.baseVal.value, height: frame.height.baseVal.value };
        const kind = value < 0 ? "low" : value > 1 ? "high" : "mid";
        cell.classList.remove("lbw-low", "lbw-mid", "lbw-high");
        cell.classList.add("lbw-" + kind);
        cell.setAttribute("aria-valuenow", value);
        if (!cell.classList.contains("lbw-absent")) fill(cell, value, kind, size);
        mark(cell, value, other, size);
    }

    function fill(cell, value, kind, { width, height }) {
        const share = Math.min(Math.abs(value), 1) * width;
        const bar = part(cell, "rect", "lbw-bar", cell.querySelector(".lbw-frame").nextSibling);
        set(bar, { x: kind === "low" ? width - share : 0, width: share, height, rx: 4 });
        bar.style.fill = `var(--lbw-${kind})`;
        const number = cell.querySelector(".lbw-number");
        number.textContent = short(value);
        set(number, { "fill-opacity": 1, "font-weight": value ? 600 : 400 });
        const ink = kind === "high" ? "var(--lbw-on-high)" : "currentColor";
        for (const text of cell.querySelectorAll("text")) text.style.fill = ink;
    }

    function mark(cell, value, other, { width, height }) {
        const same = other === undefined || other === value;
        const told = { value: short(value), other: short(other ?? value) };
        cell.setAttribute("aria-valuetext", same ? told.value : window.lbw.bridge.t("{value}, compared {other}", told));
        if (same) return void cell.querySelector(".lbw-ghost")?.remove();
        const at = Math.min(Math.max(other, 0), 1) * width;
        set(part(cell, "path", "lbw-ghost", null), { d: `M${at} -2V${height + 2}` });
    }

    function part(cell, tag, name, before) {
        const found = cell.querySelector("." + name);
        if (found) return found;
        const made = document.createElementNS(SVG, tag);
        made.setAttribute("class", name);
        return cell.insertBefore(made, before);
    }

    /**
     * Open a box over the cell with `text` in it. `done(value, back)` is told the number, or null when there is none to
     * take, and whether the focus should go back to the cell.
     */
    function type(host, cell, text, selected, done) {
        const [place, around] = [cell.getBoundingClientRect(), host.getBoundingClientRect()];
        const box = element("input", { class: "lbw-type", inputmode: "decimal", "aria-label": cell.dataset.block });
        box.value = text;
        box.style.cssText = `left:${place.left - around.left}px;top:${place.top - around.top}px;width:${place.width}px;height:${place.height}px`;
        let open = true;
        const close = (keep, back) => {
            if (!open) return;
            open = false;
            const value = Number(box.value.replace(",", "."));
            const sound = keep && box.value.trim() && Number.isFinite(value);
            box.remove();
            done(sound ? value : null, back);
        };
        box.addEventListener("keydown", (event) => {
            event.stopPropagation();
            if (event.key === "Enter") close(true, true);
            if (event.key === "Escape") close(false, true);
        });
        box.addEventListener("blur", () => close(true, false));
        host.append(box);
        box.focus();
        if (selected) box.select();
    }

    window.lbw.cell = { paint, set, type };
})();
