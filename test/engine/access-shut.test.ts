import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { runCli } from "../helpers/cli.ts";

let folder: string;
const at = (...names: readonly string[]) => join(folder, ...names);

const ACCESS = {
  fields: ["ACCESS", "USERID", "REGION"],
  rows: [
    ["USER", "ANN", "NORTH"],
    ["ADMIN", "SUB", "NORTH"],
  ],
};
const CUSTOMERS = ["C1,NORTH,s1", "C2,SOUTH,s2", "C3,SOUTH,s3"];
const FACTS = ["C1,1", "C2,2", "C3,3"];

/** Seals fields for two people: what one has is shut for the other. */
const slots = (x: string, y: string) => ["--slot", `x=${at("a.crt")}`, "--slot", `y=${at("b.crt")}`, ...slotted(x, y)];
const slotted = (x: string, y: string) => ["--slot-fields", `x=${x}`, "--slot-fields", `y=${y}`];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "qvault-access-shut-"));
  await mkdir(at("plain"));
  await writeFile(at("Customers.csv"), ["Cust,REGION,Note", ...CUSTOMERS, ""].join("\r\n"));
  await writeFile(at("Facts.csv"), ["Cust,Amount", ...FACTS, ""].join("\r\n"));
  for (const name of ["Customers", "Facts"])
    await runCli(["import", at(`${name}.csv`), "-o", at("plain", `${name}.qvd`)]);
  for (const who of ["a", "b"]) await runCli(["keys", "generate", at(who), "--type", "p256"]);
  const tables = [
    { name: "Customers", fields: ["Cust", "REGION", "Note"], rows: CUSTOMERS.map((row) => row.split(",")) },
    { name: "Facts", fields: ["Cust", "Amount"], rows: FACTS.map((row) => row.split(",")) },
  ];
  const sectionAccess = [{ name: "Access", ...ACCESS }];
  await writeFile(at("app.json"), JSON.stringify({ title: "App", tables, sectionAccess }));
  await runCli(["app", "build", at("app.json"), "-o", at("app.qvf")]);
  for (const mask of ["const", "token", "null"]) {
    await mkdir(at(mask));
    for (const name of ["Customers", "Facts"]) {
      const args = ["--fields", "Cust", "--to", at("a.crt"), "--mask", mask];
      await runCli(["encrypt", at("plain", `${name}.qvd`), "-o", at(mask, `${name}.qvd`), ...args]);
    }
    await runCli(["encrypt", at("app.qvf"), "-o", at(`${mask}.qvf`), ...slots("Cust", "Note"), "--mask", mask]);
  }
  await mkdir(at("regions"));
  const regions = slots("REGION", "Note");
  await runCli(["encrypt", at("plain", "Customers.qvd"), "-o", at("regions", "Customers.qvd"), ...regions]);
  await runCli(["import", at("Facts.csv"), "-o", at("regions", "Facts.qvd")]);
  await runCli(["encrypt", at("app.qvf"), "-o", at("regions.qvf"), ...regions, "--section-access"]);
  for (const app of ["const", "token", "null", "regions"])
    await writeFile(at(app, "section-access.json"), JSON.stringify(ACCESS));
});

afterAll(() => rm(folder, { recursive: true, force: true }));

/** Rows of the facts that somebody gets, or the error. */
async function facts(app: string, user: string, ...more: readonly string[]): Promise<unknown> {
  const { code, out, err } = await runCli([
    ...["reduce", at(app), "--user", user, "-o", at("out.qvf"), "--force", "--json", ...more],
  ]);
  if (code !== 0) return /\(([A-Z_]+)\)/.exec(err)?.[1];
  const { tables } = JSON.parse(out) as {
    readonly tables: readonly { readonly table: string; readonly rows: number }[];
  };
  return tables.find(({ table }) => table === "Facts")?.rows;
}

it("one constant in the place of a key field links nobody with the rows of others: the app is refused", async () => {
  for (const app of ["const", "const.qvf"]) {
    expect(await facts(app, "ANN"), app).toBe("SEAL_NO_IDENTITY");
    expect(await facts(app, "ANN", "--key", at("a.key")), app).toBe(1);
  }
  expect(await facts("const.qvf", "ANN", "--key", at("b.key"))).toBe("SEAL_NO_IDENTITY");
});

it("NULL in the place of a key field links nothing, and tokens of one app link what is equal", async () => {
  expect([await facts("null", "ANN"), await facts("null.qvf", "ANN")]).toEqual([0, 0]);
  expect([await facts("token", "ANN"), await facts("token.qvf", "ANN")]).toEqual([0, 1]);
});

it("a reduction field that stays sealed lets nobody see everything", async () => {
  for (const app of ["regions", "regions.qvf"]) {
    for (const more of [["SUB"], ["ANN", "--mode", "qlikview"], ["ANN", "--strict-exclusion", "off"], ["ANN"]]) {
      const [user, ...options] = more as [string, ...string[]];
      expect(await facts(app, user, "--key", at("b.key"), ...options), `${app} ${more}`).toBe("SEAL_NO_IDENTITY");
      expect(await facts(app, user, "--key", at("a.key"), ...options), `${app} ${more}`).toBe(1);
    }
  }
});

it("without section access nothing is decided by what is sealed", async () => {
  expect(await facts("const", "ANN", "--no-access")).toBe(3);
});
