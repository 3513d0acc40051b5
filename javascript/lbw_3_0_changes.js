/* What is different between two lists, told as one change, so that a thousand lines need not travel for one of them. */
(() => {
    "use strict";

    /** The change that makes `next` of `before`, two lists of texts: {at, drop, put}. */
    function between(before, next) {
        const least = Math.min(before.length, next.length);
        let at = 0;
        while (at < least && before[at] === next[at]) at++;
        let same = 0;
        while (same < least - at && before[before.length - 1 - same] === next[next.length - 1 - same]) same++;
        return { at, drop: before.length - at - same, put: next.slice(at, next.length - same) };
    }

    /** `list` with a change in it. */
    const applied = (list, { at, drop, put }) => [...list.slice(0, at), ...put, ...list.slice(at + drop)];

    window.lbw.changes = { between, applied };
})();
