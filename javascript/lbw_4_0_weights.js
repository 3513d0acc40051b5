/* Weights as text, as far as a page can read them by itself: plain vectors at once, and a number put into any text. */
(() => {
    "use strict";
    const { short } = window.lbw;
    const NUMBER = /^[+-]?(?:\d+\.?\d*|\.\d+)$/;
    const LETTER = /^[RUX](?:\s*[+-]\s*(?:\d+\.?\d*|\.\d+))?$/;
    const KEPT = 8192; // sizes that are remembered
    const TERMS = 8; // so many blocks are set by terms of their own; more are better written anew

    const items = (text) => text.split(",").map((item) => item.trim());

    const sizes = new Map(); // text -> its size: a list of a thousand asks for all of them with every change of one

    /** The number of values of a vector; 0 for anything else. */
    function size(text) {
        if (!sizes.has(text)) {
            const all = items(text ?? "");
            if (sizes.size >= KEPT) sizes.clear();
            sizes.set(text, all.length > 1 && all.every((item) => NUMBER.test(item) || LETTER.test(item)) ? all.length : 0);
        }
        return sizes.get(text);
    }

    /**
     * What a vector of plain numbers means for a family: a number per block; null for every other text. A block that it
     * does not name is 0, OTHER 1; a vector of one number throughout is the strength of the whole LoRA.
     */
    function read(text, family) {
        const all = items(text);
        const layout = family.layouts[all.length];
        if (!layout || all.length < 2 || !all.every((item) => NUMBER.test(item))) return null;
        const numbers = all.map(Number);
        const constant = numbers.every((number) => number === numbers[0]);
        const values = {};
        for (const block of family.blocks) values[block] = constant ? numbers[0] : block === "OTHER" ? 1 : 0;
        layout.forEach((block, at) => { if (block in values) values[block] = numbers[at]; });
        return values;
    }

    /**
     * The text with `changed` (number by block) in it, everything else as it was written: in place in a vector, behind
     * other terms. Null where only Python can write it.
     */
    function write(text, changed, family) {
        const names = Object.keys(changed);
        const all = text.trim() ? items(text) : ["1"];
        const length = size(text);
        if (length) {
            const layout = family.layouts[length];
            if (!layout || !names.every((name) => layout.includes(name))) return null;
            layout.forEach((name, at) => { if (name in changed) all[at] = short(changed[name]); });
            return all.every((item) => item === all[0]) ? null : all.join(",");
        }
        if (names.length > TERMS) return null;
        const kept = all.filter((item) => !names.some((name) => item.startsWith(name + "@")));
        return [...(kept.length ? kept : ["1"]), ...names.map((name) => `${name}@${short(changed[name])}`)].join(",");
    }

    window.lbw.weights = { size, read, write };
})();
