/* The bars of one LoRA's own blocks, read from a text of weights and written back into it as little as possible. */
(() => {
    "use strict";
    const { bridge, Bars, weights } = window.lbw;
    const drawn = new Map(); // language and LoRA -> what is known of its blocks

    class LoraBars {
        /** `told.text(weights)` is called when a bar was moved and rests, `told.point(block)` when one is pointed at. */
        constructor(place, told) {
            this.place = place;
            this.told = told;
            this.text = "";
            this.changed = {};
        }

        /** Forget all LoRAs: a file may have been written anew. */
        static forget() {
            drawn.clear();
        }

        /** Show the blocks of the LoRA of this name. Rejects when there is none, or when it cannot be read. */
        async draw(name) {
            const key = `${bridge.language} ${name}`;
            if (!drawn.has(key)) drawn.set(key, await bridge.ask("family", { lora: name }));
            [this.name, this.family] = [name, drawn.get(key)];
            this.make(this.family.svg);
        }

        make(svg) {
            if (svg === this.svg) return;
            this.svg = svg;
            this.bars = new Bars(this.place, svg, {
                input: (values, changed) => Object.assign(this.changed, changed),
                change: (values) => this.rested(values),
                point: (block) => this.told.point?.(block),
            });
        }

        /** Show what `weights.read` answered for this text. */
        show(text, answer) {
            this.text = text;
            this.make(answer.svg ?? this.family.svg);
            if (!Object.keys(this.changed).length) this.bars.show(answer.values); // a bar that is moving right now goes first
        }

        async rested(values) {
            const changed = this.changed;
            this.changed = {};
            this.text = weights.write(this.text, changed, this.family) ?? (await this.anew(values));
            this.told.text(this.text);
        }

        /** The weights written anew, with the rules for single layers that the text had. */
        async anew(values) {
            const { rules } = await bridge.ask("weights.read", { lora: this.name, text: this.text });
            return (await bridge.ask("weights.write", { lora: this.name, values, rules })).text;
        }

        /** Give the focus to the bar that had it last, or to the first that can be changed. */
        focus() {
            const last = this.place.querySelector('[data-block][tabindex="0"]:not(.lbw-absent)');
            (last ?? this.place.querySelector("[data-block]:not(.lbw-absent)"))?.focus();
        }
    }

    /** The names of all presets of a kind that can be used, one's own first. */
    async function preset_names(kind = "presets") {
        return (await bridge.ask("presets.names", { kind })).names;
    }

    Object.assign(window.lbw, { LoraBars, preset_names });
})();
