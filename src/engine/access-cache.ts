import type { Model } from "../table/model.ts";
import { modelBytes } from "../table/model.ts";

/**
 * Reduced models by reduction: users who see the same share one. The least recently used go when the bytes are too
 * many; a model that somebody still holds lives on until he lets go.
 */
export class ReducedCache {
  readonly #limit: number;
  readonly #models = new Map<string, { readonly model: Model; readonly bytes: number }>();
  #bytes = 0;

  /** @param limit bytes of all models together; the newest is kept even if it alone is larger */
  constructor(limit: number) {
    this.#limit = limit;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get size(): number {
    return this.#models.size;
  }

  get(key: string): Model | undefined {
    const found = this.#models.get(key);
    if (found === undefined) return undefined;
    // Insertion order is the order of use.
    this.#models.delete(key);
    this.#models.set(key, found);
    return found.model;
  }

  set(key: string, model: Model): void {
    const bytes = modelBytes(model);
    this.#bytes -= this.#models.get(key)?.bytes ?? 0;
    this.#models.set(key, { model, bytes });
    this.#bytes += bytes;
    for (const [old, entry] of this.#models) {
      if (this.#bytes <= this.#limit || old === key) break;
      this.#models.delete(old);
      this.#bytes -= entry.bytes;
    }
  }
}
