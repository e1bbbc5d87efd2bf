import { losesNumbers, parseJsonText } from "../bytes/json.ts";
import { needs, QErr } from "../errors.ts";
import type { Cell } from "../table/dual.ts";

/** Parses JSON, with the limit of `parseJsonText` or another one on its items. Throws `ACCESS_CASE`. */
export function parseAt(json: string, what: string, items?: number): At {
  let value: unknown;
  try {
    value = parseJsonText(json, items);
  } catch (cause) {
    throw new QErr("ACCESS_CASE", `the ${what} is not JSON`, { cause });
  }
  // Rounded, it would name, or grant, another value.
  needs(!losesNumbers(json), "ACCESS_CASE", `the ${what} has a number that no double holds`, {
    hint: "write it as a text",
  });
  return new At(value, what);
}

/** A JSON value with its place, for messages. */
export class At {
  readonly value: unknown;
  readonly #place: string;

  constructor(value: unknown, place: string) {
    this.value = value;
    this.#place = place;
  }

  get(key: string): At {
    const object = this.value;
    if (typeof object !== "object" || object === null || Array.isArray(object)) throw this.wrong("must be an object");
    return new At(
      Object.hasOwn(object, key) ? (object as Record<string, unknown>)[key] : undefined,
      `${this.#place}.${key}`,
    );
  }

  optional(): At | undefined {
    return this.value === undefined || this.value === null ? undefined : this;
  }

  object(): Map<string, At> {
    const object = this.value;
    if (typeof object !== "object" || object === null || Array.isArray(object)) throw this.wrong("must be an object");
    return new Map(Object.entries(object).map(([key, value]) => [key, new At(value, `${this.#place}.${key}`)]));
  }

  list(): At[] {
    if (!Array.isArray(this.value)) throw this.wrong("must be a list");
    return this.value.map((value: unknown, i) => new At(value, `${this.#place}[${i}]`));
  }

  text(): string {
    if (typeof this.value !== "string") throw this.wrong("must be a text");
    return this.value;
  }

  number(): number {
    if (typeof this.value !== "number") throw this.wrong("must be a number");
    return this.value;
  }

  flag(): boolean {
    if (typeof this.value !== "boolean") throw this.wrong("must be true or false");
    return this.value;
  }

  texts(): string[] {
    return this.list().map((t) => t.text());
  }

  cellList(): Cell[] {
    return this.list().map((c) => c.cell());
  }

  cells(): Cell[][] {
    return this.list().map((row) => row.cellList());
  }

  /** Number, pure text, NULL, or `{num, text}`. */
  cell(): Cell {
    const v = this.value;
    if (v === null || typeof v === "number" || typeof v === "string") return v;
    return { number: this.get("num").number(), text: this.get("text").text() };
  }

  oneOf<const T extends readonly string[]>(choices: T): T[number] {
    const text = this.text();
    if (!choices.includes(text)) throw this.wrong(`must be one of ${choices.join(", ")}`);
    return text as T[number];
  }

  wrong(what: string): QErr {
    return new QErr("ACCESS_CASE", `${this.#place} ${what}`);
  }
}
