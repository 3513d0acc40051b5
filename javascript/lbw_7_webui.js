/* What only a WebUI has: its own way to begin, its cards, and its completion of tags. */
(() => {
    "use strict";
    if (typeof onUiLoaded !== "function") return;
    const { bridge, pause, preset_names } = window.lbw;
    const OURS = /:(?:lbw|w|lbwe|start|stop|step|x)=/;

    /** A click on a card whose tag stands in the prompt takes the tag out; the WebUI itself knows it only without weights. */
    function patch_cards() {
        const original = window.tryToRemoveExtraNetworkFromPrompt;
        if (typeof original !== "function" || original.lbw) return;
        const patched = function (box, text, ...rest) {
            return (box && remove(box, String(text))) || original.call(this, box, plain(String(text)), ...rest);
        };
        patched.lbw = true;
        window.tryToRemoveExtraNetworkFromPrompt = patched;
    }

    /** The text of a card without weights: the WebUI compares no others. */
    const plain = (text) => text.replace(/^(<(?:lora|lyco):[^:>]+:[^:>]+):lbw=[^>]*>/, "$1>");

    /** Take the weighed tag of the card's LoRA out of the box, with the words the card brought; false where there is none. */
    function remove(box, text) {
        const card = /<((?:lora|lyco):[^:>]+):[^>]*>([^]*)/.exec(text);
        if (!card) return false;
        const tags = [...box.value.matchAll(/<((?:lora|lyco):[^:>]+)[^>]*>/g)].filter((tag) => tag[1] === card[1]);
        const tag = tags.find((each) => OURS.test(each[0]));
        if (!tag) return false;
        const separator = window.opts?.extra_networks_add_text_separator ?? " ";
        let [before, after] = [box.value.slice(0, tag.index), box.value.slice(tag.index + tag[0].length)];
        if (card[2] && after.startsWith(card[2])) after = after.slice(card[2].length);
        if (separator && before.endsWith(separator)) before = before.slice(0, -separator.length);
        box.value = before + after;
        return true;
    }

    /** Names of presets for the completion extension a1111-sd-webui-tagcomplete, when it is installed. */
    function add_completion() {
        if (![() => PARSERS, () => QUEUE_SANITIZE, () => BaseTagParser, () => AutocompleteResult, () => ResultType.lora].every(defined)) return;
        class PresetParser extends BaseTagParser {
            async parse() {
                return complete(tagword, await preset_names()).map((text) => {
                    const result = new AutocompleteResult(text, ResultType.lora); // of this type, for no comma comes behind it
                    result.meta = "LoRA Block Weight";
                    return result;
                });
            }
        }
        PARSERS.push(new PresetParser(() => defined(() => tagword) && INSIDE.test(tagword)));
        QUEUE_SANITIZE.unshift((type, text) => (type === ResultType.lora && INSIDE.test(text) ? text : null)); // as it is, no tag around it
    }

    /** Whether a global of another script is there; one that was never declared throws. */
    function defined(read) {
        try {
            return read() !== undefined;
        } catch {
            return false;
        }
    }

    const INSIDE = /^<(?:lora|lyco):[^>]*:(?:lbw|w)=[^:>]*$/;

    /** What is typed with its last name completed, those first that begin so. */
    function complete(typed, names) {
        const begun = /[^=,]*$/.exec(typed)[0];
        const wanted = begun.trim().toLowerCase();
        const begins = (name) => Number(name.toLowerCase().startsWith(wanted));
        const fitting = names.filter((name) => name.toLowerCase().includes(wanted)).sort((one, other) => begins(other) - begins(one));
        return fitting.map((name) => typed.slice(0, typed.length - begun.length) + name);
    }

    /** The settings of the WebUI; they come to the page a moment after it is built. */
    async function settings() {
        for (let tries = 0; tries < 200 && !Object.keys(window.opts ?? {}).length; tries++) await pause(50);
        return window.opts ?? {};
    }

    onUiLoaded(async () => {
        patch_cards();
        add_completion();
        const localization = String((await settings()).localization ?? "").toLowerCase();
        bridge.speak(/^(ja|japan)/.test(localization) ? "ja" : "en").catch(() => undefined); // a page without our tab stays silent
    });
})();
