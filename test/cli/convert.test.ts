import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { writeOrders } from "../../src/demo/orders.ts";
import { withOutput } from "../../src/engine/convert.ts";
import { fileSink } from "../../src/source/file-sink.ts";
import { runCli } from "../helpers/cli.ts";
import { qvault } from "../helpers/command.ts";

let folder: string;

/** Runs a command line in this process; names with an ending are files of the folder. */
async function command(...args: readonly string[]) {
  const { code, outBytes, err } = await runCli(args.map((arg) => (/\.[a-z]+$/.test(arg) ? join(folder, arg) : arg)));
  // A byte order mark stays where it is.
  return { code, stdout: Buffer.from(outBytes).toString("utf8"), stderr: err };
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "qvault-convert-"));
  const sink = await fileSink(join(folder, "orders.qvd"));
  await writeOrders(sink, 500);
  await sink.commit();
});

afterAll(() => rm(folder, { recursive: true, force: true }));

async function columnsOf(file: string): Promise<unknown> {
  const { stdout } = await command("digest", "--ndjson", file);
  return (JSON.parse(stdout) as { readonly tables: readonly { readonly columns: unknown }[] }).tables[0]!.columns;
}

describe("export and import", () => {
  it("to QVD whole is byte-identical, also through pipes", async () => {
    expect((await qvault(["export", "orders.qvd", "-o", "same.qvd"], { cwd: folder })).code).toBe(0);
    const bytes = await readFile(join(folder, "orders.qvd"));
    expect(bytes.equals(await readFile(join(folder, "same.qvd")))).toBe(true);
    const piped = await qvault(["export", "-", "-o", "piped.qvd"], { cwd: folder, stdin: bytes });
    expect(piped).toEqual({ code: 0, stdout: "", stderr: "" });
    expect(bytes.equals(await readFile(join(folder, "piped.qvd")))).toBe(true);
  });

  for (const format of ["json", "ndjson"]) {
    it(`through ${format} loses no value`, async () => {
      await command("export", "orders.qvd", "-o", `lossless.${format}`);
      const back = await command("import", `lossless.${format}`, "-o", `from-${format}.qvd`);
      expect(back).toMatchObject({ code: 0, stdout: "" });
      expect(await columnsOf(`from-${format}.qvd`)).toEqual(await columnsOf("orders.qvd"));
      expect((await command("verify", `from-${format}.qvd`)).code).toBe(0);
    });
  }

  it("json is one document in the form of the issue", async () => {
    const { stdout } = await command("export", "orders.qvd", "-o", "-", "--to", "json", "--rows", "3..5");
    expect(JSON.parse(stdout)).toEqual({
      table: "Orders",
      fields: ["OrderId", "Region", "Customer", "OrderDate", "Amount", "State"],
      rows: [
        ["000021", "West", "Brown & Sons", 46026, 237.58, [0, "open"]],
        ["000028", "North", "Ångström AB", 46027, null, [1, "sent"]],
      ],
    });
  });

  it("csv shows what Qlik shows, of the fields and rows asked for", async () => {
    const args = [
      "export",
      "orders.qvd",
      "-o",
      "-",
      "--to",
      "csv",
      "--fields",
      "OrderDate,Amount,State",
      "--rows",
      "3..5",
    ];
    const { stdout } = await command(...args);
    expect(stdout).toBe("\ufeffOrderDate,Amount,State\r\n2026-01-04,237.58 €,open\r\n2026-01-05,,sent\r\n");
  });

  it("to QVD takes each field once, as Qlik does", async () => {
    const twice = await command("export", "orders.qvd", "-o", "twice.qvd", "--fields", "Region,Region");
    expect([twice.code, twice.stderr]).toEqual([10, expect.stringContaining("OUTPUT_VALUE")]);
    expect((await command("export", "orders.qvd", "-o", "once.qvd", "--fields", "State,Region")).code).toBe(0);
  });

  it("refuses to overwrite, and replaces with --force", async () => {
    await writeFile(join(folder, "kept.csv"), "mine");
    const refused = await command("export", "orders.qvd", "-o", "kept.csv");
    expect(refused.code).toBe(10);
    expect(refused.stderr).toContain("SINK_EXISTS");
    expect(refused.stderr).toContain("--force");
    expect(await readFile(join(folder, "kept.csv"), "utf8")).toBe("mine");
    expect((await command("export", "orders.qvd", "-o", "kept.csv", "--force")).code).toBe(0);
  });

  it("creates no target, and leaves no temporary file, when the input turns out damaged on the way", async () => {
    const bytes = new Uint8Array(await readFile(join(folder, "orders.qvd")));
    // Widths fill the record exactly; ones throughout the last record make every index too great.
    bytes.fill(0xff, bytes.length - 5);
    await writeFile(join(folder, "damaged.qvd"), bytes);
    for (const target of ["out.json", "out.parquet", "out.csv", "out.qvd"]) {
      const { code, stderr } = await command("export", "damaged.qvd", "-o", target);
      expect({ target, code }).toEqual({ target, code: 4 });
      expect(stderr).toMatch(/^qvault: error: .*QVD_INDEX at byte \d+\)\n$/);
    }
    expect((await readdir(folder)).filter((name) => name.startsWith("out.") || name.endsWith(".tmp"))).toEqual([]);
    const piped = await command("export", "damaged.qvd", "-o", "-", "--to", "json");
    expect(piped.code).toBe(4);
  });

  it("names the formats when the ending of a name says none", async () => {
    const { code, stderr } = await command("export", "orders.qvd", "-o", "out.xlsx");
    expect(code).toBe(2);
    expect(stderr).toContain("--to csv|json|ndjson|parquet|arrow|qvd");
  });

  it("import refuses what is not the format, by record, without its content", async () => {
    await writeFile(join(folder, "bad.csv"), 'a,b\r\n1,2\r\nsecret-value,"open\r\n');
    const { code, stderr } = await command("import", "bad.csv", "-o", "bad.qvd");
    expect(code).toBe(4);
    expect(stderr).toContain("IMPORT_SYNTAX");
    expect(stderr).not.toContain("secret");
  });

  it("import takes csv cells for texts unless --numbers is given, and 007 always", async () => {
    await writeFile(join(folder, "n.csv"), "id,amount\r\n007,1.5\r\n008,2\r\n");
    await command("import", "n.csv", "-o", "texts.qvd");
    await command("import", "n.csv", "-o", "numbers.qvd", "--numbers");
    const rows = async (file: string) =>
      (
        JSON.parse((await command("export", file, "-o", "-", "--to", "json")).stdout) as {
          rows: unknown;
        }
      ).rows;
    expect(await rows("texts.qvd")).toEqual([
      ["007", "1.5"],
      ["008", "2"],
    ]);
    expect(await rows("numbers.qvd")).toEqual([
      ["007", 1.5],
      ["008", 2],
    ]);
  });
});

describe("an output that is interrupted", () => {
  it.each(["at a write", "before it takes its name"])("%s leaves nothing, and what was there", async (when) => {
    const path = join(folder, `stopped ${when.length}`);
    await writeFile(path, "old");
    const stop = new AbortController();
    const target = { path, force: true, stdout: async () => {}, signal: stop.signal };
    const written: number[] = [];
    const done = withOutput(target, async (sink) => {
      for (const byte of [1, 2]) {
        if (when === "at a write" && byte === 2) stop.abort();
        await sink.write(Uint8Array.of(byte));
        written.push(byte);
      }
      stop.abort();
    });
    await expect(done).rejects.toMatchObject({ code: "CANCELLED" });
    expect(written).toEqual(when === "at a write" ? [1] : [1, 2]);
    expect(await readFile(path, "utf8")).toBe("old");
    expect((await readdir(folder)).filter((name) => name.includes(".tmp"))).toEqual([]);
  });
});
