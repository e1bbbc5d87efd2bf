import { SLACK } from "./sizes.ts";

/** An address in the linear memory of one kernel. 0 is none. */
export type Pointer = number;

/** Memory below this is the kernel's own: constant tables, the same for everybody. */
export const ARENA_BASE = 65_536;

/** Buffers begin at multiples of this: a cache line. */
const ALIGN = 64;

/**
 * The memory of one scan. Sizes are said beforehand and it never grows, so views stay good; what is not touched costs
 * nothing. Buffers are handed out one after the other, each followed by {@link SLACK} bytes, and given back all at once.
 */
export class Arena {
  readonly buffer: ArrayBufferLike;
  /** Bytes that can be handed out. */
  readonly capacity: number;
  readonly #view: DataView;
  #top = ARENA_BASE;
  #high = ARENA_BASE;

  constructor(buffer: ArrayBufferLike) {
    this.buffer = buffer;
    this.capacity = buffer.byteLength - ARENA_BASE;
    this.#view = new DataView(buffer);
  }

  /** Bytes in use. */
  get used(): number {
    return this.#top - ARENA_BASE;
  }

  /** Room for `bytes` bytes and their slack; zero if the arena is new or was wiped. */
  alloc(bytes: number): Pointer {
    const at = this.#top;
    const top = at + Arena.sizeOf(bytes);
    if (!Number.isSafeInteger(bytes) || bytes < 0 || top > this.buffer.byteLength) {
      throw new RangeError(`the arena has ${this.buffer.byteLength - at} of ${this.capacity} bytes left, not ${bytes}`);
    }
    this.#top = top;
    this.#high = Math.max(this.#high, top);
    return at;
  }

  /** Makes the buffer that was handed out last, at `at`, `bytes` long; what it holds stays. */
  grow(at: Pointer, bytes: number): void {
    const top = this.#top;
    this.release(at);
    try {
      this.alloc(bytes);
    } finally {
      this.#top = Math.max(this.#top, top);
    }
  }

  /** What {@link alloc} takes for `bytes` bytes; add these up to size an arena. */
  static sizeOf(bytes: number): number {
    return Math.ceil((bytes + SLACK) / ALIGN) * ALIGN;
  }

  /** Where the next buffer would begin: hand it to {@link release} to give back all that came after. */
  mark(): Pointer {
    return this.#top;
  }

  /** Gives back what was handed out since {@link mark}; the bytes stay until {@link wipe}. */
  release(mark: Pointer): void {
    if (mark < ARENA_BASE || mark > this.#top) throw new RangeError("the mark is not of this arena");
    this.#top = mark;
  }

  /** Gives back everything, and overwrites with zeros whatever was handed out since the last wipe. */
  wipe(): void {
    new Uint8Array(this.buffer, ARENA_BASE, this.#high - ARENA_BASE).fill(0);
    this.#top = ARENA_BASE;
    this.#high = ARENA_BASE;
  }

  bytes(at: Pointer, length: number): Uint8Array {
    return new Uint8Array(this.buffer, at, length);
  }

  int32(at: Pointer, length: number): Int32Array {
    return new Int32Array(this.buffer, at, length);
  }

  uint32(at: Pointer, length: number): Uint32Array {
    return new Uint32Array(this.buffer, at, length);
  }

  /** Over the whole memory; addresses are offsets. */
  get view(): DataView {
    return this.#view;
  }
}
