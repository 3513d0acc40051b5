/* Every visible piece of text below an element with its contrast to what is behind it (WCAG 2.2, 1.4.3). */
(root) => {
    const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
    const colour = (text) => {
        canvas.clearRect(0, 0, 1, 1);
        canvas.fillStyle = text;
        canvas.fillRect(0, 0, 1, 1);
        const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data;
        return [r, g, b, a / 255];
    };
    const over = ([r, g, b, a], [R, G, B]) => [r * a + R * (1 - a), g * a + G * (1 - a), b * a + B * (1 - a), 1];
    const light = (colour) => {
        const [r, g, b] = colour.map((each) => each / 255).map((each) => (each <= 0.04045 ? each / 12.92 : ((each + 0.055) / 1.055) ** 2.4));
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const ratio = (one, other) => {
        const [high, low] = [light(one), light(other)].sort((a, b) => b - a);
        return (high + 0.05) / (low + 0.05);
    };
    const behind = (element) => {
        const layers = [];
        for (let each = element; each; each = each.parentElement) layers.push(colour(getComputedStyle(each).backgroundColor));
        return layers.reverse().reduce((below, layer) => over(layer, below), [255, 255, 255, 1]);
    };
    const found = [];
    for (const text of root.querySelectorAll("svg text")) {
        const style = getComputedStyle(text);
        const block = text.closest("[data-block]");
        const under = behind(root);
        const bar = block?.querySelector(".lbw-bar");
        const [box, filled] = [text.getBoundingClientRect(), bar?.getBoundingClientRect()];
        const ink = colour(style.fill);
        ink[3] *= Number(style.fillOpacity);
        const painted = filled?.width ? over(colour(getComputedStyle(bar).fill), under) : under;
        const touched = filled && filled.right > box.left && filled.left < box.right;
        const covered = filled && filled.left <= box.left && filled.right >= box.right;
        const grounds = covered ? [painted] : touched ? [under, painted] : [under];
        for (const ground of grounds) found.push({ text: `svg ${block?.dataset.block ?? "level"} ${text.textContent}`, ratio: ratio(over(ink, ground), ground) });
    }
    const walker = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
    for (let node = walker.nextNode(); node; node = walker.nextNode()) {
        const element = node.parentElement;
        const dull = element.closest("svg, option, :disabled, [aria-hidden=true]:not(.lbw-numbers, .lbw-numbers *)");
        if (!node.textContent.trim() || dull || !element.checkVisibility()) continue;
        const ground = behind(element);
        found.push({ text: node.textContent.trim().slice(0, 40), ratio: ratio(over(colour(getComputedStyle(element).color), ground), ground) });
    }
    for (const field of root.querySelectorAll("input, textarea, select")) {
        if (!field.checkVisibility()) continue;
        const ground = behind(field);
        found.push({ text: `field ${field.getAttribute("aria-label") ?? field.value}`, ratio: ratio(over(colour(getComputedStyle(field).color), ground), ground) });
        if (!field.placeholder) continue;
        found.push({ text: `placeholder ${field.placeholder.slice(0, 30)}`, ratio: ratio(over(colour(getComputedStyle(field, "::placeholder").color), ground), ground) });
    }
    return found;
}
