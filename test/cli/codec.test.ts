import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { COMMANDS } from "../../src/cli/commands.ts";
import { EXIT_OF_CLASS } from "../../src/cli/exit-codes.ts";
import { fieldList, rowRange, wholeNumber } from "../../src/cli/options.ts";
import { progressLine } from "../../src/cli/progress.ts";
import { printable } from "../../src/cli/terminal.ts";
import { textTable } from "../../src/cli/text-table.ts";
import { runCli, spawnCli } from "../helpers/cli.ts";
import { editHeader } from "../helpers/raw-qvd.ts";
import { qvdOf } from "../helpers/tables.ts";
import { temporaryFolders } from "../helpers/temp.ts";

const temporaryFolder = temporaryFolders();

let good: Uint8Array;
let damaged: Uint8Array;
let deviating: Uint8Array;

beforeAll(async () => {
  good = await qvdOf(
    {
      name: "Sales",
      fields: [
        { name: "Id", tags: ["$key"], comment: "the key" },
        {
          name: "Net, \u009b31m€",
          numberFormat: { type: "MONEY", nDec: 2, useThou: 1, fmt: "#,##0.00", dec: ".", thou: "," },
        },
      ],
      columns: [
        ["007", { number: 1, text: "one" }, null],
        [0.5, 12, 0.5],
      ],
    },
    { comment: "a comment", creatorDoc: "doc", lineage: [{ discriminator: "file.csv;", statement: "LOAD *" }] },
  );
  damaged = good.slice(0, -1);
  deviating = new Uint8Array([...good, 1, 2]);
});

async function files(): Promise<string> {
  const folder = await temporaryFolder();
  await mkdir(join(folder, "sub"));
  await writeFile(join(folder, "a.qvd"), good);
  await writeFile(join(folder, "b.qvd"), damaged);
  await writeFile(join(folder, "sub", "c.QVD"), good);
  await writeFile(join(folder, "notes.txt"), "not looked at");
  return folder;
}

describe("inspect", () => {
  it("--json gives one document a file with exactly the members promised", async () => {
    const folder = await files();
    const file = join(folder, "a.qvd");
    const { code, out, err } = await runCli(["inspect", "--json", file]);
    expect([code, err]).toEqual([0, ""]);
    expect(out.endsWith("}\n")).toBe(true);
    const format = { type: "UNKNOWN", nDec: 0, useThou: 0, fmt: "", dec: "", thou: "" };
    expect(JSON.parse(out)).toEqual({
      schemaVersion: 1,
      file,
      container: "qvd",
      bytes: good.byteLength,
      creator: { build: 50689, document: "doc", createdUtc: "2024-02-29 12:34:56" },
      tables: [
        {
          name: "Sales",
          rows: 3,
          comment: "a comment",
          fields: [
            {
              name: "Id",
              symbols: 2,
              bitWidth: 2,
              nullable: true,
              numberFormat: format,
              tags: ["$key"],
              comment: "the key",
            },
            {
              name: "Net, \u009b31m€",
              symbols: 2,
              bitWidth: 6,
              nullable: false,
              numberFormat: { type: "MONEY", nDec: 2, useThou: 1, fmt: "#,##0.00", dec: ".", thou: "," },
              tags: ["$numeric"],
              comment: "",
            },
          ],
          lineage: [{ discriminator: "file.csv;", statement: "LOAD *" }],
        },
      ],
    });
  });

  it("shows a person the same, with control characters in names made visible", async () => {
    const { code, out } = await runCli(["inspect", join(await files(), "a.qvd")]);
    expect(code).toBe(0);
    for (const part of ["Sales", "3 rows", "2 fields", "a comment", "build 50689", "MONEY #,##0.00", "file.csv;"]) {
      expect(out).toContain(part);
    }
    expect(out).toContain("Net, \\u009b31m€");
    for (const control of ["\u001b", "\u009b"]) expect(out).not.toContain(control);
  });

  it("reads the header of a file that Qlik encrypted, whose data digest refuses", async () => {
    const folder = await temporaryFolder();
    const file = join(folder, "e.qvd");
    await writeFile(
      file,
      editHeader(good, (xml) => xml.replace("<EncryptionInfo>", "<EncryptionInfo>AES")),
    );
    const shown = await runCli(["inspect", "--json", file]);
    expect(shown.code).toBe(0);
    expect(JSON.parse(shown.out)).toMatchObject({ encryptedByQlik: true, tables: [{ rows: 3 }] });
    expect((await runCli(["inspect", file])).out).toContain("encrypted by Qlik");
    const refused = await runCli(["digest", file]);
    expect([refused.code, refused.out]).toEqual([4, ""]);
    expect(refused.err).toContain("QVD_ENCRYPTED");
    expect(refused.err).toContain("qvault: hint: ");
  });

  it("keeps a build that is no number as the text it is", async () => {
    const file = join(await temporaryFolder(), "f.qvd");
    await writeFile(
      file,
      editHeader(good, (xml) => xml.replace(">50689<", ">12.40 SR2<")),
    );
    expect(JSON.parse((await runCli(["inspect", "--json", file])).out).creator.build).toBe("12.40 SR2");
  });
});

