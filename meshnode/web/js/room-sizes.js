/**
 * How large pictures are seen, told to the node (RFC 0014 section 5.3).
 *
 * A picture that is scrolled away, covered by another layout or in a hidden tab is seen
 * at no size at all, and then is not sent.  Growing is told at once and shrinking after a
 * moment: who drags a window must not make layers dance.
 */

const SOON_MS = 80;
const LATER_MS = 1_000;
/** A change by less than this share makes no other layer the right one. */
const SHARE = 0.1;

/** @typedef {{trackId: string, width: number, height: number}} Size */

const differs = (now, before) => Math.abs(now - before) > SHARE * Math.max(now, before);

export class Sizes {
  #tell;
  #places = new Map();
  #told = new Map();
  #timer = 0;
  #due_ms = Infinity;
  #resize = new ResizeObserver((entries) => this.#changed(entries));
  #meet = new IntersectionObserver((entries) => this.#met(entries));
  #onVisibility = () => this.#soon(document.hidden ? LATER_MS : SOON_MS);

  /** @param {(sizes: Size[]) => void} tell */
  constructor(tell) {
    this.#tell = tell;
    document.addEventListener('visibilitychange', this.#onVisibility);
  }

  /**
   * From now on that element shows that track, null for none.
   * @param {HTMLElement} element
   * @param {string|null} trackId
   */
  watch(element, trackId) {
    const place = this.#places.get(element);
    if (place?.trackId === trackId || (!place && !trackId)) return;
    if (!trackId) {
      this.#places.delete(element);
      this.#told.delete(place.trackId);
      this.#resize.unobserve(element);
      this.#meet.unobserve(element);
      return;
    }
    this.#told.delete(place?.trackId);
    this.#places.set(element, { trackId, meets: place?.meets ?? true });
    this.#resize.observe(element);
    this.#meet.observe(element);
    this.#soon(SOON_MS);
  }

  /** Watch nothing any more. */
  close() {
    clearTimeout(this.#timer);
    document.removeEventListener('visibilitychange', this.#onVisibility);
    this.#resize.disconnect();
    this.#meet.disconnect();
    this.#places.clear();
  }

  #changed(entries) {
    const grew = entries.some(({ target }) => {
      const place = this.#places.get(target);
      return place && this.#size(target, place).width > (this.#told.get(place.trackId)?.width ?? 0);
    });
    this.#soon(grew ? SOON_MS : LATER_MS);
  }

  #met(entries) {
    for (const { target, isIntersecting } of entries) {
      const place = this.#places.get(target);
      if (place) place.meets = isIntersecting;
    }
    this.#soon(entries.some(({ isIntersecting }) => isIntersecting) ? SOON_MS : LATER_MS);
  }

  #soon(delay_ms) {
    const due_ms = performance.now() + delay_ms;
    if (due_ms >= this.#due_ms) return;
    clearTimeout(this.#timer);
    this.#due_ms = due_ms;
    this.#timer = setTimeout(() => this.#report(), delay_ms);
  }

  #size(element, { trackId, meets }) {
    const seen = meets && (!document.hidden || document.pictureInPictureElement === element);
    const scale = seen ? devicePixelRatio : 0;
    const width = Math.round(element.clientWidth * scale);
    const height = Math.round(element.clientHeight * scale);
    return { trackId, width: height ? width : 0, height: width ? height : 0 };
  }

  #report() {
    this.#due_ms = Infinity;
    const news = [...this.#places].map(([element, place]) => this.#size(element, place))
      .filter((size) => this.#isNews(size));
    for (const size of news) this.#told.set(size.trackId, size);
    if (news.length) this.#tell(news);
  }

  #isNews({ trackId, width, height }) {
    const told = this.#told.get(trackId);
    return !told || differs(width, told.width) || differs(height, told.height);
  }
}
