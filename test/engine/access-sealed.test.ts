import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { writeOrders } from "../../src/demo/orders.ts";
import { fileSink } from "../../src/source/file-sink.ts";
import { runCli } from "../helpers/cli.ts";

let folder: string;
const at = (name: string) => join(folder, name);

const ACCESS = { fields: ["ACCESS", "USERID", "REGION"], rows: [["USER", "D\\ANN", "NORTH"]] };

async function rowsOf(file: string): Promise<unknown> {
  const { out } = await runCli(["export", file, "-o", "-", "--to", "json"]);
  return (JSON.parse(out) as { readonly rows: unknown }).rows;
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "qvault-access-sealed-"));
  const sink = await fileSink(at("orders.qvd"));
  await writeOrders(sink, 40);
  await sink.commit();
  await writeFile(at("access.csv"), "ACCESS,USERID,REGION\r\nUSER,D\\ANN,NORTH\r\n");
  await writeFile(at("regions.csv"), "Region,REGION\r\nNorth,NORTH\r\nSouth,SOUTH\r\nEast,EAST\r\nWest,WEST\r\n");
  await runCli(["import", at("access.csv"), "-o", at("access.qvd")]);
  await runCli(["keys", "generate", at("k"), "--type", "p256"]);
  for (const app of ["plain", "sealed"]) {
    await mkdir(at(app));
    await runCli(["import", at("regions.csv"), "-o", join(at(app), "Regions.qvd")]);
    await writeFile(join(at(app), "section-access.json"), JSON.stringify(ACCESS));
  }
  await runCli(["export", at("orders.qvd"), "-o", join(at("plain"), "Orders.qvd")]);
  const sealed = join(at("sealed"), "Orders.qvd");
  await runCli(["encrypt", at("orders.qvd"), "-o", sealed, "--fields", "Region,Customer", "--to", at("k.crt")]);
  await runCli(["encrypt", at("access.qvd"), "-o", at("access-sealed.qvd"), "--fields", "REGION", "--to", at("k.crt")]);
});

afterAll(() => rm(folder, { recursive: true, force: true }));

it("an app with sealed fields, its key field among them, reduces with the key to what the plain app does", async () => {
  const plain = await runCli(["reduce", at("plain"), "-o", at("from-plain"), "--user", "d\\ann"]);
  expect(plain).toMatchObject({ code: 0 });
  const args = ["reduce", at("sealed"), "-o", at("from-sealed"), "--user", "d\\ann", "--prove", "--key", at("k.key")];
  expect(await runCli(args)).toMatchObject({ code: 0, err: "" });
  const rows = await rowsOf(join(at("from-plain"), "Orders.qvd"));
  expect((rows as readonly unknown[]).length).toBe(10);
  expect(await rowsOf(join(at("from-sealed"), "Orders.qvd"))).toEqual(rows);
});

it("without the key a sealed field is NULL: what only it would let in stays out", async () => {
  const { code, err } = await runCli(["reduce", at("sealed"), "-o", at("no-key"), "--user", "d\\ann"]);
  expect({ code, denied: err.includes("ACCESS_DENIED") }).toEqual({ code: 0, denied: false });
  expect(await rowsOf(join(at("no-key"), "Orders.qvd"))).toEqual([]);
});

it("section access of which a field is sealed is refused without the key, and read with it", async () => {
  const args = ["reduce", at("plain"), "--user", "d\\ann", "--access", at("access-sealed.qvd")];
  const refused = await runCli([...args, "-o", at("refused")]);
  expect(refused.code).toBe(6);
  expect(refused.err).toContain("SEAL_NO_IDENTITY");
  expect(await runCli([...args, "-o", at("opened"), "--key", at("k.key")])).toMatchObject({ code: 0 });
  expect((await rowsOf(join(at("opened"), "Orders.qvd"))) as readonly unknown[]).toHaveLength(10);
});

it("explains a row of sealed fields to whoever has the key, as that of the plain app", async () => {
  const explain = ["--user", "d\\ann", "--table", "Orders", "--row", "1", "--json"];
  const plain = await runCli(["access", "explain", at("plain"), ...explain]);
  const opened = await runCli(["access", "explain", at("sealed"), ...explain, "--key", at("k.key")]);
  expect(JSON.parse(plain.out)).toMatchObject({ asAdmin: true, row: { kept: false } });
  expect(JSON.parse(opened.out)).toEqual(JSON.parse(plain.out));
  const shut = await runCli(["access", "explain", at("sealed"), ...explain]);
  expect(JSON.parse(shut.out).row.steps[0].value).toBeNull();
});

it("says nothing of an administrator where there is no section access to apply", async () => {
  const { code, err } = await runCli(["access", "lint", at("orders.qvd"), "--no-access"]);
  expect({ code, err }).toEqual({ code: 0, err: "" });
});