describe("head", () => {
  it("shows rows as texts, NULL as a dash, as many as asked", async () => {
    const file = join(await files(), "a.qvd");
    const { code, out } = await runCli(["head", file]);
    expect([code, out]).toEqual([0, "Id   Net, \\u009b31m€\n007  0.50\none  12.00\n-    0.50\n"]);
    expect((await runCli(["head", "-n", "1", file])).out.split("\n").length).toBe(3);
    expect((await runCli(["head", "-n", "0", "--fields", "Id", file])).out).toBe("Id\n");
    expect((await runCli(["head", "-n", "1", "--fields", '"Net, \u009b31m€",Id', file])).out).toContain("0.5");
  });

  it("names the fields there are if one is not there", async () => {
    const { code, out, err } = await runCli(["head", "--fields", "Id,Nett", join(await files(), "a.qvd")]);
    expect([code, out]).toEqual([2, ""]);
    const [error, hint, ...more] = err.trimEnd().split("\n");
    expect(error).toMatch(/^qvault: error: .*there is no field "Nett" \(TABLE_NO_FIELD\)$/);
    expect(hint).toBe('qvault: hint: the table has: "Id", "Net, \\u009b31m€"');
    expect(more).toEqual([]);
  });
});

describe("digest", () => {
  it("--ndjson gives one line a file, and says of a damaged one that it is", async () => {
    const folder = await files();
    const { code, out, err } = await runCli(["digest", "--ndjson", folder]);
    expect(code).toBe(9);
    const lines = out
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect(lines.map((line) => line.file)).toEqual(["a.qvd", "b.qvd", "sub/c.QVD"].map((f) => join(folder, f)));
    expect(Object.keys(lines[0])).toEqual(["file", "tables"]);
    expect(lines[0].tables).toEqual(lines[2].tables);
    expect(lines[0].tables[0]).toMatchObject({ name: "Sales", rows: 3, columns: [{ name: "Id" }, {}] });
    expect(lines[0].tables[0].columns[0].sha256).toMatch(/^[0-9a-f]{64}$/);
    expect(lines[1]).toEqual({ file: join(folder, "b.qvd"), error: true, code: "QVD_RANGE" });
    expect(err.split("\n")[0]).toMatch(/^qvault: error: .*b\.qvd: .* \(QVD_RANGE at byte \d+\)$/);
  });

  it("exits with the error's own code if the only file fails, with 9 if some of many do", async () => {
    const folder = await files();
    const one = await runCli(["digest", join(folder, "b.qvd")]);
    expect([one.code, one.out]).toEqual([4, ""]);
    expect((await runCli(["digest", join(folder, "absent.qvd")])).code).toBe(3);
    expect((await runCli(["digest", join(folder, "a.qvd"), join(folder, "absent.qvd")])).code).toBe(9);
    expect((await runCli(["digest", join(folder, "a.qvd"), join(folder, "sub", "c.QVD")])).code).toBe(0);
  });

  it("reads standard input for -, in memory", async () => {
    const { code, out } = await runCli(["digest", "--ndjson", "-"], { stdin: good });
    expect(code).toBe(0);
    const file = join(await files(), "a.qvd");
    const other = JSON.parse((await runCli(["digest", "--ndjson", file])).out);
    expect(JSON.parse(out)).toEqual({ file: "-", tables: other.tables });
  });

  it("stops for an interrupt with 130", async () => {
    const signal = AbortSignal.abort(new Error("interrupted"));
    const { code, out } = await runCli(["digest", await files()], { signal });
    expect([code, out]).toEqual([130, ""]);
  });
});

