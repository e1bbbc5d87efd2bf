import { expect, it } from "vitest";
import { sniff } from "../../src/container/sniff.ts";
import { memorySource } from "../../src/source/memory.ts";
import { failure } from "../helpers/errors.ts";

const source = (text: string) =>
  memorySource(
    Uint8Array.from(text, (c) => c.charCodeAt(0)),
    "the file",
  );

it.each([
  '<?xml version="1.0"?><QvdTableHeader>',
  "<QvdTableHeader>",
  " \r\n\t<?xml",
  "\u00ef\u00bb\u00bf<?xml",
  `\u00ef\u00bb\u00bf${" ".repeat(40)}<QvdTableHeader>`,
])("takes %j for a QVD", async (text) => {
  expect(await sniff(source(text))).toBe("qvd");
});

it("takes what begins with a version for a QVF", async () => {
  expect(await sniff(source("\u00ff\u00ff\u0001\u0000"))).toBe("qvf");
  expect(await sniff(source(`\u00ff\u00ff\u0001\u0000${"x".repeat(100)}`))).toBe("qvf");
});

const NEITHER = "neither a QVD nor a QVF";
it.each([
  ["", "empty", undefined],
  ["x<?xml", NEITHER, undefined],
  ["<html>", NEITHER, undefined],
  ["\u00ef\u00bb<?xml", NEITHER, undefined],
  [`${" ".repeat(64)}<?xml`, NEITHER, undefined],
  ["\u00ff\u00ff\u0001", NEITHER, undefined],
  ["x\u00ff\u00ff\u0001\u0000", NEITHER, undefined],
  ["xPAR1", NEITHER, undefined],
  ["version https://git-lfs.github.com/spec/v1\n", "a Git LFS pointer, not the file itself", "run git lfs pull"],
  ["PD94bWwgdmVyc2lvbg==", "a QVD in Base64", "decode it first: base64 -d FILE > OUT.qvd"],
  ["PAR1", "a Parquet file", "qvault import turns it into a QVD"],
  ["PK\u0003\u0004", "a ZIP archive", "unpack it first"],
])("says what %j is, and what to do with it", async (text, what, hint) => {
  const error = await failure("CONTAINER_UNKNOWN", () => sniff(source(text)));
  expect([error.message, error.hint, error.offset]).toEqual([`the file is ${what}`, hint, 0]);
});

it("reads 64 bytes, or all of a smaller file", async () => {
  const reads: number[][] = [];
  const counted = (text: string) => {
    const inner = source(text);
    const read = (offset: number, length: number) => {
      reads.push([offset, length]);
      return inner.read(offset, length);
    };
    return { ...inner, read };
  };
  await sniff(counted("<?xml"));
  await sniff(counted(`<?xml${" ".repeat(1000)}`));
  expect(reads).toEqual([
    [0, 5],
    [0, 64],
  ]);
});
