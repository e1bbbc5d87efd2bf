import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseJsonText } from "../../src/bytes/json.ts";
import { MAX_JSON_DEPTH } from "../../src/limits.ts";

const nested = (depth: number, open = "[", close = "]", inner = "1") =>
  open.repeat(depth) + inner + close.repeat(depth);

describe("JSON of a stranger", () => {
  it("is read as JSON.parse reads it", () => {
    fc.assert(
      fc.property(fc.json({ maxDepth: 8 }), (text) => {
        expect(parseJsonText(text)).toEqual(JSON.parse(text));
      }),
    );
  });

  it("is nested to the limit and no deeper, in lists, in objects and in both", () => {
    for (const [open, close] of [
      ["[", "]"],
      ['{"a":', "}"],
    ] as const) {
      expect(() => parseJsonText(nested(MAX_JSON_DEPTH, open, close))).not.toThrow();
      expect(() => parseJsonText(nested(MAX_JSON_DEPTH + 1, open, close))).toThrow(
        `nested over ${MAX_JSON_DEPTH} deep`,
      );
    }
    const both = (depth: number) => nested(depth / 2, '[{"a":', "}]");
    expect(() => parseJsonText(both(MAX_JSON_DEPTH))).not.toThrow();
    expect(() => parseJsonText(both(MAX_JSON_DEPTH + 2))).toThrow("nested");
  });

  it("may have any number of brackets side by side, and in strings", () => {
    const flat = `[${new Array(5000).fill("[]").join()}]`;
    expect(parseJsonText(flat)).toHaveLength(5000);
    for (const text of [
      "[".repeat(5000),
      `${'\\"'.repeat(3)}${"{".repeat(5000)}`,
      "\\\\".repeat(5),
      `[${'\\"['.repeat(2000)}`,
    ])
      expect(parseJsonText(JSON.stringify([text, text]))).toEqual([text, text]);
    // A quote that does not close hides the brackets behind it; that is no JSON either.
    expect(() => parseJsonText(`"${"[".repeat(5000)}`)).toThrow(SyntaxError);
    expect(() => parseJsonText('"\\')).toThrow(SyntaxError);
  });

  it("is refused as JSON.parse refuses it", () => {
    for (const text of ["", "[", "{]", "]".repeat(9), "[1,]", "nul", '{"a":1,}'])
      expect(() => parseJsonText(text), text).toThrow(SyntaxError);
  });
});
