/* Names of presets for the completion extension a1111-sd-webui-tagcomplete, when it is installed. */
(() => {
    "use strict";
    const { preset_names, write } = window.lbw;
    const TYPED = /<(?:lora|lyco):[^<>]*:(?:lbw|w)=([^:<>]*)$/i; // what stands before the caret
    const offered = new Map(); // text of a result -> where the caret goes in it

    /** Whether a global of another script is there; one that was never declared throws. */
    function defined(read) {
        try {
            return read() !== undefined;
        } catch {
            return false;
        }
    }

    /** The names that fit what is begun, those first that begin so; none when only the name itself fits. */
    function fitting(begun, names) {
        const wanted = begun.toLowerCase();
        const begins = (name) => Number(name.toLowerCase().startsWith(wanted));
        return names.filter((name) => name !== begun && name.toLowerCase().includes(wanted)).sort((one, other) => begins(other) - begins(one));
    }

    /** What is begun at the caret of a box; null outside of weights. */
    function begun_in(box) {
        const typed = TYPED.exec(box.value.slice(0, box.selectionStart));
        return typed && /[^,]*$/.exec(typed[1])[0].trimStart();
    }

    /**
     * The texts that take the place of `word`: the extension looks for it around the caret, in small letters, and it may
     * be a whole tag or one name in it. Everything but the name stays as it was written.
     */
    function completions(box, word, names) {
        const [begun, caret, around] = [begun_in(box), box.selectionStart, Math.max(0, box.selectionStart - word.length)];
        const place = box.value.slice(around, caret + word.length).toLowerCase().indexOf(word);
        if (begun === null || place < 0) return [];
        const whole = box.value.slice(around + place, around + place + word.length);
        const head = caret - around - place - begun.length; // below 0 where the word is only the end of what is begun
        const fits = fitting(begun, names).filter((name) => head >= 0 || name.toLowerCase().startsWith(begun.toLowerCase()));
        return fits.map((name) => {
            const start = whole.slice(0, Math.max(0, head)) + name.slice(Math.max(0, -head));
            return [start + whole.slice(Math.max(0, head + begun.length)), start.length];
        });
    }

    /** Take away what the extension puts behind a LoRA, and put the caret behind the name. */
    function tidy(box, text, at) {
        const separator = TAC_CFG.extraNetworksSeparator || " ";
        const end = box.selectionStart - separator.length;
        if (end < 0 || box.value.slice(end - text.length, end + separator.length) !== text + separator) return;
        write(box, box.value.slice(0, end) + box.value.slice(end + separator.length));
        box.setSelectionRange(end - text.length + at, end - text.length + at);
    }

    /** Sign in with the extension. */
    function add_completion() {
        if (![() => PARSERS, () => QUEUE_SANITIZE, () => BaseTagParser, () => AutocompleteResult, () => ResultType.lora].every(defined)) return;
        let box = null;
        class PresetParser extends BaseTagParser {
            async parse(area) {
                box = area;
                offered.clear();
                return completions(area, tagword, await preset_names()).map(([text, at]) => {
                    offered.set(text, at);
                    const result = new AutocompleteResult(text, ResultType.lora); // of this type, for no comma comes behind it
                    result.meta = "LoRA Block Weight";
                    return result;
                });
            }
        }
        PARSERS.push(new PresetParser(() => defined(() => tagword) && document.activeElement?.tagName === "TEXTAREA" && begun_in(document.activeElement) !== null));
        QUEUE_SANITIZE.unshift((type, text) => {
            if (type !== ResultType.lora || !offered.has(text)) return null;
            const [into, at] = [box, offered.get(text)];
            into.addEventListener("input", (event) => {
                event.stopImmediatePropagation();
                tidy(into, text, at);
            }, { once: true, capture: true });
            return text; // as it is, no tag around it
        });
    }

    /** Whether the extension shows its list. */
    const completing = () => [...window.lbw.root().querySelectorAll(".autocompleteParent")].some((list) => list.style.display === "flex");

    Object.assign(window.lbw, { add_completion, completing });
})();
