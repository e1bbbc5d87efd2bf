import { copyFileSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { run } from "../../src/cli/run.ts";
import type { Terminal } from "../../src/cli/terminal.ts";
import { openFile } from "../../src/engine/open.ts";
import { readRows } from "../../src/table/read-rows.ts";
import { shopFolder } from "./access-folder.ts";

let folder: string;
let at: (name: string) => string;
beforeAll(async () => {
  folder = await shopFolder();
  const out = join(folder, "..", `${folder.split("/").at(-1)}-out`);
  mkdirSync(out);
  at = (name) => join(out, name);
});
afterAll(() => {
  rmSync(at("."), { recursive: true, force: true });
  rmSync(folder, { recursive: true, force: true });
});

async function qvault(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  const [out, err]: string[][] = [[], []];
  const terminal: Terminal = {
    out: async (data) => void out!.push(typeof data === "string" ? data : Buffer.from(data).toString("utf8")),
    err: (line) => void err!.push(line),
    stdin: (async function* () {})(),
    stdoutIsTty: false,
    stderrIsTty: false,
    color: false,
    status: () => {},
    outlivePipe: () => {},
    signal: new AbortController().signal,
  };
  const code = await run(args, terminal);
  return { code, out: out!.join(""), err: err!.join("\n") };
}

describe("qvault reduce", () => {
  it("leaves no table of another user in the folder that it writes into", async () => {
    const args = ["reduce", folder, "-o", at("shared"), "--user", "post\\eva", "--force"];
    expect((await qvault(...args)).code).toBe(0);
    copyFileSync(at("shared/Clients.qvd"), at("shared/Secrets.qvd"));
    const { code, err } = await qvault(...args);
    expect([code, err]).toEqual([10, expect.stringContaining("Secrets.qvd is of no table that this user sees")]);
    rmSync(at("shared/Secrets.qvd"));
    expect((await qvault(...args)).code).toBe(0);
  });

  it("writes a folder of QVDs with what the user sees, proved, and says so in the audit", async () => {
    const log = at("audit.ndjson");
    const done = await qvault(
      "reduce",
      folder,
      "-o",
      at("eva"),
      "--user",
      "post\\eva",
      "--prove",
      "--audit",
      log,
      "--json",
    );
    expect(done.code).toBe(0);
    expect(JSON.parse(done.out)).toMatchObject({ proved: true, omitted: ["Phone"], mode: "qlik-sense" });
    const opened = await openFile(at("eva/Clients.qvd"));
    expect(await readRows(opened.table)).toEqual([["c1", "WEST"]]);
    await opened.close();
    const bytes = ["Clients", "Items", "Orders"].map((n) => readFileSync(at(`eva/${n}.qvd`), "latin1")).join("");
    for (const secret of ["c2", "EAST", "555", "Phone", "Bell", "EVA", "section"]) expect(bytes).not.toContain(secret);
    const verdict = await qvault("audit", "verify", log);
    expect(verdict.code).toBe(0);
    expect(verdict.out).toContain("1 lines");
    writeFileSync(log, readFileSync(log, "utf8").replace("opened", "denied"));
    expect((await qvault("audit", "verify", log, "--json")).code).toBe(1);
  });

  it("writes an app that holds no byte of what is hidden", async () => {
    const done = await qvault("reduce", folder, "-o", at("eva.qvf"), "--user", "post\\eva");
    expect(done.err).toBe("");
    expect(done.code).toBe(0);
    expect(existsSync(at("eva.qvf"))).toBe(true);
  });

  it("writes nothing for somebody who is denied, and gives no reason", async () => {
    const done = await qvault("reduce", folder, "-o", at("no"), "--user", "post\\lost");
    expect(done.code).toBe(8);
    expect(done.err).toContain("access denied (ACCESS_DENIED)");
    expect(done.err + done.out).not.toContain("ZONE");
    expect(existsSync(at("no"))).toBe(false);
  });

  it("writes tables and fields without data for anybody", async () => {
    expect((await qvault("reduce", folder, "-o", at("empty"), "--user", "x", "--no-data")).code).toBe(0);
    const opened = await openFile(at("empty/Orders.qvd"));
    expect([opened.table.rows, opened.table.fields.map((f) => f.symbolCount)]).toEqual([0, [0, 0, 0]]);
    await opened.close();
  });

  it("never writes over its source, nor into it, nor over what is there", async () => {
    expect((await qvault("reduce", folder, "-o", folder, "--user", "post\\eva", "--force")).code).toBe(2);
    // A file of the folder as the source, and as the one that would be written over.
    const [one, rules] = [at("one/Clients.qvd"), at("rules.json")];
    mkdirSync(at("one"));
    copyFileSync(join(folder, "Clients.qvd"), one);
    const rows = [["USER", "POST\\EVA", "WEST"]];
    writeFileSync(rules, JSON.stringify({ fields: ["ACCESS", "USERID", "Zone"], rows }));
    const before = readFileSync(one);
    const args = ["--access", rules, "--user", "post\\eva", "--force"];
    expect((await qvault("reduce", one, "-o", at("one"), ...args)).code).toBe(2);
    expect(readFileSync(one).equals(before)).toBe(true);
    expect((await qvault("reduce", one, "-o", at("two"), ...args)).code).toBe(0);
    expect((await qvault("reduce", folder, "-o", join(folder, "new"), "--user", "post\\eva")).code).toBe(2);
    writeFileSync(at("there.qvf"), "x");
    expect((await qvault("reduce", folder, "-o", at("there.qvf"), "--user", "post\\eva")).code).toBe(10);
    expect((await qvault("reduce", folder, "-o", at("one.qvd"), "--user", "post\\eva")).code).toBe(2);
    expect((await qvault("reduce", folder, "-o", at("nobody"))).code).toBe(2);
  });
});

describe("qvault access", () => {
  it("test passes right cases and fails wrong ones with what differs", async () => {
    expect((await qvault("access", "test", "fixtures/section-access")).code).toBe(0);
    const wrong = JSON.parse(readFileSync("fixtures/section-access/02_not_listed_is_denied.json", "utf8"));
    writeFileSync(at("wrong.json"), JSON.stringify({ ...wrong, expect: { denied: false } }));
    const failed = await qvault("access", "test", at("wrong.json"), "--json");
    expect(failed.code).toBe(1);
    expect(JSON.parse(failed.out)).toMatchObject({
      ok: false,
      passed: 0,
      cases: [{ differences: ["denied (NO_ACCESS_LEVEL), expected to get in"] }],
    });
    writeFileSync(at("broken.json"), "{");
    expect((await qvault("access", "test", at("broken.json"))).code).toBe(1);
    expect((await qvault("access", "test", at("none.json"))).code).toBe(3);
  });

  it("test --non-interference changes what is hidden and finds not one byte changed", async () => {
    const done = await qvault("access", "test", "--non-interference", folder, "--json", "--seed", "7");
    expect(done.code).toBe(0);
    const { ok, apps } = JSON.parse(done.out);
    expect(ok).toBe(true);
    expect(apps[0].identities.map((i: { rounds?: number; differs: string }) => [i.rounds, i.differs])).toEqual([
      [3, "none"],
      [3, "none"],
      [3, "none"],
      [undefined, "none"],
      [3, "none"],
    ]);
    expect((await qvault("access", "test", "--non-interference", folder)).out).toContain("3 changes, not one byte");
  });

  it("explain tells the grants of a user and why a row is not seen", async () => {
    const done = await qvault("access", "explain", folder, "--user", "post\\eva", "--table", "Orders", "--row", "1");
    expect(done.code).toBe(0);
    expect(done.out).toContain("ZONE = WEST by row Section Access 0");
    expect(done.out).toContain("Clients row 1: ZONE = EAST: not selected (listed by row Section Access 2)");
    const json = JSON.parse((await qvault("access", "explain", folder, "--user", "post\\lost", "--json")).out);
    expect(json.denied).toEqual(["NO_REDUCTION_MATCH:ZONE"]);
    expect((await qvault("access", "explain", folder, "--user", "x", "--table", "Orders")).code).toBe(2);
    expect((await qvault("access", "explain", folder, "--user", "post\\eva", "--table", "No", "--row", "1")).code).toBe(
      2,
    );
    expect(
      (await qvault("access", "explain", folder, "--user", "post\\eva", "--table", "Orders", "--row", "99")).code,
    ).toBe(2);
  });

  it("diff compares two users", async () => {
    const done = await qvault("access", "diff", folder, "--user", "post\\eva", "--user", "post\\bob", "--json");
    expect(done.code).toBe(1);
    expect(JSON.parse(done.out)).toMatchObject({
      same: false,
      tables: [{ table: "Clients", onlyA: 1, onlyB: 1, both: 0 }, {}, {}],
    });
    expect((await qvault("access", "diff", folder, "--user", "post\\eva", "--user", "post\\ada")).code).toBe(0);
    expect((await qvault("access", "diff", folder, "--user", "post\\eva")).code).toBe(2);
  });

  it("matrix lists every identity, also as a report to file", async () => {
    const matrix = JSON.parse((await qvault("access", "matrix", folder, "--json")).out);
    expect(matrix.distinct).toBe(3);
    expect(matrix.lines).toHaveLength(5);
    expect((await qvault("access", "matrix", folder, "--html", at("matrix.html"))).code).toBe(0);
    const html = readFileSync(at("matrix.html"), "utf8");
    expect(html).toContain("USERID=POST\\EVA");
    expect(html).toContain("denied: NO_REDUCTION_MATCH:ZONE");
    expect(html).not.toContain("<script");
    expect((await qvault("access", "matrix", folder)).out).toContain("3 distinct reductions");
  });

  it("lint reports who is locked out", async () => {
    const done = await qvault("access", "lint", folder);
    expect(done.code).toBe(1);
    expect(done.out).toContain("error LOCKED_OUT USERID=POST\\LOST");
    writeFileSync(at("directory.txt"), "post\\eva\npost\\ada\npost\\root\npost\\lost\n");
    const json = JSON.parse((await qvault("access", "lint", folder, "--json", "--directory", at("directory.txt"))).out);
    expect(json.findings.map((f: { code: string; about: string }) => `${f.code} ${f.about}`)).toContain(
      "UNKNOWN_IDENTITY USERID=POST\\BOB",
    );
  });

  it("follows the mode it is told", async () => {
    const open = await qvault("access", "explain", folder, "--user", "post\\lost", "--mode", "qlikview", "--json");
    expect(JSON.parse(open.out).denied).toBeUndefined();
    const strict = await qvault(
      "access",
      "explain",
      folder,
      "--user",
      "post\\lost",
      "--mode",
      "qlikview",
      "--strict-exclusion",
      "on",
      "--json",
    );
    expect(JSON.parse(strict.out).denied).toEqual(["NO_REDUCTION_MATCH:ZONE"]);
    expect((await qvault("access", "lint", folder, "--mode", "power-bi")).code).toBe(2);
  });
});
