/* The fields of the merge panel: what is asked first, what is folded away, and which of them an operation needs. */
(() => {
    "use strict";
    const { bridge, choice, drawer, element } = window.lbw;
    const t = (...words) => bridge.t(...words);
    const word = (text) => text; // marks a text that is translated where it is shown

    const OPERATIONS = {
        merge: [word("Merge"), word("Several LoRAs become one, each with its ratio and block weights.")],
        bake: [word("Bake"), word("One LoRA with its block weights built in; nothing else about it changes.")],
        slider: [word("Slider"), word("The first less the second: what only one of them does, as a LoRA to turn up and down.")],
        resize: [word("Resize"), word("One LoRA with fewer ranks, in a smaller file.")],
        extract: [word("Extract"), word("What one checkpoint has that another has not, as a LoRA.")],
        "into-checkpoint": [word("Into a checkpoint"), word("LoRAs with their block weights built into a checkpoint.")],
    };
    /** How many files an operation takes; any number where it is not told. */
    const COUNT = { bake: 1, resize: 1, slider: 2, extract: 2 };
    const [LORAS, CUT] = ["merge slider resize", "merge slider resize extract"];
    const METHODS = [["sum", word("Sum")], ["ties", word("TIES, without interference")], ["dare", word("DARE, random drop")], ["common", word("Common to both")], ["unique", word("Only in the first")]];
    /** How the size of the result is told: kind -> [label, label of its number, an example, operations]. */
    const SIZES = {
        exact: [word("Exact, nothing lost"), "", "", "merge slider extract"],
        rank: [word("Rank at most"), word("Rank"), "16", CUT],
        megabytes: [word("File size at most"), word("Megabytes"), "20", LORAS],
        sv_ratio: [word("By sv_ratio"), word("Greatest to least"), "20", CUT],
        sv_fro: [word("By sv_fro"), word("Share of the norm"), "0.98", CUT],
        sv_cumulative: [word("By sv_cumulative"), word("Share of the sum"), "0.95", CUT],
    };

    class MergeFields {
        /** `look()` is called after every change; `checkpoints` and `devices` are the names to choose from. */
        constructor(look, { checkpoints, devices }) {
            this.look = () => { this.suit(this.operation); look(); };
            this.operation = "merge";
            const models = checkpoints.map((name) => [name, name]);
            const [loras, plain] = models.length ? [LORAS, `${LORAS} bake`] : [" ", " "];
            this.base = this.list(t("Checkpoint"), [["", t("choose")], ...models], "into-checkpoint");
            this.weighed = this.list(t("Weigh what is lost by the layers of"), [["", t("none")], ...models], loras);
            this.support = this.list(t("Base checkpoint"), [["", t("none")], ...models], plain);
            this.support.label.title = t("DoRA, OFT, IA3 and GLoRA become plain LoRA with it");
            this.device = this.list(t("Compute on"), devices.map((name) => [name, name === "cpu" ? "CPU" : `GPU (${name})`]));
            this.device.label.title = t("The result is the same; a graphics card is faster with large ranks");
            this.device.label.hidden = devices.length < 2;
            this.method = this.list(t("Method"), METHODS.map(([value, label]) => [value, t(label)]), "merge");
            this.density = this.number("Density", { step: 0.05, placeholder: "0.5", title: t("The share of each LoRA's entries that is kept") });
            this.size = this.list(t("Size of the result"), [], CUT);
            this.amount = this.number("Rank");
            this.output = this.field(t("Name of the result"), { type: "text", spellcheck: false });
            this.output.label.classList.add("lbw-whole");
            this.conv = this.number("Rank of convolutions", { step: 1, placeholder: t("as all"), for: CUT });
            this.te_rank = this.number("Rank of text encoders", { step: 1, placeholder: t("as all"), for: CUT });
            this.dtype = this.list(t("Precision"), [["auto", t("as the files")], ["fp16", "fp16"], ["bf16", "bf16"], ["fp32", "fp32"]]);
            this.seed = this.number("Seed", { step: 1, placeholder: "0" });
            this.stochastic = this.check("Stochastic rounding", "into-checkpoint");
            this.biases = this.check("Biases and norms too", "extract");
            this.leave_out = this.check("Leave out what cannot be merged", `${LORAS} into-checkpoint extract`);
            this.overwrite = this.check("Overwrite a file of that name");
            this.more = drawer(t("More options"), null, element("div", { class: "lbw-grid" }, [this.dtype, this.device, this.conv, this.te_rank, this.seed, this.support].map((each) => each.label)),
                [this.leave_out, this.stochastic, this.biases, this.overwrite].map((each) => each.label));
            this.element = element("div", { class: "lbw-fields" }, [this.base, this.method, this.density, this.size, this.amount, this.weighed, this.output].map((each) => each.label), this.more);
        }

        // ---- kinds of fields

        known(made, operations) {
            if (operations) made.label.dataset.for = operations;
            return made;
        }

        list(label, pairs, operations) {
            const made = choice(label, pairs, this.look);
            return this.known({ ...made, box: made.select }, operations);
        }

        field(label, attributes) {
            const box = element("input", { class: "lbw-field", oninput: this.look, ...attributes });
            return { box, label: element("label", { class: "lbw-choice" }, element("span", {}, label), box) };
        }

        number(label, { for: operations, ...attributes } = {}) {
            return this.known(this.field(t(label), { type: "number", step: "any", min: 0, ...attributes }), operations);
        }

        check(label, operations) {
            const box = element("input", { type: "checkbox", onchange: this.look });
            return this.known({ box, label: element("label", { class: "lbw-check" }, box, element("span", {}, t(label))) }, operations);
        }

        // ---- what is shown

        /** Show the fields of an operation. */
        suit(operation) {
            this.operation = operation;
            for (const label of this.element.querySelectorAll("[data-for]")) label.hidden = !label.dataset.for.split(" ").includes(operation);
            this.resize(operation);
            const method = operation === "merge" ? this.method.box.value : "sum";
            this.density.label.hidden = !["ties", "dare"].includes(method);
            this.seed.label.hidden = method !== "dare" && !(operation === "into-checkpoint" && this.stochastic.box.checked);
            return this;
        }

        resize(operation) {
            const kinds = Object.entries(SIZES).filter(([, [, , , operations]]) => operations.split(" ").includes(operation));
            const before = this.size.box.value;
            this.size.fill(kinds.map(([value, [label]]) => [value, t(label)]));
            this.size.box.value = kinds.some(([kind]) => kind === before) ? before : kinds[0]?.[0] ?? "";
            const [, label, example] = SIZES[this.size.box.value] ?? SIZES.exact;
            this.amount.label.hidden = !label;
            this.amount.label.firstChild.textContent = t(label);
            this.amount.box.placeholder = example;
            this.weighed.label.hidden ||= this.size.box.value !== "megabytes";
        }

        /** Whether everything is filled in that has no answer of its own. */
        get ready() {
            return (this.base.label.hidden || this.base.box.value) && (this.amount.label.hidden || this.amount.box.value.trim());
        }

        // ---- values

        values() {
            const told = {};
            for (const name of ["method", "dtype", "device", "output"]) if (!this[name].label.hidden) told[name] = this[name].box.value.trim();
            for (const name of ["density", "conv", "te_rank", "seed"]) if (!this[name].label.hidden && this[name].box.value.trim()) told[name] = Number(this[name].box.value);
            for (const name of ["stochastic", "biases", "leave_out", "overwrite"]) if (!this[name].label.hidden) told[name] = this[name].box.checked;
            return { ...told, ...this.checkpoint(), ...this.limit() };
        }

        /** The checkpoint that the LoRAs are built into, or were made for. */
        checkpoint() {
            const shown = (list) => (list.label.hidden ? "" : list.box.value);
            const weighed = shown(this.weighed);
            return { base: shown(this.base) || weighed || shown(this.support), relative: Boolean(weighed) };
        }

        limit() {
            const [kind, amount] = [this.size.box.value, this.amount.box.value.trim()];
            if (this.amount.label.hidden || !amount) return {};
            return ["rank", "megabytes"].includes(kind) ? { [kind]: Number(amount) } : { rule: kind, rule_number: Number(amount) };
        }

        /** Fill in the values of a form. */
        load(values) {
            [this.base, this.weighed, this.support].forEach((list) => { list.box.value = ""; });
            if (values.base) (values.operation === "into-checkpoint" ? this.base : values.relative ? this.weighed : this.support).box.value = values.base;
            for (const name of ["method", "dtype", "device", "output", "density", "conv", "te_rank", "seed"]) if (name in values) this[name].box.value = String(values[name]);
            for (const name of ["stochastic", "biases", "leave_out", "overwrite"]) this[name].box.checked = Boolean(values[name]);
            this.suit(values.operation);
            const kind = values.rule ?? ["megabytes", "rank"].find((name) => values[name] !== undefined);
            if (!kind) return;
            this.size.box.value = kind;
            this.amount.box.value = String(values.rule ? values.rule_number : values[kind]);
            this.suit(values.operation);
        }
    }

    Object.assign(window.lbw, { MergeFields, merge_operations: OPERATIONS, merge_count: COUNT });
})();
