import { readFile, writeFile } from "node:fs/promises";
import type { Steps } from "./steps.ts";

const MANIFEST = {
  title: "Orders",
  scriptText: "// made by qvault demo\n",
  tables: [
    { name: "Orders", file: "orders.qvd" },
    {
      name: "Regions",
      fields: ["Region", "REGION"],
      rows: [
        ["North", "NORTH"],
        ["South", "SOUTH"],
        ["East", "EAST"],
        ["West", "WEST"],
      ],
    },
  ],
  sectionAccess: [
    {
      name: "Access",
      fields: ["ACCESS", "USERID", "REGION", "OMIT"],
      rows: [
        ["ADMIN", "DEMO\\BOSS", "*", ""],
        ["USER", "DEMO\\ANN", "NORTH", ""],
        ["USER", "DEMO\\BEN", "SOUTH", "Amount"],
        ["USER", "DEMO\\BEN", "WEST", ""],
      ],
    },
  ],
};

/** Exit code of a denial. */
const DENIED = 8;

/** An app of the orders with section access: built, looked into, and opened as two users and one who is not listed. */
export async function appSteps({ command, check, path }: Steps): Promise<void> {
  await writeFile(path("orders.json"), JSON.stringify(MANIFEST, null, 2));
  const app = path("orders.qvf");
  await command("An app of two tables, with section access", ["app", "build", path("orders.json"), "-o", app]);
  await command("What is in it", ["inspect", app]);
  await command("How its tables are associated", ["app", "tables", app]);
  await command("Who sees how much", ["access", "matrix", app]);
  const ann = path("ann.qvf");
  await command("The app as Ann: her region and nothing else, proved by a second program", [
    ...["reduce", app, "-o", ann, "--user", "DEMO\\ann", "--prove"],
  ]);
  await command("What Ann has", ["head", ann, "--table", "Orders", "-n", "3"]);
  const ben = path("ben.qvf");
  await command("The app as Ben, who has two regions and no amounts", [
    "reduce",
    app,
    "-o",
    ben,
    "--user",
    "DEMO\\ben",
  ]);
  await command("What Ben has", ["head", ben, "--table", "Orders", "-n", "3"]);
  await command(
    "Eve is not listed: no app, and no word why",
    ["reduce", app, "-o", path("eve.qvf"), "--user", "DEMO\\eve"],
    DENIED,
  );
  await command("The owner asks why Ann does not see row 1", [
    ...["access", "explain", app, "--user", "DEMO\\ann", "--table", "Orders", "--row", "1"],
  ]);
  await check("no byte of Ben's app holds the omitted field's name", !(await holds(ben, "Amount")));
}

/** True if the file holds the text, packed or not: apps are written with deflate, so both are looked at. */
async function holds(file: string, text: string): Promise<boolean> {
  const bytes = await readFile(file);
  if (bytes.includes(text)) return true;
  const { inflateSync } = await import("node:zlib");
  for (let at = bytes.indexOf(0x78); at >= 0; at = bytes.indexOf(0x78, at + 1)) {
    try {
      if (inflateSync(bytes.subarray(at)).includes(text)) return true;
    } catch {
      // Not the beginning of a stream.
    }
  }
  return false;
}
