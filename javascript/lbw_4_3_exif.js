/* The text that a WebUI writes into the EXIF of a JPEG or WebP picture: the tag UserComment. */
(() => {
    "use strict";
    const [EXIF_IFD, USER_COMMENT, LONG] = [0x8769, 0x9286, 4];
    const ENTRY = 12; // bytes of an entry of a directory
    const latin = (bytes) => String.fromCharCode(...bytes);

    /** The UserComment of a JPEG or WebP picture, "" where there is none; null for a file of another kind. */
    function comment_of(bytes) {
        const tiff = bytes[0] === 0xff && bytes[1] === 0xd8 ? in_jpeg(bytes) : latin(bytes.subarray(8, 12)) === "WEBP" ? in_webp(bytes) : null;
        if (!tiff) return tiff === null ? null : "";
        try {
            return user_comment(tiff);
        } catch (error) {
            if (error instanceof RangeError) return ""; // an EXIF that points beyond its end
            throw error;
        }
    }

    /** The EXIF in the first APP1 segment that has one (JPEG: ITU-T T.81, B.1; Exif 2.32, 4.7). */
    function in_jpeg(bytes) {
        for (let at = 2; at + 4 <= bytes.length && bytes[at] === 0xff && bytes[at + 1] !== 0xda;) {
            const length = bytes[at + 2] * 256 + bytes[at + 3];
            const data = bytes.subarray(at + 4, at + 2 + length);
            if (bytes[at + 1] === 0xe1 && latin(data.subarray(0, 6)) === "Exif\0\0") return data.subarray(6);
            at += 2 + length;
        }
        return undefined;
    }

    /** The chunk EXIF of a WebP (RFC 9649, 2.7.1.5); some writers put the head of a JPEG's segment before it. */
    function in_webp(bytes) {
        const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
        for (let at = 12; at + 8 <= bytes.length;) {
            const length = view.getUint32(at + 4, true);
            const data = bytes.subarray(at + 8, at + 8 + length);
            if (latin(bytes.subarray(at, at + 4)) === "EXIF") return latin(data.subarray(0, 6)) === "Exif\0\0" ? data.subarray(6) : data;
            at += 8 + length + (length % 2);
        }
        return undefined;
    }

    /** The UserComment of a TIFF structure (TIFF 6.0, section 2; Exif 2.32, 4.6). RangeError for a broken one. */
    function user_comment(tiff) {
        const view = new DataView(tiff.buffer, tiff.byteOffset, tiff.byteLength);
        const little = latin(tiff.subarray(0, 2)) === "II";
        const entry = (directory, tag) => {
            for (let at = directory + 2, left = view.getUint16(directory, little); left > 0; left--, at += ENTRY) {
                if (view.getUint16(at, little) === tag) return at;
            }
            return null;
        };
        const pointer = entry(view.getUint32(4, little), EXIF_IFD);
        const found = pointer && entry(view.getUint32(pointer + 8, little), USER_COMMENT);
        if (!found) return "";
        const length = view.getUint32(found + 4, little);
        const start = length > LONG ? view.getUint32(found + 8, little) : found + 8;
        return decoded(tiff.subarray(start, start + length));
    }

    /** The text behind the eight letters that name its code. */
    function decoded(bytes) {
        const [code, text] = [latin(bytes.subarray(0, 8)).replace(/\0+$/, ""), bytes.subarray(8)];
        if (code === "UNICODE") return utf16(text);
        const plain = code === "" || code === "ASCII" || code === "JIS" ? text : bytes; // some writers name none
        return new TextDecoder(code === "JIS" ? "iso-2022-jp" : "utf-8").decode(plain).replace(/\0+$/, "");
    }

    /** UTF-16 of either order: WebUIs write the big one whatever the rest says. Parameters are mostly Latin letters. */
    function utf16(bytes) {
        const [big, little] = ["utf-16be", "utf-16le"].map((order) => new TextDecoder(order).decode(bytes));
        const letters = (text) => text.replace(/[^ -~]/g, "").length;
        return letters(little) > letters(big) ? little : big;
    }

    window.lbw.exif = { comment_of };
})();
