/* Text out of files that are dropped or chosen: of a picture its parameters, of any other the text itself. */
(() => {
    "use strict";
    const t = (...words) => window.lbw.bridge.t(...words);
    const SIGNATURE = [137, 80, 78, 71, 13, 10, 26, 10];
    const KEYS = ["parameters", "prompt"]; // the WebUIs' chunk, and what others call theirs
    const LARGEST = 50_000_000; // bytes

    /** The text of a file. Rejects with {message} where it holds none. */
    async function text_of(file) {
        if (file.size > LARGEST) throw { message: t("{name} is too large", { name: file.name }) };
        const bytes = new Uint8Array(await file.arrayBuffer());
        if (SIGNATURE.every((byte, at) => bytes[at] === byte)) {
            const texts = await png_texts(bytes);
            const found = KEYS.map((key) => texts[key]).find(Boolean);
            if (found) return found;
            throw { message: t("{name} holds no parameters", { name: file.name }) };
        }
        const comment = window.lbw.exif.comment_of(bytes);
        if (comment) return comment;
        if (comment === "") throw { message: t("{name} holds no parameters", { name: file.name }) };
        if (bytes.includes(0)) throw { message: t("{name} is neither a text nor a PNG, JPEG or WebP picture", { name: file.name }) };
        return decoded(bytes);
    }

    /** UTF-8, or else the Shift_JIS that Japanese editors wrote. */
    function decoded(bytes) {
        try {
            return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
        } catch {
            return new TextDecoder("shift_jis").decode(bytes);
        }
    }

    /** The text chunks of a PNG (tEXt, zTXt and iTXt; PNG specification, third edition, 11.3.3), by keyword. */
    async function png_texts(bytes) {
        const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
        const found = {};
        for (let at = 8; at + 12 <= bytes.length;) {
            const length = view.getUint32(at);
            const kind = latin(bytes.subarray(at + 4, at + 8));
            const data = bytes.subarray(at + 8, at + 8 + length);
            if (kind === "IDAT" && found.parameters) break;
            if (READERS[kind]) {
                const [key, text] = await READERS[kind](data);
                found[key] = text;
            }
            at += 12 + length;
        }
        return found;
    }

    const READERS = {
        tEXt: async (data) => {
            const [key, rest] = cut(data);
            return [key, latin(rest)];
        },
        zTXt: async (data) => {
            const [key, rest] = cut(data);
            return [key, latin(await inflated(rest.subarray(1)))];
        },
        iTXt: async (data) => {
            const [key, rest] = cut(data);
            const [, translated] = cut(rest.subarray(2)); // behind the flag and the method: language, translated keyword
            const [, text] = cut(translated);
            return [key, new TextDecoder().decode(rest[0] ? await inflated(text) : text)];
        },
    };

    /** What stands before the first zero byte, as text, and what stands behind it. */
    function cut(bytes) {
        const end = bytes.indexOf(0);
        return end < 0 ? [latin(bytes), bytes.subarray(bytes.length)] : [latin(bytes.subarray(0, end)), bytes.subarray(end + 1)];
    }

    /** ISO 8859-1, as the format has it; `TextDecoder` would take it for Windows-1252. */
    function latin(bytes) {
        let text = "";
        for (let at = 0; at < bytes.length; at += 8192) text += String.fromCharCode(...bytes.subarray(at, at + 8192));
        return text;
    }

    async function inflated(bytes) {
        const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
        return new Uint8Array(await new Response(stream).arrayBuffer());
    }

    /** Give the user a text as a file. */
    function download(name, text) {
        const link = window.lbw.element("a", { href: URL.createObjectURL(new Blob([text], { type: "text/plain" })), download: name });
        link.click();
        setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
    }

    window.lbw.files = { text_of, download };
})();
