/* What the merge panel tells: what a merge would give, what it gave, and where the LoRAs act. */
(() => {
    "use strict";
    const { bridge, element } = window.lbw;
    const t = (...words) => bridge.t(...words);
    const WHOLE = 0.9995; // a share from which on all of it is kept

    const size = (bytes) => (bytes >= 1e9 ? `${(bytes / 1e9).toFixed(2)} GB` : bytes >= 1e5 ? `${(bytes / 1e6).toFixed(1)} MB` : `${Math.ceil(bytes / 1e3)} kB`);
    const time = (seconds) => (seconds < 90 ? t("{seconds} s", { seconds: Math.max(1, Math.round(seconds)) }) : t("{minutes} min", { minutes: Math.round(seconds / 60) }));
    const percent = (share) => `${(100 * share).toFixed(share > WHOLE || share < 1 - WHOLE ? 0 : 1)} %`;
    const range = ([least, most]) => (least === most ? String(least) : `${least} – ${most}`);

    /** Pairs of a name and a value, side by side; those without a value are left out. */
    function facts(pairs) {
        const known = pairs.filter(([, value]) => value !== undefined && value !== null && value !== "");
        return element("dl", { class: "lbw-facts" }, known.map(([name, value]) => element("div", {}, element("dt", {}, name), element("dd", {}, String(value)))));
    }

    const notes = (sentences) => sentences.map((sentence) => element("p", { class: "lbw-note" }, sentence));

    /** The pre-flight. */
    function plan(told) {
        const refused = told.refused_count ? [element("details", { class: "lbw-note" }, element("summary", {}, t("{count:module is|modules are} left out", { count: told.refused_count })), element("ul", { class: "lbw-bullets" }, told.refused.map((each) => element("li", {}, each))))] : [];
        return [
            facts([
                [t("Model"), told.family], [t("Modules"), told.modules], [t("Ranks"), told.ranks && range(told.ranks)], [t("Precision"), told.dtype],
                [t("File"), size(told.bytes)], [t("Memory"), told.memory && size(told.memory)], [t("Time"), told.seconds && t("about {time}", { time: time(told.seconds) })],
            ]),
            ...notes(told.notices), ...refused,
        ];
    }

    function meter(name, share) {
        const bar = element("i", {});
        bar.style.setProperty("--share", `${Math.min(share, 1) * 100}%`);
        return element("span", { class: "lbw-meter" }, element("b", {}, name), bar, percent(share));
    }

    function kept(shares) {
        const lost = Object.entries(shares).filter(([, share]) => share < WHOLE);
        if (!lost.length) return [element("p", { class: "lbw-note" }, t("Every block keeps all of its energy."))];
        return [element("h4", {}, t("Energy kept per block")), element("div", { class: "lbw-kept" }, lost.map(([block, share]) => meter(block, share))), ...(lost.length < Object.keys(shares).length ? [element("p", { class: "lbw-note" }, t("All other blocks keep all of it."))] : [])];
    }

    /** What was written; `acts` are buttons for what can be done with it. */
    function outcome(told, seconds, acts) {
        const ranks = Object.entries(told.ranks ?? {});
        return [
            element("h3", {}, t("{name} is written", { name: told.name })),
            facts([
                [t("File"), size(told.bytes)], [t("Time"), time(seconds)], [t("Relative error"), told.error && (told.error >= 1e-3 ? percent(told.error) : told.error.toExponential(1))],
                [t("Ranks"), ranks.slice(0, 6).map(([rank, count]) => `${rank} × ${count}`).join(", ") + (ranks.length > 6 ? " …" : "")],
                ...Object.entries(told.survival ?? {}).map(([part, { error }]) => [t("Rounding, {part}", { part }), percent(error)]),
            ]),
            ...(Object.keys(told.kept ?? {}).length ? kept(told.kept) : []), ...notes(told.notices), element("div", { class: "lbw-row" }, acts),
        ];
    }

    /** The energy of every block in every LoRA, and how far two of them pull the same way. */
    function energies({ energies: all, overlaps, names, blocks }) {
        const most = Math.max(...all.flatMap(Object.values), Number.MIN_VALUE);
        const pairs = [...new Set(overlaps.map((each) => `${each.first} ${each.second}`))];
        const energy = (value) => {
            const bar = element("i", {});
            bar.style.setProperty("--share", `${(100 * Math.sqrt(value / most)).toFixed(1)}%`);
            return element("td", { class: "lbw-energy" }, bar, element("small", {}, value ? value.toPrecision(2) : "–"));
        };
        const overlap = (pair, block) => {
            const found = overlaps.find((each) => each.block === block && `${each.first} ${each.second}` === pair);
            return element("td", {}, found ? element("span", { class: Math.abs(found.cosine) > 3 * found.expected ? "lbw-strong" : "" }, found.cosine.toFixed(3)) : "–", found ? element("small", {}, ` ± ${found.expected.toFixed(3)}`) : "");
        };
        const named = (pair) => pair.split(" ").map((at) => names[at]).join(" · ");
        return [
            element("h3", {}, t("Where they act")),
            element("div", { class: "lbw-scroll", tabindex: "0", role: "region", "aria-label": t("Where they act") }, element("table", { class: "lbw-table" },
                element("thead", {}, element("tr", {}, element("th", {}, t("Block")), names.map((name) => element("th", {}, name)), pairs.map((pair) => element("th", {}, t("Overlap"), element("small", {}, named(pair)))))),
                element("tbody", {}, blocks.map((block) => element("tr", {}, element("th", {}, block), all.map((each) => energy(each[block] ?? 0)), pairs.map((pair) => overlap(pair, block))))))),
            element("p", { class: "lbw-help" }, t("Bars: the size of what a LoRA adds to a block, its weights included; the number is its square, the energy.")),
            ...(pairs.length ? [element("p", { class: "lbw-help" }, t("Overlap: 1 pulls the same way, -1 against each other, 0 has nothing to do with each other; ± is what chance alone gives, and what stands out of it is bold."))] : []),
        ];
    }

    window.lbw.merge_told = { plan, outcome, energies, time };
})();
