"use strict";
(() => {
  const read = (id) => JSON.parse(document.getElementById(id).textContent);
  const words = read("words");
  const data = read("data");
  const plan = data.plan;
  const far = plan.opposite;

  /** Write a number with a true minus sign, and no minus before a zero. */
  const plain = (digits) => (value) => {
    const text = Math.abs(value).toFixed(digits);
    return (value < 0 && Number(text) !== 0 ? "−" : "") + text;
  };
  const plus = (digits) => (value) => (Number(value.toFixed(digits)) > 0 ? "+" : "") + plain(digits)(value);
  const hundred = (value) => plain(0)(value * 100);
  const share = (value) => plain(value === 0 || value >= 10 ? 0 : value >= 1 ? 1 : 2)(value);
  const grown = (value) => plus(0)(Math.expm1(value) * 100);

  /** Every number: its key in the results, its words, how it is written, its unit, whether it has a sign. */
  const numbers = [
    { key: "diff_percent", write: share, unit: " %", bar: true },
    { key: "color_difference", write: plain(1), bar: true },
    { key: "composition", write: plain(2), bar: true },
    { key: "line_energy", write: grown, unit: " %", bar: true, signed: true },
    { key: "toward", word: `toward_${far}`, write: hundred, unit: " %", bar: true, signed: true },
    { key: "off_axis", write: hundred, unit: " %" },
    { key: "lightness", write: plus(1), signed: true },
    { key: "red_green", write: plus(1), signed: true },
    { key: "blue_yellow", write: plus(1), signed: true },
  ];
  const show = (number, value) => number.write(value) + (number.unit ?? "");
  const changed = data.rows.filter((row) => row.kind === "block" || row.kind === "cell");
  const wholes = data.rows.filter((row) => (row.kind === "base" || row.kind === "full") && row.numbers.diff_percent);
  const isCounted = changed.some((row) => row.numbers.diff_percent && row.numbers.diff_percent[0] >= 0.5);
  const first = numbers[isCounted ? 0 : 1]; // changes too gentle for Diff % still show as colour
  const state = {
    language: (navigator.language || "en").startsWith("ja") ? "ja" : "en",
    number: first, order: "effect", view: "slide", seed: 0, cut: 50,
    row: null, sort: { key: first.key, down: true },
  };

  const say = (key, values = {}) =>
    (words[state.language][key] ?? key).replace(/\{(\w+)\}/g, (_, name) => values[name]);
  const wordOf = (number) => say(number.word ?? number.key);
  const middle = (row, key) => (row.numbers[key] ? row.numbers[key][0] : null);

  /** Make an element; strings become text nodes, so nothing a user wrote can become markup. */
  function el(tag, attributes = {}, ...children) {
    const node = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
      if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
      else if (value !== null && value !== undefined && value !== false) node.setAttribute(name, value);
    }
    node.append(...children.filter((child) => child !== null));
    return node;
  }
  const markSmall = ({ target }) => // shown with sharp pixels where it is enlarged
    target.classList.toggle("small", Math.max(target.naturalWidth, target.naturalHeight) <= 128);
  const picture = (file, alt, attributes = {}) =>
    data.images[file]
      ? el("img", { src: data.images[file], alt, draggable: "false", onload: markSmall, ...attributes })
      : null;

  function rowName(row) {
    if (row.kind === "base" || row.kind === "full") return say(row.kind);
    if (row.kind === "reference") return say(`reference_${plan.kind === "xyz" ? "xyz" : far}`);
    return row.label || data.cells[row.cells[0]].name;
  }

  /** What was done to the blocks of a row: "OUT05 at 0". */
  function rowDone(row) {
    const range = plan.study.range;
    if (row.kind !== "block" || !Array.isArray(range)) return rowName(row);
    return say("at", { name: rowName(row), value: far === "full" ? range[1] : range[0] });
  }

  function byNumber(rows, key, down) {
    const of = (row) => (key === "name" ? changed.indexOf(row) : middle(row, key));
    const present = rows.filter((row) => of(row) !== null);
    present.sort((a, b) => (down ? of(b) - of(a) : of(a) - of(b)));
    return [...present, ...rows.filter((row) => of(row) === null)];
  }

  function set(change) {
    Object.assign(state, change);
    render();
  }

  function header() {
    const study = plan.study;
    const facts = [["family", plan.family], ["seeds", [...new Set(data.cells.map((cell) => cell.seed))].join(", ")]];
    if (Array.isArray(study.range)) facts.push(["range", study.range.join(", ")]);
    facts.push(["threshold", plan.threshold]);
    const shown = Object.entries(plan.picture)
      .filter(([name, value]) => !["prompt", "seed"].includes(name) && value !== "" && typeof value !== "object");
    if (shown.length) facts.push(["settings", shown.map(([name, value]) => `${name} ${value}`).join(", ")]);
    const mode = plan.kind === "xyz" ? "xyz" : far;
    return el("header", {},
      el("div", { class: "top" },
        el("div", {},
          el("div", { class: "eyebrow" }, say(`kind_${plan.kind}`)),
          el("h1", {}, plan.lora),
          el("p", { class: "lead" }, say(`mode_${mode}`))),
        el("button", { class: "language", type: "button", lang: state.language === "en" ? "ja" : "en",
          onclick: () => set({ language: state.language === "en" ? "ja" : "en" }) }, say("language"))),
      el("dl", { class: "facts" }, ...facts.map(([key, value]) =>
        el("div", {}, el("dt", {}, say(key)), el("dd", {}, String(value))))),
      el("p", { class: "prompt" }, `${say("prompt")} `, el("code", {}, study.prompt ?? "")),
      ...data.notices.map((notice) => el("p", { class: "warning" }, notice)),
      data.complete ? null : el("p", { class: "warning" }, say("incomplete")));
  }

  function switcher(choices, current, choose) {
    return el("div", { class: "switch" }, ...choices.map(([value, label]) =>
      el("button", { type: "button", "aria-pressed": String(value === current), onclick: () => choose(value) }, label)));
  }

  function bar(row, most) {
    const { key, signed } = state.number;
    const found = row.numbers[key];
    const place = (value) => (signed ? 50 + (value / most) * 50 : (value / most) * 100);
    const clamp = (value) => Math.max(0, Math.min(100, value));
    const track = el("div", { class: "track" });
    if (found) {
      const [mid, low, high] = found;
      const start = clamp(signed ? Math.min(50, place(mid)) : 0);
      const end = clamp(signed ? Math.max(50, place(mid)) : place(mid));
      track.append(el("div", { class: `fill ${signed ? (mid < 0 ? "minus" : "plus") : ""}`, style: `left:${start}%;width:${end - start}%` }));
      if (signed) track.append(el("div", { class: "zero" }));
      if (high > low) track.append(el("div", { class: "spread", style: `left:${clamp(place(low))}%;width:${clamp(place(high)) - clamp(place(low))}%` }));
    }
    const isWhole = row.kind === "base" || row.kind === "full";
    return el("li", {}, el("button", { type: "button", class: `bar ${isWhole ? "whole" : ""}`,
      "aria-current": String(row === state.row), onclick: () => { set({ row }); reveal(); } },
      el("span", { class: "name" }, rowName(row)), track,
      el("span", { class: "value" }, found ? show(state.number, found[0]) : "–")));
  }

  function effects() {
    const key = state.number.key;
    const shown = [...wholes, ...changed];
    const most = Math.max(1e-9, ...shown.flatMap((row) => (row.numbers[key] ?? []).map(Math.abs)));
    const size = (row) => (middle(row, key) === null ? -1 : Math.abs(middle(row, key)));
    const rows = state.order === "effect" ? [...changed].sort((a, b) => size(b) - size(a)) : changed;
    const bars = numbers.filter((number) => number.bar && data.rows.some((row) => row.numbers[number.key]));
    return el("section", { class: "card" },
      el("h2", {}, say(`effects_${plan.kind}`)),
      switcher(bars.map((number) => [number, wordOf(number)]), state.number, (number) => set({ number })),
      el("p", { class: "help" }, say(`${state.number.word ?? state.number.key}_help`)),
      switcher([["effect", say("order_effect")], ["model", say("order_model")]], state.order, (order) => set({ order })),
      el("ul", { class: "bars" }, ...[...wholes, ...rows].map((row) => bar(row, most))));
  }

  function stage(cell, against) {
    const name = rowDone(state.row);
    const other = against ? rowName({ kind: against.kind, label: against.name, cells: [against.index] }) : "";
    const single = { diff: cell.diff_file, heat: cell.heat_file, single: cell.file }[state.view];
    if (!cell.file) return el("div", { class: "stage" }, el("div", { class: "empty" }, say("missing")));
    if (!against || !against.file || single) return el("div", { class: "stage" }, picture(single ?? cell.file, name));
    const box = el("div", { class: "stage", style: `--cut:${state.cut}%` },
      picture(against.file, other),
      el("div", { class: "over" }, picture(cell.file, name)));
    const input = el("input", { type: "range", min: 0, max: 100, step: 0.5, value: state.cut, "aria-label": say("drag"), title: say("drag"),
      oninput: (event) => { state.cut = event.target.value; box.style.setProperty("--cut", `${state.cut}%`); } });
    box.append(input, el("div", { class: "handle" }), el("span", { class: "tag left" }, other), el("span", { class: "tag right" }, name));
    return box;
  }

  function sentence(cell) {
    const found = cell.numbers;
    if (found.diff_percent === undefined) return [];
    if (found.color_difference < 0.5 && found.diff_percent < 0.1) return [say("no_effect")];
    const shifts = [["lightness", "lighter", "darker"], ["red_green", "redder", "greener"], ["blue_yellow", "yellower", "bluer"]]
      .filter(([key]) => Math.abs(found[key]) >= 1)
      .map(([key, more, less]) => `${say(found[key] > 0 ? more : less)} (${plus(1)(found[key])} ${say(key)})`);
    const level = [0.02, 0.1, 0.3].filter((limit) => found.composition >= limit).length;
    const lines = Math.expm1(found.line_energy);
    const parts = [
      `${say("say_color", { value: found.color_difference.toFixed(1) })}: ${shifts.length ? shifts.join(", ") : say("say_even")}`,
      say(`say_layout_${level}`),
      Math.abs(lines) < 0.03 ? say("say_lines_same") : say(lines > 0 ? "say_lines_more" : "say_lines_less", { value: `${hundred(Math.abs(lines))} %` }),
    ];
    if (found.toward !== undefined && cell.kind !== far)
      parts.push(say(`say_${found.toward < 0 ? "away" : "toward"}_${far}`, { value: `${hundred(Math.abs(found.toward))} %` }));
    return [parts.join(state.language === "ja" ? "、" : "; ") + (state.language === "ja" ? "。" : ".")];
  }

  /** The tags of a prompt, ready to be copied; the words around them stand in the head of the page. */
  const tagOf = (prompt) => (prompt.match(/<(?:lora|lyco):[^<>]*>/g) ?? []).join(" ");

  function look() {
    const row = state.row;
    if (!row) return el("div");
    const cells = row.cells.map((index) => data.cells[index]);
    const cell = cells[Math.min(state.seed, cells.length - 1)];
    const against = cell.against === null ? null : data.cells[cell.against];
    const views = against ? ["slide", "heat", "diff", "single"] : [];
    return el("section", { class: "card look" },
      el("h2", {}, say("compare")),
      switcher(views.map((view) => [view, say(view)]), state.view, (view) => set({ view })),
      stage(cell, against),
      el("h3", {}, rowDone(row)),
      el("p", { class: "words" }, ...sentence(cell)),
      el("p", { class: "prompt" }, el("code", {}, tagOf(cell.prompt))),
      cells.length > 1
        ? el("div", { class: "seeds" }, switcher(cells.map((each, index) => [index, `${say("seed")} ${each.seed}`]),
          cells.indexOf(cell), (seed) => set({ seed })))
        : null);
  }

  function tableRow(row, columns) {
    const first = data.cells[row.cells[Math.min(state.seed, row.cells.length - 1)]];
    const figures = columns.map((number) => {
      const found = row.numbers[number.key];
      if (!found) return el("td", {}, "–");
      const spread = row.cells.length > 1 ? el("small", {}, `${number.write(found[1])} … ${number.write(found[2])}`) : null;
      return el("td", {}, show(number, found[0]), spread);
    });
    return el("tr", { "aria-current": String(row === state.row), onclick: () => { set({ row }); reveal(); } },
      el("td", {}, el("button", { type: "button" }, el("b", {}, rowName(row)))),
      el("td", {}, ...[first.file, first.heat_file, first.diff_file].map((file) => picture(file, "", { class: "thumb", decoding: "async" }))),
      ...figures);
  }

  function reveal() {
    const box = document.querySelector(".look");
    if (box && (box.getBoundingClientRect().bottom < 80 || box.getBoundingClientRect().top > innerHeight - 80))
      box.scrollIntoView({ block: "start", behavior: "smooth" });
  }

  function table() {
    const columns = numbers.filter((number) => data.rows.some((row) => row.numbers[number.key]));
    const heading = (key, label, help) => {
      const active = state.sort.key === key;
      const down = active ? !state.sort.down : key !== "name";
      return el("th", { scope: "col", "aria-sort": active ? (state.sort.down ? "descending" : "ascending") : null },
        el("button", { type: "button", title: help, onclick: () => set({ sort: { key, down } }) }, label));
    };
    const rows = [...wholes, ...byNumber(changed, state.sort.key, state.sort.down)];
    return el("section", { class: "card" },
      el("h2", {}, say("table")),
      el("p", { class: "hint" }, say("table_hint")),
      el("div", { class: "scroll" }, el("table", {},
        el("thead", {}, el("tr", {}, heading("name", say(plan.kind === "xyz" ? "picture" : "block"), ""), el("th", { scope: "col" }),
          ...columns.map((number) => heading(number.key, wordOf(number), say(`${number.word ?? number.key}_help`))))),
        el("tbody", {}, ...rows.map((row) => tableRow(row, columns))))));
  }

  function matrix(page, z) {
    const at = (x, y) => data.cells.find((cell) => cell.place[0] === x && cell.place[1] === y && cell.place[2] === z);
    const place = (cell) => {
      const row = data.rows.find((each) => each.cells.includes(cell.index));
      const current = row === state.row && row.cells[Math.min(state.seed, row.cells.length - 1)] === cell.index;
      const caption = cell.numbers.diff_percent === undefined ? "" : show(numbers[0], cell.numbers.diff_percent);
      return el("td", {}, el("button", { type: "button", "aria-current": String(current),
        onclick: () => { set({ row, seed: row.cells.indexOf(cell.index) }); reveal(); } },
        picture(cell.file, cell.name, { decoding: "async" }) ?? say("missing")), el("small", {}, caption));
    };
    return el("section", { class: "card" },
      el("h2", {}, page || say("grid")),
      el("div", { class: "scroll" }, el("table", { class: "matrix" },
        el("thead", {}, el("tr", {}, el("th"), ...plan.columns.map((label) => el("th", { scope: "col" }, label)))),
        el("tbody", {}, ...plan.rows.map((label, y) => el("tr", {}, el("th", { scope: "row" }, label),
          ...plan.columns.map((_, x) => (at(x, y) ? place(at(x, y)) : el("td")))))))));
  }

  function render() {
    document.documentElement.lang = state.language;
    document.title = `${plan.lora} – ${say(`kind_${plan.kind}`)}`;
    const scrolls = [...document.querySelectorAll(".scroll")].map((box) => box.scrollLeft);
    const focused = document.activeElement ? [...document.querySelectorAll("button")].indexOf(document.activeElement) : -1;
    document.getElementById("page").replaceChildren(
      header(),
      el("div", { class: "pair" }, effects(), look()),
      ...(plan.kind === "xyz" ? plan.pages.map(matrix) : []),
      table(),
      el("p", { class: "foot" }, say("parameters")));
    [...document.querySelectorAll(".scroll")].forEach((box, index) => { box.scrollLeft = scrolls[index] ?? 0; });
    if (focused >= 0) document.querySelectorAll("button")[focused]?.focus({ preventScroll: true });
  }

  state.row = byNumber(changed, first.key, true)[0] ?? data.rows[0] ?? null;
  render();
})();
