/* From a preset to the prompt: into the tag of a LoRA that is chosen, in place, or as a new tag. */
(() => {
    "use strict";
    const { bridge, button, choice, root, write } = window.lbw;
    const t = (...words) => bridge.t(...words);
    /** Where a page has its prompts: that of the app, those of the WebUI's tabs. */
    const PLACES = ["#lbw-prompt textarea", "#txt2img_prompt textarea", "#img2img_prompt textarea"];

    /** The box of the page's prompt: the first that is in sight, else the first; null where there is none. */
    function prompt_box() {
        const boxes = PLACES.map((place) => root().querySelector(place)).filter(Boolean);
        return boxes.find((box) => box.offsetParent) ?? boxes[0] ?? null;
    }

    /** `desk`: {weights() -> Promise of the text for the tag, say(note), fail(error)}. */
    class PromptUse {
        constructor(desk, loras) {
            this.desk = desk;
            this.loras = loras;
            const look = () => this.look().catch(desk.fail);
            this.list = choice(t("LoRA in the prompt"), [], () => undefined);
            for (const kind of ["pointerenter", "focus"]) this.list.select.addEventListener(kind, look);
            this.button = button("Use in the prompt", () => this.use().catch(desk.fail), { class: "lbw-button lbw-primary" });
        }

        /** Fill the list with the tags of the prompt and the LoRAs that can be added to it. */
        async look() {
            const prompt = prompt_box()?.value ?? "";
            if (prompt === this.seen) return;
            const { tags } = await bridge.ask("prompt.read", { prompt });
            this.seen = prompt;
            const named = new Set(tags.map((tag) => tag.name));
            const before = this.list.select.value;
            const pairs = [
                ...tags.map((tag, at) => [`tag:${at}`, tag.fault ? null : tag.name + (tag.weights ? ` (${shortened(tag.weights)})` : "")]).filter(([, shown]) => shown),
                ...this.loras.filter((name) => !named.has(name)).map((name) => ["lora:" + name, "+ " + name]),
            ];
            this.list.fill(pairs);
            if (pairs.some(([value]) => value === before)) this.list.select.value = before;
        }

        async use() {
            const box = prompt_box();
            if (!box) throw { message: t("This page has no prompt.") };
            await this.look();
            const [kind, which] = this.list.select.value.split(/:(.*)/s);
            if (!kind) throw { message: t("There is no LoRA to use it with.") };
            const target = kind === "tag" ? { tag: Number(which) } : { lora: which };
            const made = await bridge.ask("prompt.write", { prompt: box.value, weights: await this.desk.weights(), ...target });
            write(box, made.prompt);
            this.desk.say(t("In the prompt: {text}", { text: made.text }));
            this.seen = null;
            await this.look();
            if (kind === "lora") this.list.select.value = [...this.list.select.options].filter((option) => option.value.startsWith("tag:")).at(-1)?.value ?? "";
        }
    }

    const shortened = (text) => (text.length > 24 ? text.slice(0, 23) + "…" : text);

    Object.assign(window.lbw, { PromptUse, prompt_box });
})();
