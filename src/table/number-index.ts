/**
 * Numbers to their place in the order of first occurrence: open addressing in typed arrays. With a million different
 * numbers it takes half the time of a `Map`, and 24 bytes for each; with a thousand they are alike (`bench/interner.ts`).
 */
export interface NumberIndex {
  /** The place that was set for `value`, or -1. 0 and -0 are one, and so are all NaNs. */
  find(value: number): number;
  /** Sets the place of the value that was looked for last, and not found. */
  set(place: number): void;
}

/** Few: a table may have ten thousand columns that are almost empty. */
const FIRST_SLOTS = 16;

export function numberIndex(): NumberIndex {
  let slots = FIRST_SLOTS;
  let values = new Float64Array(slots);
  /** Place plus 1; 0 is an empty slot. */
  let places = new Int32Array(slots);
  let count = 0;
  let sought = 0;
  let slot = 0;
  let placeOfNaN = -1;
  const word = new Float64Array(1);
  const halves = new Uint32Array(word.buffer);
  // So that nobody can write a file whose numbers all meet in one slot.
  const seed = Math.floor(Math.random() * 2 ** 32);

  /** Where `value` is, or the empty slot where it belongs. */
  function slotOf(value: number): number {
    word[0] = value;
    let hash = Math.imul(halves[0]! ^ seed, 0x9e3779b1) ^ Math.imul(halves[1]!, 0x85ebca77);
    hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d);
    let at = (hash ^ (hash >>> 13)) & (slots - 1);
    while (places[at] !== 0 && values[at] !== value) at = (at + 1) & (slots - 1);
    return at;
  }

  function grow(): void {
    const [oldValues, oldPlaces] = [values, places];
    slots *= 2;
    values = new Float64Array(slots);
    places = new Int32Array(slots);
    oldPlaces.forEach((place, i) => {
      if (place === 0) return;
      const at = slotOf(oldValues[i]!);
      values[at] = oldValues[i]!;
      places[at] = place;
    });
  }

  return {
    find(value) {
      sought = value === 0 ? 0 : value;
      // No NaN is equal to itself, so that it would be looked for in every slot.
      if (Number.isNaN(value)) return placeOfNaN;
      slot = slotOf(sought);
      return places[slot]! - 1;
    },
    set(place) {
      if (Number.isNaN(sought)) {
        placeOfNaN = place;
        return;
      }
      values[slot] = sought;
      places[slot] = place + 1;
      count += 1;
      if (2 * count > slots) grow();
    },
  };
}