describe("verify", () => {
  it("says ok, deviation or damage by exit codes 0, 1 and 4, one finding a line", async () => {
    const folder = await files();
    await writeFile(join(folder, "d.qvd"), deviating);
    const ok = await runCli(["verify", join(folder, "a.qvd")]);
    expect([ok.code, ok.out]).toEqual([0, `${join(folder, "a.qvd")}: ok\n`]);
    const bad = await runCli(["verify", join(folder, "b.qvd")]);
    expect(bad.code).toBe(4);
    expect(bad.out).toMatch(/b\.qvd: damage QVD_RANGE index table @\d+\+3: .+\n$/);
    const odd = await runCli(["verify", join(folder, "d.qvd")]);
    expect(odd.code).toBe(1);
    expect(odd.out).toBe(
      `${join(folder, "d.qvd")}: deviation QVD_TRAILING_BYTES file @${good.byteLength}+2: 2 bytes follow the last section\n`,
    );
    // Damage weighs more than a deviation, in whatever order they come.
    for (const order of [
      ["b.qvd", "d.qvd"],
      ["d.qvd", "b.qvd"],
    ]) {
      expect((await runCli(["verify", ...order.map((f) => join(folder, f))])).code).toBe(4);
    }
  });

  it("--json names what was checked and what was found", async () => {
    const folder = await files();
    const json = JSON.parse((await runCli(["verify", "--json", join(folder, "b.qvd")])).out);
    expect(Object.keys(json)).toEqual(["schemaVersion", "file", "ok", "damaged", "findings", "checked"]);
    expect(json).toMatchObject({ schemaVersion: 1, ok: false, damaged: true });
    expect(json.findings[0]).toMatchObject({ level: "damage", code: "QVD_RANGE", part: "index table" });
    const fine = JSON.parse((await runCli(["verify", "--json", join(folder, "a.qvd")])).out);
    expect(fine).toMatchObject({ ok: true, damaged: false, findings: [] });
    expect(fine.checked.length).toBeGreaterThan(3);
  });
});

describe("files and folders", () => {
  it("a folder without a file of Qlik is an error, not done", async () => {
    const { code, err } = await runCli(["verify", await temporaryFolder()]);
    expect(code).toBe(3);
    expect(err).toContain("SOURCE_NOT_FOUND");
  });

  it("control characters in a file's name do not reach the terminal", async () => {
    const file = join(await temporaryFolder(), "x\u001b[2Jy.qvd");
    await writeFile(file, good);
    for (const command of ["inspect", "digest", "verify"]) {
      const { out } = await runCli([command, file]);
      expect(out).toContain("x\\u001b[2Jy.qvd");
      for (const control of ["\u001b", "\u009b"]) expect(out).not.toContain(control);
    }
    const { err } = await runCli(["digest", `${file}\n`]);
    expect(err.trimEnd().split("\n").length).toBe(1);
  });
});

