/* Pictures of one analysis, asked for several at a time, and the small ones only when they come into sight. */
(() => {
    "use strict";
    const { bridge, element } = window.lbw;
    const MOST = 12; // small pictures in one question; Python takes 24
    const SOON = 40; // milliseconds in which wishes are gathered
    const SMALL = 128; // pixels up to which a picture is shown with sharp edges

    class Pictures {
        /** `name`: of the analysis; `failed(error)` is told when pictures cannot be had. */
        constructor(name, failed) {
            this.name = name;
            this.failed = failed;
            this.known = new Map();
            this.wanted = new Map();
            this.waiting = new Map();
            this.watch = new IntersectionObserver((seen) => this.seen(seen), { rootMargin: "200px" });
        }

        /** Called when another analysis is shown. */
        close() {
            this.watch.disconnect();
            clearTimeout(this.soon);
        }

        /** An image that fills itself with a small picture when it comes into sight. `what`: picture, diff or heat. */
        small(cell, what, alt) {
            const image = element("img", { class: "lbw-thumb", alt, width: 64, height: 64 });
            image.dataset.key = `${cell} ${what}`;
            this.watch.observe(image);
            return image;
        }

        seen(entries) {
            for (const { isIntersecting, target } of entries) {
                if (!isIntersecting) continue;
                this.watch.unobserve(target);
                const { key } = target.dataset;
                if (this.known.has(key)) fill(target, this.known.get(key));
                else this.waiting.set(key, [...(this.waiting.get(key) ?? []), target]);
            }
            clearTimeout(this.soon);
            this.soon = setTimeout(() => this.send().catch(this.failed), SOON);
        }

        async send() {
            const keys = [...this.waiting.keys()].slice(0, MOST);
            if (!keys.length) return;
            const images = keys.map((key) => [key, this.waiting.get(key)]);
            for (const key of keys) this.waiting.delete(key);
            const { pictures } = await bridge.ask("results.pictures", { name: this.name, wanted: keys });
            for (const [key, targets] of images) {
                this.known.set(key, pictures[key]);
                for (const target of targets) fill(target, pictures[key]);
            }
            await this.send();
        }

        /** The URLs of whole pictures, in the order of `keys`; undefined for one that is not drawn. */
        async whole(keys) {
            const missing = [...new Set(keys)].filter((key) => !this.wanted.has(key));
            if (missing.length) {
                const asked = bridge.ask("results.pictures", { name: this.name, wanted: missing, large: true });
                for (const key of missing) this.wanted.set(key, asked.then(({ pictures }) => pictures[key]));
                asked.catch(() => missing.forEach((key) => this.wanted.delete(key)));
            }
            return Promise.all(keys.map((key) => this.wanted.get(key)));
        }
    }

    /** Show the URL; a picture of few pixels keeps its edges. */
    function fill(image, url) {
        if (!url) return void image.removeAttribute("src");
        image.onload = () => image.classList.toggle("lbw-pixels", Math.max(image.naturalWidth, image.naturalHeight) <= SMALL);
        image.src = url;
        return undefined;
    }

    Object.assign(window.lbw, { Pictures, fill_picture: fill });
})();
