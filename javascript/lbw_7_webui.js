/* What only a WebUI has: its own way to begin, its cards, and its accordions. */
(() => {
    "use strict";
    if (typeof onUiLoaded !== "function") return;
    const { bridge, pause, root, settings } = window.lbw;
    const OURS = /^\s*(?:lbw|w|lbwe|start|stop|step|x)\s*=/;

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

    /** Whether a tag has something of ours behind its name: a key, or behind the multiplier what is no number (`<lora:a:1:OUTALL>`). */
    function is_ours(tag) {
        const items = tag.slice(1, -1).split(":").slice(2);
        return items.some((item, place) => OURS.test(item) || (place > 0 && item.trim() && !item.includes("=") && isNaN(item)));
    }

    /** Take the weighed tag of the card's LoRA out of the box, with the words the card brought; false where there is none. */
    function remove(box, text) {
        const card = /<((?:lora|lyco):[^:>]+):[^>]*>([^]*)/.exec(text);
        if (!card) return false;
        const tags = [...box.value.matchAll(/<((?:lora|lyco):[^:>]+)[^>]*>/g)].filter((tag) => tag[1] === card[1]);
        const tag = tags.find((each) => is_ours(each[0]));
        if (!tag) return false;
        const separator = settings().extra_networks_add_text_separator ?? " ";
        let [before, after] = [box.value.slice(0, tag.index), box.value.slice(tag.index + tag[0].length)];
        if (card[2] && after.startsWith(card[2])) after = after.slice(card[2].length);
        if (separator && before.endsWith(separator)) before = before.slice(0, -separator.length);
        box.value = before + after;
        return true;
    }

    const REST = 400; // milliseconds for which a prompt stays the same before its bars are drawn

    /** The bars in the accordion of a tab: they follow its prompt, whoever changes it, while the accordion is open. */
    class Follower {
        constructor(tab) {
            this.tab = tab;
            this.seen = this.shown = null;
        }

        look() {
            const box = root().querySelector(`#${this.tab}_prompt textarea`);
            const part = (name) => root().querySelector(`#lbw-${this.tab}-${name}`);
            if (!box || !part("active")?.offsetParent) return void (this.seen = this.shown = null); // folded, or another tab
            const rests = this.seen === box.value;
            this.seen = box.value;
            if (!rests || this.shown === box.value) return;
            this.shown = box.value;
            part("show")?.click();
        }
    }

    function follow_prompts() {
        const followers = ["txt2img", "img2img"].map((tab) => new Follower(tab));
        setInterval(() => followers.forEach((each) => each.look()), REST);
        document.addEventListener("click", ({ target }) => { // presets that were saved mean something else now
            if (target.closest?.("[id^=lbw-][id$=-save], [id^=lbw-][id$=-reload]")) followers.forEach((each) => { each.seen = each.shown = null; });
        });
    }

    /** The settings of the WebUI; they come to the page a moment after it is built. */
    async function settings_come() {
        for (let tries = 0; tries < 200 && !Object.keys(settings()).length; tries++) await pause(50);
        return settings();
    }

    onUiLoaded(async () => {
        patch_cards();
        window.lbw.add_completion();
        follow_prompts();
        const localization = String((await settings_come()).localization ?? "").toLowerCase();
        bridge.speak(/^(ja|japan)/.test(localization) ? "ja" : "en").catch(() => undefined); // a page without our tab stays silent
    });
})();
