/* Between the prompt and the merge panel: its LoRAs as rows, and a merged one in their place. */
(() => {
    "use strict";
    const { bridge, prompt_box, write } = window.lbw;

    /** The LoRAs of the prompt with their weights, as rows. */
    async function prompt_rows() {
        return (await bridge.ask("merge.rows", { prompt: prompt_box()?.value ?? "" })).rows;
    }

    /** Put a LoRA into the prompt, in place of those called `gone`. Resolves with its tag. */
    async function into_prompt(name, gone) {
        const box = prompt_box();
        const { tags } = await bridge.ask("prompt.read", { prompt: box.value });
        const letters = [...box.value]; // Python counts letters, where the browser counts halves of some
        for (const tag of tags.filter((each) => [name, ...gone].includes(each.name)).reverse()) letters.splice(tag.start, tag.end - tag.start);
        const rest = letters.join("").replace(/ {2,}/g, " ").trim();
        const tag = `<lora:${name}:1>`;
        write(box, rest ? `${rest} ${tag}` : tag);
        return tag;
    }

    Object.assign(window.lbw, { prompt_rows, into_prompt });
})();
