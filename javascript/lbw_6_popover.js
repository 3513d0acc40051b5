/* In the prompt box: with the caret in a <lora:...> tag, the bars of that LoRA's own blocks, written back as lbw=. */
(() => {
    "use strict";
    const { bridge, choice, element, preset_names, write, LoraBars } = window.lbw;
    const t = (...words) => bridge.t(...words);
    const TAG = /<\s*(?:lora|lyco)\s*:[^<>]*>?/gi; // as Python counts them: also those that are badly written
    const REST = 400; // milliseconds the caret rests in a tag before the panel comes
    const GAP = 6; // pixels between the box and the panel
    const LEAST = 260; // pixels of height that the panel needs to be of use
    const BOXES = "#lbw-prompt textarea, #txt2img_prompt textarea, #img2img_prompt textarea, #hires_prompt textarea";
    const SHY = "lbw-prompt-popover-shy";

    /** The setting of the WebUI; the app has none, and lets the panel come. */
    const allowed = () => window.lbw.settings().lbw_prompt_popover !== false;
    /** Whether the panel comes only when it is called. */
    const shy = () => localStorage.getItem(SHY) === "1";

    class Popover {
        constructor() {
            this.dismissed = null;
            for (const kind of ["keyup", "click", "focusin"]) document.addEventListener(kind, (event) => this.soon(event.target), true);
            document.addEventListener("keydown", (event) => this.key(event), true);
            document.addEventListener("focusout", (event) => this.left(event), true);
            document.addEventListener("pointerdown", (event) => this.elsewhere(event.target), true);
            window.addEventListener("scroll", (event) => this.scrolled(event.target), { capture: true, passive: true });
            window.addEventListener("resize", () => this.close());
        }

        // ---- coming

        /** Look at the caret of a prompt box when it has come to rest. */
        soon(box) {
            if (!box?.matches?.(BOXES)) return;
            clearTimeout(this.waiting);
            this.waiting = setTimeout(() => this.look(box), REST);
        }

        look(box) {
            if (!allowed() || document.activeElement !== box) return;
            if (window.lbw.completing()) return void this.close(); // a list of names stands there
            const found = tag_at(box);
            if (!found) {
                this.dismissed = null;
                return void this.close();
            }
            const here = this.panel && this.box === box && this.number === found.number;
            if (here && this.shown === found.text) return;
            if (!here && (this.dismissed === place(box, found.number) || shy())) return;
            this.open(box, found).catch(() => this.close()); // no such LoRA, or none that can be read: the picture will say so
        }

        /** Come at once because of a key, and take the focus. */
        async call(box) {
            clearTimeout(this.waiting);
            const found = allowed() && tag_at(box);
            if (!found) return;
            if (!this.panel || this.number !== found.number || this.box !== box) await this.open(box, found).catch(() => this.close());
            this.bars?.focus();
        }

        async open(box, found) {
            const opening = (this.opening = {});
            const { tags } = await bridge.ask("prompt.read", { prompt: box.value });
            const tag = tags[found.number];
            if (!tag?.name) return this.close();
            if (!this.panel || this.name !== tag.name || this.box !== box) {
                const made = await this.make(box, tag.name);
                if (opening !== this.opening || tag_at(box)?.number !== found.number) return undefined; // the caret has gone on
                this.put_in(made);
            }
            [this.number, this.shown] = [found.number, found.text];
            this.presets.select.value = [...this.presets.select.options].some(({ value }) => value === tag.weights) ? tag.weights : "";
            this.elements.select.value = tag.elements;
            if (document.activeElement !== this.text) this.text.value = tag.weights;
            return this.read();
        }

        // ---- the panel

        async make(box, name) {
            const [presets, elements] = [await preset_names(), await preset_names("elements")];
            const made = { box, name };
            const pairs = (first, all) => [["", first], ...all.map((each) => [each, each])];
            made.presets = choice(t("Weight preset"), pairs(t("as written"), presets), () => { if (this.presets.select.value) this.put(this.presets.select.value); });
            made.elements = choice(t("Elemental preset"), pairs(t("none"), elements), () => this.put(this.text.value.trim()));
            made.text = element("input", {
                class: "lbw-field lbw-mono", "aria-label": t("Weights as text"), placeholder: t("all blocks"), spellcheck: false, autocomplete: "off",
                onchange: () => this.put(this.text.value.trim()), onkeydown: (event) => event.key === "Enter" && this.put(this.text.value.trim()),
            });
            made.fault = element("p", { class: "lbw-fault", role: "alert" });
            const drawing = element("div", {});
            const comes = element("input", { type: "checkbox", checked: !shy(), onchange: () => localStorage.setItem(SHY, comes.checked ? "" : "1") });
            made.panel = element("div", { class: "lbw-panel lbw-popover", role: "dialog", tabindex: "-1", "aria-label": t("Block weights of {name}", { name }), onkeydown: (event) => this.escape(event) },
                element("div", { class: "lbw-row lbw-head" }, element("strong", {}, name), element("small", {}, t("Alt+L goes in, Esc goes out")),
                    element("button", { type: "button", class: "lbw-button lbw-small", "aria-label": t("Close"), title: t("Close"), onclick: () => this.dismiss() }, "×")),
                element("div", { class: "lbw-row" }, made.presets.label, made.elements.label), drawing, made.text, made.fault,
                element("label", { class: "lbw-check" }, comes, element("span", {}, t("Comes by itself, not only with Alt+L"))));
            made.bars = new LoraBars(drawing, { text: (text) => this.put(text) });
            await made.bars.draw(name);
            return made;
        }

        put_in(made) {
            this.panel?.remove();
            Object.assign(this, made);
            (document.querySelector(".gradio-container") ?? document.body).append(this.panel); // there it has the page's font
            this.place();
        }

        /** Below the box, or beside it, or above it: where there is room, and never over it. */
        place() {
            const box = this.box.getBoundingClientRect();
            const [wide, high] = [window.innerWidth, window.innerHeight];
            const width = this.panel.offsetWidth;
            const beside = box.right + GAP + width + GAP < wide;
            const below = high - box.bottom - 2 * GAP;
            const above = box.top - 2 * GAP;
            const style = this.panel.style;
            const left = Math.max(GAP, Math.min(box.left, wide - width - GAP));
            const wanted = this.panel.scrollHeight;
            if (below >= Math.min(wanted, LEAST) || (!beside && below >= above)) {
                Object.assign(style, { left: `${left}px`, top: `${box.bottom + GAP}px`, maxHeight: `${Math.max(below, 120)}px` });
            } else if (beside) {
                Object.assign(style, { left: `${box.right + GAP}px`, top: `${Math.max(GAP, Math.min(box.top, high - wanted - GAP))}px`, maxHeight: `${high - 2 * GAP}px` });
            } else {
                Object.assign(style, { left: `${left}px`, bottom: `${high - box.top + GAP}px`, maxHeight: `${above}px` });
            }
        }

        // ---- the tag

        async read() {
            const text = this.text.value.trim();
            try {
                const answer = await bridge.ask("weights.read", { lora: this.name, text, elements: this.elements.select.value });
                if (!this.panel) return;
                this.bars.show(text, answer);
                this.fault.textContent = answer.notices.join(" ");
            } catch (error) {
                if (this.panel) this.fault.textContent = error.message;
            }
        }

        /** Write weights and elements into the tag; the rest of the prompt stays as it was typed. */
        async put(weights) {
            const { box } = this;
            try {
                const answer = await bridge.ask("prompt.write", { prompt: box.value, tag: this.number, weights, elements: this.elements.select.value });
                if (!this.panel) return;
                this.text.value = weights;
                this.presets.select.value = [...this.presets.select.options].some(({ value }) => value === weights) ? weights : "";
                this.shown = answer.text;
                if (box.value !== answer.prompt) write(box, answer.prompt);
                await this.read();
            } catch (error) {
                if (this.panel) this.fault.textContent = error.message;
            }
        }

        // ---- going

        key(event) {
            const calls = event.altKey && !event.ctrlKey && !event.metaKey && event.code === "KeyL" && event.target.matches?.(BOXES);
            if (calls && allowed() && tag_at(event.target)) {
                event.preventDefault();
                this.call(event.target);
            } else if (event.key === "Escape" && this.panel && event.target === this.box && !window.lbw.completing()) {
                event.stopPropagation(); // the WebUI would stop the picture it draws
                this.dismiss();
            }
        }

        /** Esc goes back to the prompt; a second one, there, would find nothing open. */
        escape(event) {
            if (event.key !== "Escape") return;
            event.stopPropagation();
            const { box, number } = this;
            this.dismiss();
            box.focus({ preventScroll: true });
            enter(box, number);
        }

        /** The focus leaves the box or the panel; another window may have it for a while. */
        left({ target, relatedTarget }) {
            if (!this.panel || !document.hasFocus() || (target !== this.box && !this.panel.contains(target))) return;
            if (relatedTarget) this.elsewhere(relatedTarget);
        }

        elsewhere(target) {
            if (this.panel && !this.panel.contains(target) && target !== this.box) this.close();
        }

        scrolled(target) {
            if (this.panel && !this.panel.contains(target) && target !== this.box) this.close();
        }

        /** Close, and stay closed until the caret has left the tag. */
        dismiss() {
            this.dismissed = place(this.box, this.number);
            this.close();
        }

        close() {
            this.opening = null;
            this.panel?.remove();
            this.panel = this.bars = null;
        }
    }

    const place = (box, number) => `${box.closest("[id]")?.id} ${number}`;

    /** Put the caret into a tag, unless it is there already: a text that was written anew has it at its end. */
    function enter(box, number) {
        const tag = [...box.value.matchAll(TAG)][number];
        if (tag && tag_at(box)?.number !== number) box.setSelectionRange(tag.index + tag[0].length - 1, tag.index + tag[0].length - 1);
    }

    /** The tag around the caret of a box: its text and its number in the prompt. */
    function tag_at(box) {
        const caret = box.selectionStart;
        if (caret !== box.selectionEnd) return null;
        const tags = [...box.value.matchAll(TAG)];
        const number = tags.findIndex((tag) => tag.index < caret && caret < tag.index + tag[0].length && tag[0].endsWith(">"));
        return number < 0 ? null : { number, text: tags[number][0] };
    }

    window.lbw.Popover = Popover;
    window.lbw.bridge.ready.then(() => { window.lbw.popover = new Popover(); });
})();
