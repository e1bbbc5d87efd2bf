import { execFileSync } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { openJournal } from "../../src/engine/rotate-journal.ts";
import { readSmallFile, readSmallText } from "../../src/engine/small-file.ts";
import { readLines } from "../../src/engine/text-lines.ts";
import { MAX_CONFIG_BYTES, MAX_JOURNAL_LINE_BYTES } from "../../src/limits.ts";
import { failure } from "../helpers/errors.ts";
import { temporaryFolders } from "../helpers/temp.ts";

const temporaryFolder = temporaryFolders();

describe("a small file", () => {
  it("is read to the limit and refused beyond it", async () => {
    const path = join(await temporaryFolder(), "f");
    const bytes = Uint8Array.from({ length: 200_000 }, (_, i) => i % 251);
    await writeFile(path, bytes);
    expect(await readSmallFile(path, 200_000)).toEqual(bytes);
    await failure("LIMIT_EXCEEDED", () => readSmallFile(path, 199_999));
    await writeFile(path, new Uint8Array(MAX_CONFIG_BYTES));
    expect((await readSmallFile(path)).byteLength).toBe(8 * 1024 * 1024);
    await writeFile(path, new Uint8Array(MAX_CONFIG_BYTES + 1));
    const error = await failure("LIMIT_EXCEEDED", () => readSmallFile(path));
    expect(error.message).toBe(`${path} has over 8388608 bytes`);
    await writeFile(path, "");
    expect(await readSmallFile(path)).toEqual(new Uint8Array(0));
  });

  it("is UTF-8, and its byte order mark is no letter of it", async () => {
    const path = join(await temporaryFolder(), "f");
    await writeFile(path, "\ufeffä");
    expect(await readSmallText(path)).toBe("ä");
    await writeFile(path, Uint8Array.of(0x61, 0xff));
    await failure("BYTES_UTF8", () => readSmallText(path));
  });

  it("is there, and no folder", async () => {
    const folder = await temporaryFolder();
    await failure("SOURCE_NOT_FOUND", () => readSmallFile(join(folder, "none")));
    await failure("SOURCE_NOT_FOUND", () => readSmallFile(folder));
  });

  it.runIf(process.platform !== "win32")("may be a pipe, of which no more is taken than may be kept", async () => {
    const path = join(await temporaryFolder(), "pipe");
    execFileSync("mkfifo", [path]);
    const writing = writeFile(path, "a".repeat(300_000)).catch(() => {});
    await failure("LIMIT_EXCEEDED", () => readSmallFile(path, 100_000));
    await writing;
    const again = writeFile(path, "secret\n");
    expect(await readSmallText(path)).toBe("secret\n");
    await again;
  });
});

describe("lines of a file", () => {
  async function linesOf(content: string | Uint8Array, most: number) {
    const path = join(await temporaryFolder(), "f");
    await writeFile(path, content);
    const lines: { readonly text: string | undefined; readonly ended: boolean }[] = [];
    await readLines(path, most, (text, ended) => void lines.push({ text, ended }));
    return lines;
  }
  const ended = (text: string | undefined) => ({ text, ended: true });

  it("come one by one, the last perhaps without an end", async () => {
    expect(await linesOf("", 10)).toEqual([]);
    expect(await linesOf("\n\na\n", 10)).toEqual([ended(""), ended(""), ended("a")]);
    expect(await linesOf("a\nb", 10)).toEqual([ended("a"), { text: "b", ended: false }]);
  });

  it("are whole across what is read at once, letters of several bytes too", async () => {
    const texts = ["ä".repeat(50_000), "b".repeat(70_000), "€".repeat(100_000)];
    const lines = await linesOf(texts.map((text) => `${text}\n`).join(""), 300_000);
    expect(lines.map((line) => line.text)).toEqual(texts);
  });

  it("are not held beyond what is asked for", async () => {
    const long = "x".repeat(200_000);
    const lines = await linesOf(`1234\n12345\n${long}\nab\n${long}`, 4);
    expect(lines).toEqual([
      ended("1234"),
      ended(undefined),
      ended(undefined),
      ended("ab"),
      { text: undefined, ended: false },
    ]);
  });
});

describe("the journal of a rotation", () => {
  it("has lines of 64 KiB at the most: a longer one is not its own", async () => {
    const path = join(await temporaryFolder(), "journal");
    const doneWith = async (bytes: number) => {
      const file = "f".repeat(bytes - JSON.stringify({ job: "j", state: "done", file: "" }).length);
      const begin = JSON.stringify({ job: "j", state: "begin" });
      await writeFile(path, `${begin}\n${JSON.stringify({ job: "j", state: "done", file })}\n`);
      const journal = await openJournal(path, "j");
      await journal.close();
      return journal.done.size;
    };
    expect(await doneWith(MAX_JOURNAL_LINE_BYTES)).toBe(1);
    expect(await doneWith(MAX_JOURNAL_LINE_BYTES + 1)).toBe(0);
  });
});
