import { createHash, createPrivateKey, X509Certificate } from "node:crypto";
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { verifyAuditLog } from "../../src/engine/audit-verify.ts";
import { SHOP, writeQvds } from "../engine/access-folder.ts";
import { runCli } from "../helpers/cli.ts";
import { plainQvd } from "../seal/sealed.ts";

/** A command that writes, and how to see in a folder what came of it. */
export interface WritePath {
  readonly name: string;
  readonly args: readonly string[];
  /** What there may be afterwards that was not there before; names without ending are folders. */
  readonly makes: readonly string[];
  /** What there is now of the output, in one line: equal before and after a run that changed nothing. */
  readonly state: (folder: string) => Promise<string>;
  /** Other states that a fault may leave, and that a second run makes good. */
  readonly between?: (state: string) => boolean;
  /** A state that only a kill leaves, and that a second run refuses to touch. */
  readonly stays?: string;
}

const hash = (text: string | Uint8Array) => createHash("sha256").update(text).digest("hex").slice(0, 12);
const ABSENT = "absent";

/** Bytes, without the times that differ from run to run. */
const bytesOf = (file: string) => async (folder: string) => {
  const path = join(folder, file);
  if (!existsSync(path)) return ABSENT;
  return hash(readFileSync(path, "latin1").replace(/\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+Z)?/g, "now"));
};

/** The content of a table or app, as `digest` tells it, and whether `verify` finds it whole. */
const contentOf =
  (file: string, ...keys: readonly string[]) =>
  async (folder: string) => {
    const path = join(folder, file);
    if (!existsSync(path)) return ABSENT;
    const opened = keys.flatMap((key) => ["--key", join(folder, key)]);
    const verified = await runCli(["verify", path, ...opened]);
    if (verified.code !== 0) return `broken: ${verified.out}${verified.err}`;
    const digest = await runCli(["digest", "--ndjson", path, ...opened]);
    return hash(digest.out.replaceAll(folder, "").replaceAll(file, ""));
  };

/** Which of two keys open a sealed file, and that it is whole. */
const openedBy = (file: string) => async (folder: string) => {
  const said = [];
  for (const key of ["old.key", "next.key"]) {
    const { code } = await runCli(["verify", join(folder, file), "--key", join(folder, key)]);
    said.push(`${key}: ${code}`);
  }
  return said.join(", ");
};

const folderOf =
  (name: string, file: (path: string) => (folder: string) => Promise<string>) => async (folder: string) => {
    if (!existsSync(join(folder, name))) return ABSENT;
    const files = readdirSync(join(folder, name), { recursive: true, encoding: "utf8" }).sort();
    const states = files.map(
      async (path) => `${path} ${/\.\w+$/.test(path) ? await file(join(name, path))(folder) : ""}`,
    );
    return hash((await Promise.all(states)).join("\n"));
  };

async function keyPair(folder: string): Promise<string> {
  const [key, crt] = ["made.key", "made.crt"].map((name) => join(folder, name));
  if (!existsSync(key!) && !existsSync(crt!)) return ABSENT;
  if (!existsSync(crt!)) return createPrivateKey(readFileSync(key!)).type === "private" ? "key alone" : "broken";
  return new X509Certificate(readFileSync(crt!)).checkPrivateKey(createPrivateKey(readFileSync(key!)))
    ? "pair"
    : "broken";
}

async function audited(folder: string): Promise<string> {
  const log = join(folder, "audit.jsonl");
  const output = await contentOf("ann.qvf")(folder);
  if (!existsSync(log)) return output === ABSENT ? ABSENT : "opened without a line";
  const text = readFileSync(log, "utf8");
  const whole = text.slice(0, text.lastIndexOf("\n") + 1);
  const ok = whole === "" || (await verifyAuditLog(log)).findings.every(({ what }) => what === "cut short");
  if (!ok) return "broken log";
  return output === ABSENT ? ABSENT : whole === "" ? "opened without a line" : output;
}

