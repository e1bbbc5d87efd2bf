import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { losesNumbers, parseJsonText } from "../../src/bytes/json.ts";
import { MAX_JSON_DEPTH, MAX_JSON_ITEMS } from "../../src/limits.ts";

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

  it("has as many lists, objects and members as the limit, or another that is said, allows", () => {
    const lists = (count: number) => `[${new Array(count - 1).fill("[]").join()}]`;
    expect(parseJsonText(lists(MAX_JSON_ITEMS))).toHaveLength(MAX_JSON_ITEMS - 1);
    expect(() => parseJsonText(lists(MAX_JSON_ITEMS + 1))).toThrow(`over ${MAX_JSON_ITEMS} lists, objects and members`);
    const members = (count: number) => `{${Array.from({ length: count - 1 }, (_, i) => `"${i}":1`).join()}}`;
    for (const text of [lists(5), members(5), '[{"a":{}},1,2,"x"]'.replace("1", "[]")]) {
      expect(parseJsonText(text, 5)).toEqual(JSON.parse(text));
      expect(() => parseJsonText(text, 4)).toThrow("over 4");
    }
    expect(parseJsonText("[1,2,3,4,5,6,7]", 1)).toHaveLength(7);
  });

  it("may have any number of brackets and colons in strings", () => {
    expect(parseJsonText(JSON.stringify(["{[:]}".repeat(9)]), 1)).toEqual(["{[:]}".repeat(9)]);
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

describe("numbers of JSON", () => {
  it.each([
    "9007199254740993",
    "[-9007199254740993]",
    '{"9":"1",  "a":9007199254740993 }',
    "1e309",
    "[-1e400]",
    `${"9".repeat(400)}`,
  ])("are lost: %s", (text) => expect(losesNumbers(text)).toBe(true));

  it.each([
    "9007199254740992",
    "-9007199254740994",
    "1152921504606846976",
    "9007199254740993.5",
    "0.12345678901234567890123",
    "1e300",
    '["9007199254740993", "\\"9007199254740993", "1e999"]',
    "[1,2.5,-0,1E+2,null,true]",
    '"9007199254740993',
    "",
  ])("are kept, or nearest, as of every fraction: %s", (text) => expect(losesNumbers(text)).toBe(false));
});