describe("the command in its own process", () => {
  it("keeps data and talk apart, takes a pipe, and ends by its exit code", async () => {
    const folder = await files();
    const both = await spawnCli(["digest", "--ndjson", join(folder, "a.qvd"), join(folder, "b.qvd")]);
    expect(both.code).toBe(9);
    for (const line of both.out.trimEnd().split("\n")) expect(() => JSON.parse(line)).not.toThrow();
    expect(both.err).toMatch(/^qvault: error: /);
    const piped = await spawnCli(["inspect", "--json", "-"], { stdin: good });
    expect([piped.code, JSON.parse(piped.out).file]).toEqual([0, "standard input"]);
    const empty = await spawnCli(["inspect", "-"], { stdin: new Uint8Array(0) });
    expect([empty.code, empty.out]).toEqual([4, ""]);
    expect(empty.err).toContain("standard input is empty");
  });

  it("prints help and version on standard output, wrong use on standard error", async () => {
    const help = await spawnCli(["--help"]);
    expect([help.code, help.err]).toEqual([0, ""]);
    expect(help.out.startsWith("Examples:\n  qvault ")).toBe(true);
    for (const name of Object.keys(COMMANDS)) expect(help.out).toMatch(new RegExp(`^  ${name} `, "m"));
    expect(help.out).toContain("Exit codes:");
    const version = await spawnCli(["--version"]);
    const manifest = JSON.parse(await readFile(new URL("../../package.json", import.meta.url), "utf8"));
    expect([version.code, version.out, version.err]).toEqual([0, `${manifest.version}\n`, ""]);
    const wrong = await spawnCli(["digest", "--nonsense", "f"]);
    expect([wrong.code, wrong.out]).toEqual([2, ""]);
    expect(wrong.err.length).toBeGreaterThan(0);
  });

  it("says of any wrong use what is wrong, and ends with 2", async () => {
    for (const args of [["nonsense"], ["digest"], ["digest", "--nonsense", "f"], ["head", "-n", "x", "f"], []]) {
      const wrong = await runCli(args);
      expect([args, wrong.code, wrong.out]).toEqual([args, 2, ""]);
      expect(wrong.err.length).toBeGreaterThan(0);
    }
  });
});

describe("help of each command", () => {
  for (const name of Object.keys(COMMANDS)) {
    it(`${name} --help says what it is for and ends with 0`, async () => {
      const { code, out, err } = await runCli([name, "--help"]);
      expect([code, err]).toEqual([0, ""]);
      expect(out).toMatch(new RegExp(`^Usage: .*${name}`, "m"));
      expect(out.split("\n").length).toBeGreaterThan(4);
    });
  }
});

describe("parts of the command line", () => {
  it("reads whole numbers, row ranges and field lists strictly", () => {
    expect(wholeNumber(0)("15")).toBe(15);
    for (const text of ["", "-1", "1.5", "1e3", "0x1", " 1", "9".repeat(16)])
      expect(() => wholeNumber(0)(text)).toThrow();
    expect(() => wholeNumber(1)("0")).toThrow();
    expect(rowRange("3..10")).toEqual({ from: 3, to: 10 });
    expect(rowRange("..10")).toEqual({ from: undefined, to: 10 });
    expect(rowRange("3..")).toEqual({ from: 3, to: undefined });
    for (const text of ["3", "3-10", "a..b", "1..2..3", "-1..2"]) expect(() => rowRange(text)).toThrow();
    expect(fieldList('a, b ,"c,d","e""f",')).toEqual(["a", " b ", "c,d", 'e"f', ""]);
    for (const text of ['"a', 'a"b', '"a"b']) expect(() => fieldList(text)).toThrow();
  });

  it("gives every class of error an exit code of its meaning", () => {
    expect(EXIT_OF_CLASS).toMatchObject({
      usage: 2,
      read: 3,
      damaged: 4,
      unsupported: 4,
      data: 10,
      write: 10,
      cancelled: 130,
    });
  });

  it("makes visible what a terminal would obey, and turns of the reading direction", () => {
    expect(printable("a\u001b\u0000\r\n\u009b\u202ez é日")).toBe("a\\u001b\\u0000\\u000d\\u000a\\u009b\\u202ez é日");
  });

  it("aligns tables by characters and cuts wide cells", () => {
    expect(
      textTable(
        [
          ["é", "1"],
          ["日本", "22"],
        ],
        [1],
        10,
      ),
    ).toBe("é    1\n日本  22\n");
    expect(textTable([["x".repeat(20)]], [], 5)).toBe("xxxx…\n");
  });

  it("says share, rate and time left", () => {
    expect(progressLine("digest f", "rows", 420, 1000, 10)).toBe("digest f: 42 % · 42 rows/s · 0:14 left");
    expect(progressLine("f", "rows", 5_100_000, 51_000_000, 1)).toBe("f: 10 % · 5.1 M rows/s · 0:09 left");
    expect(progressLine("f", "rows", 0, 0, 0)).toBe("f: 100 % · 0 rows/s · 0:00 left");
  });
});