const USER = ["--user", "DOM\\ANN"];
const EXPORTS = ["csv", "json", "ndjson", "parquet", "arrow"] as const;
const IMPORTS = ["csv", "json", "ndjson", "parquet"] as const;
const ROTATE = [
  "rotate",
  "sealed.qvd",
  "--from",
  "old.crt",
  "--to",
  "next.crt",
  "--key",
  "old.key",
  "--key",
  "next.key",
  "--yes",
];

export const WRITE_PATHS: readonly WritePath[] = [
  ...EXPORTS.map((format) => ({
    name: `export to ${format}`,
    args: ["export", "orders.qvd", "-o", `out.${format}`],
    makes: [`out.${format}`],
    state: bytesOf(`out.${format}`),
  })),
  {
    name: "export to qvd, over a file",
    args: ["export", "orders.qvd", "--fields", "a", "-o", "there.qvd", "--force"],
    makes: [],
    state: contentOf("there.qvd"),
  },
  ...IMPORTS.map((format) => ({
    name: `import of ${format}`,
    args: ["import", `given.${format}`, "-o", "in.qvd"],
    makes: ["in.qvd"],
    state: contentOf("in.qvd"),
  })),
  {
    name: "encrypt",
    args: ["encrypt", "orders.qvd", "-o", "closed.qvd", "--fields", "a", "--to", "old.crt"],
    makes: ["closed.qvd"],
    state: contentOf("closed.qvd", "old.key"),
  },
  {
    name: "decrypt",
    args: ["decrypt", "sealed.qvd", "-o", "open.qvd", "--key", "old.key"],
    makes: ["open.qvd"],
    state: bytesOf("open.qvd"),
  },
  ...[[], ["--add"], ["--rekey"], ["--reseal"], ["--journal", "j.jsonl"]].map((more) => ({
    name: ["rotate", ...more].join(" "),
    args: [...ROTATE, ...more],
    makes: more.includes("--journal") ? ["j.jsonl"] : [],
    state: openedBy("sealed.qvd"),
  })),
  {
    name: "rotate --remove",
    args: ["rotate", "both.qvd", "--from", "old.crt", "--remove", "--key", "next.key", "--yes"],
    makes: [],
    state: openedBy("both.qvd"),
  },
  ...[[], ["--reseal"]].map((more) => ({
    name: ["rotate of an app", ...more].join(" "),
    args: ROTATE.map((arg) => (arg === "sealed.qvd" ? "sealed.qvf" : arg)).concat(more),
    makes: [],
    state: openedBy("sealed.qvf"),
  })),
  {
    name: "reduce to a qvf",
    args: ["reduce", "shop", ...USER, "-o", "ann.qvf"],
    makes: ["ann.qvf"],
    state: contentOf("ann.qvf"),
  },
  {
    name: "reduce to a folder",
    args: ["reduce", "shop", ...USER, "-o", "ann"],
    makes: ["ann"],
    state: folderOf("ann", (path) => contentOf(path)),
  },
  {
    name: "reduce over a folder",
    args: ["reduce", "shop", ...USER, "-o", "filled", "--force"],
    makes: [],
    state: folderOf("filled", (path) => contentOf(path)),
    // Between the renames: each file whole, some old and some new.
    between: (state) => !state.includes("broken"),
  },
  {
    name: "reduce with an audit log",
    args: ["reduce", "shop", ...USER, "-o", "ann.qvf", "--audit", "audit.jsonl"],
    makes: ["ann.qvf", "audit.jsonl"],
    state: audited,
  },
  {
    name: "app build",
    args: ["app", "build", "app.json", "-o", "app.qvf"],
    makes: ["app.qvf"],
    state: contentOf("app.qvf"),
  },
  {
    name: "app build of an edited app, over it",
    args: ["app", "build", "edited/manifest.json", "-o", "given.qvf", "--force"],
    makes: [],
    state: contentOf("given.qvf"),
  },
  {
    name: "app edit",
    args: ["app", "edit", "given.qvf", "-o", "edited.qvf", "--drop-table", "Items"],
    makes: ["edited.qvf"],
    state: contentOf("edited.qvf"),
  },
  {
    name: "app extract",
    args: ["app", "extract", "given.qvf", "-o", "got"],
    makes: ["got"],
    state: folderOf("got", bytesOf),
  },
  {
    name: "app extract --salvage",
    args: ["app", "extract", "given.qvf", "-o", "got", "--salvage"],
    makes: ["got"],
    state: folderOf("got", bytesOf),
  },
  {
    name: "access matrix --html",
    args: ["access", "matrix", "shop", "--html", "matrix.html"],
    makes: ["matrix.html"],
    state: bytesOf("matrix.html"),
  },
  {
    name: "app tables --svg",
    args: ["app", "tables", "given.qvf", "--svg", "graph.svg"],
    makes: ["graph.svg"],
    state: bytesOf("graph.svg"),
  },
  {
    name: "keys generate",
    args: ["keys", "generate", "made", "--type", "p256"],
    makes: ["made.key", "made.crt"],
    state: keyPair,
    // Killed between the two: the key is whole, and a key is never written over.
    stays: "key alone",
  },
];

