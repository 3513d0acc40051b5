/* What test_accessible.py asks of a page: window.audit.faint(panel), nameless(panel), focused(panel). */
(() => {
    "use strict";
    const CONTROLS = "a[href], button, input, select, textarea, summary, [tabindex='0'], [role=slider], [role=radio]";
    const canvas = Object.assign(document.createElement("canvas"), { width: 1, height: 1 });
    const pixel = canvas.getContext("2d", { willReadFrequently: true });
    const visible = (node) => node.checkVisibility({ checkVisibilityCSS: true });

    /** Any colour of CSS as red, green, blue in [0, 255] and alpha in [0, 1]. */
    function rgba(colour) {
        pixel.clearRect(0, 0, 1, 1);
        pixel.fillStyle = colour;
        pixel.fillRect(0, 0, 1, 1);
        const [red, green, blue, alpha] = pixel.getImageData(0, 0, 1, 1).data;
        return [red, green, blue, alpha / 255];
    }

    const faded = ([red, green, blue, alpha], share) => [red, green, blue, alpha * share];
    const over = (top, below) => [...[0, 1, 2].map((each) => top[each] * top[3] + below[each] * (1 - top[3])), 1];

    /** Relative luminance and contrast ratio as WCAG 2.2 defines them. */
    const light = (colour) => [0.2126, 0.7152, 0.0722].reduce((sum, share, each) => {
        const value = colour[each] / 255;
        return sum + share * (value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4);
    }, 0);
    function ratio(one, other) {
        const [low, high] = [light(one), light(other)].sort((left, right) => left - right);
        return (high + 0.05) / (low + 0.05);
    }

    const chain = (node) => (node ? [...chain(node.parentElement), node] : []);
    const opacity = (node) => chain(node).reduce((share, each) => share * Number(getComputedStyle(each).opacity), 1);
    const behind = (node) => chain(node)
        .reduce((below, each) => over(rgba(getComputedStyle(each).backgroundColor), below), [255, 255, 255, 1]);

    /** What a text stands on: its background, and in a drawing the frame and the bar of its block too. */
    function grounds(node) {
        const plain = behind(node);
        const [frame, bar] = [".lbw-frame", ".lbw-bar"].map((kind) => node.closest("[data-block]")?.querySelector(kind));
        const filled = (each) => {
            const { fill, fillOpacity } = getComputedStyle(each);
            return /^(url|none)/.test(fill) ? plain : over(faded(rgba(fill), Number(fillOpacity)), plain);
        };
        const [text, over_bar] = [node, bar].map((each) => each?.getBoundingClientRect());
        const on_bar = bar && text.left < over_bar.right && text.right > over_bar.left;
        const beside_bar = !on_bar || text.left < over_bar.left - 1 || text.right > over_bar.right + 1;
        return [beside_bar && (frame ? filled(frame) : plain), on_bar && filled(bar)].filter(Boolean);
    }

    /** A line for each text that is less than 4.5 (large ones: 3) times as bright or dark as what it stands on. */
    function faint(panel) {
        const told = new Set();
        const check = (node, colour, share, text) => {
            const { fontSize, fontWeight } = getComputedStyle(node);
            const large = parseFloat(fontSize) >= 24 || (parseFloat(fontSize) >= 18.66 && Number(fontWeight) >= 700);
            for (const ground of grounds(node)) {
                const found = ratio(over(faded(rgba(colour), share), ground), ground);
                const what = `${node.tagName}.${node.getAttribute("class")} "${text.trim().slice(0, 40)}"`;
                if (found < (large ? 3 : 4.495)) told.add(`${found.toFixed(2)} ${what} ${colour} on ${ground.map(Math.round)}`);
            }
        };
        const seen = (node) => visible(node) && !node.closest("[disabled], [aria-disabled=true], datalist, title, option");
        const walker = document.createTreeWalker(panel, NodeFilter.SHOW_TEXT);
        while (walker.nextNode()) {
            const { parentElement: node, textContent: text } = walker.currentNode;
            if (!text.trim() || !seen(node)) continue;
            const { color, fill, fillOpacity } = getComputedStyle(node);
            const drawn = node instanceof SVGElement;
            check(node, drawn ? fill : color, opacity(node) * (drawn ? Number(fillOpacity) : 1), text);
        }
        for (const field of [...panel.querySelectorAll("input.lbw-field, select, textarea")].filter(seen)) {
            check(field, getComputedStyle(field).color, opacity(field), field.value || "value");
            const { color } = getComputedStyle(field, "::placeholder");
            if (field.placeholder) check(field, color, opacity(field), field.placeholder);
        }
        return [...told];
    }

    /** The controls that have no name; a placeholder is none. */
    function nameless(panel) {
        const name = (each) => {
            const labels = [...(each.labels ?? [])].map((label) => label.textContent).join(" ");
            const own = each.matches("input, select, textarea, [role=slider]") ? "" : each.textContent;
            return [each.getAttribute("aria-label"), labels, own, each.title].some((text) => text?.trim());
        };
        const without = [...panel.querySelectorAll(CONTROLS)].filter((each) => visible(each) && !name(each));
        return without.map((each) => each.outerHTML.slice(0, 120));
    }

    /** The place of the focused control among all that the Tab key should meet, and whether its focus can be seen. */
    function focused(panel) {
        const each = document.activeElement;
        if (!panel.contains(each)) return null;
        const all = [...panel.querySelectorAll(CONTROLS)].filter((one) => one.tabIndex >= 0 && !one.disabled && visible(one));
        const settled = () => document.getAnimations().filter((moving) => moving instanceof CSSTransition).forEach((moving) => moving.finish());
        const look = () => settled() ?? [each, each.querySelector(".lbw-frame")].filter(Boolean).map((one) => {
            const style = getComputedStyle(one);
            const edges = [style.outline, style.boxShadow, style.borderColor, style.stroke, style.strokeWidth];
            return [...edges, getComputedStyle(one, "::after").boxShadow].join(" ");
        }).join(" ");
        const here = look();
        each.blur();
        const shown = look() !== here;
        each.focus({ preventScroll: true });
        return { at: all.indexOf(each), of: all.length, shown, text: each.outerHTML.slice(0, 120) };
    }

    window.audit = { CONTROLS, faint, nameless, focused };
})();