/** The command line of a write path in a folder. */
export function pathsOf({ args }: WritePath, folder: string): readonly string[] {
  return args.map((arg, i) => {
    const isPath = /\.\w+$|^(shop|ann|got|filled|made)$|\//.test(arg) || args[i - 1] === "-o";
    return isPath ? join(folder, arg) : arg;
  });
}

/** Everything that the commands above read, made once. */
export async function makeWorld(folder: string): Promise<void> {
  const done = async (...args: readonly string[]) => {
    const { code, err } = await runCli(
      args.map((arg) => (/^[\w-]+$|^DOM|^[\w.]+=/.test(arg) ? arg : join(folder, arg))),
    );
    if (code !== 0) throw new Error(`${args.join(" ")}: ${err}`);
  };
  const orders = await plainQvd({ a: [1, 2, 3, null], b: ["x", "y", "y", "z"], c: [1.5, 2.5, 3.5, 4.5] });
  for (const name of ["orders.qvd", "there.qvd"]) writeFileSync(join(folder, name), orders);
  for (const format of IMPORTS) await done("export", "orders.qvd", "-o", `given.${format}`);
  for (const name of ["old", "next"]) {
    await runCli(["keys", "generate", join(folder, name), "--type", "p256"]);
  }
  const to = (name: string) => ["--to", `${name}.crt`];
  await done("encrypt", "orders.qvd", "-o", "sealed.qvd", "--fields", "a", ...to("old"));
  await done("encrypt", "orders.qvd", "-o", "both.qvd", "--fields", "a", ...to("old"), ...to("next"));
  await writeQvds(join(folder, "shop"), SHOP);
  const access = { fields: ["ACCESS", "USERID", "ZONE"], rows: [["USER", "DOM\\ANN", "WEST"]] };
  writeFileSync(join(folder, "shop", "section-access.json"), JSON.stringify(access));
  mkdirSync(join(folder, "filled"));
  cpSync(join(folder, "orders.qvd"), join(folder, "filled", "Orders.qvd"));
  const app = {
    title: "Shop",
    script: "load.qvs",
    tables: SHOP.map(({ name }) => ({ name, file: `shop/${name}.qvd` })),
  };
  writeFileSync(join(folder, "app.json"), JSON.stringify(app));
  writeFileSync(join(folder, "load.qvs"), "LOAD 1 AS a AUTOGENERATE 1;");
  await done("app", "build", "app.json", "-o", "given.qvf");
  await done("encrypt", "given.qvf", "-o", "sealed.qvf", "--fields", "ZONE", ...to("old"));
  await done("app", "extract", "given.qvf", "-o", "./edited");
  writeFileSync(join(folder, "edited", "script.qvs"), "LOAD 2 AS a AUTOGENERATE 1;");
}
