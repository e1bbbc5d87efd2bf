import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { guarded, printable, printableLines } from "../../src/cli/terminal.ts";
import { writeQvds } from "../engine/access-folder.ts";
import { runCli } from "../helpers/cli.ts";

const folder = mkdtempSync(join(tmpdir(), "qvault-names-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const at = (name: string) => join(folder, name);

/** Colour, title, cursor up, a C1 control, DEL, turned reading directions, other line ends, HTML, a formula. */
const EVIL =
  "N\u001b[31m\u001b]0;x\u0007\u001b[1A\u009b2J\u007f\u202e\u2066\u061c\u2028<script>alert(1)</script>&\"'=1+1";
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not come out
const OBEYED = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/;

/** XML carries no C0, so no QVD does. */
const QVD = [...EVIL].filter((c) => c > "\u001f").join("");

beforeAll(async () => {
  await writeQvds(folder, [
    {
      name: "plain",
      fields: [QVD, "KEY"],
      rows: [
        ["v", "k1"],
        ["w", "k2"],
      ],
    },
  ]);
  mkdirSync(at("shop"));
  await writeQvds(at("shop"), [
    { name: "a", fields: [QVD, "KEY"], rows: [["v", "k1"]] },
    { name: "b", fields: ["KEY", `${QVD}2`], rows: [["k1", "q"]] },
  ]);
  const access = {
    fields: ["ACCESS", "USERID", "KEY", "OMIT"],
    rows: [
      ["USER", EVIL, "K1", QVD],
      ["USER", "ANN", "K1", `${QVD}2`],
      ["USER", "ANN", "K3", ""],
    ],
  };
  writeFileSync(at("shop/section-access.json"), JSON.stringify(access));
  const tables = [
    { name: EVIL, fields: [EVIL, "KEY"], rows: [["v", "k1"]] },
    { name: `${EVIL}b`, fields: ["KEY", `${QVD}2`], rows: [["k1", "q"]] },
  ];
  writeFileSync(at("app.json"), JSON.stringify({ title: EVIL, script: "load.qvs", tables }));
  writeFileSync(at("load.qvs"), `// ${EVIL}`);
  for (const args of [
    ["app", "build", at("app.json"), "-o", at("app.qvf")],
    ["keys", "generate", at("me"), "--type", "p256", "--name", QVD],
    ["encrypt", at("plain.qvd"), "-o", at("sealed.qvd"), "--fields", "KEY", "--to", at("me.crt")],
  ]) {
    const { code, err } = await runCli(args);
    if (code !== 0) throw new Error(`${args.join(" ")}: ${err}`);
  }
});

const COMMANDS: readonly (readonly string[])[] = [
  ["inspect", "plain.qvd"],
  ["inspect", "app.qvf"],
  ["inspect", "sealed.qvd"],
  ["inspect", "--json", "plain.qvd"],
  ["inspect", "--json", "app.qvf"],
  ["head", "plain.qvd"],
  ["head", "app.qvf"],
  ["head", "app.qvf", "--table", EVIL],
  ["head", "plain.qvd", "--fields", `${EVIL}?`],
  ["digest", "plain.qvd"],
  ["digest", "--ndjson", "app.qvf"],
  ["verify", "plain.qvd"],
  ["verify", "app.qvf"],
  ["verify", "sealed.qvd"],
  ["status", "sealed.qvd", "--from", "me.crt"],
  ["keys", "list", "me.crt"],
  ["keys", "check", "me.key"],
  ["recover", "sealed.qvd"],
  ["rotate", "sealed.qvd", "--from", "me.crt", "--to", "me.crt", "--rekey", "--dry-run"],
  ["rotate", "sealed.qvd", "--from", "me.crt", "--to", "me.crt", "--rekey", "--yes", "--key", "me.key"],
  ["encrypt", "plain.qvd", "-o", "out.qvd", "--fields", `${EVIL}?`, "--to", "me.crt"],
  ["decrypt", "sealed.qvd", "-o", "open.qvd"],
  ["app", "tables", "app.qvf"],
  ["app", "tables", "app.qvf", "--json"],
  ["access", "lint", "shop"],
  ["access", "lint", "shop", "--json"],
  ["access", "matrix", "shop"],
  ["access", "matrix", "shop", "--json"],
  ["access", "explain", "shop", "--user", EVIL],
  ["access", "explain", "shop", "--user", "ANN"],
  ["access", "diff", "shop", "shop", "--user", "ANN"],
  ["access", "test", "shop", "--non-interference"],
  ["reduce", "shop", "--user", EVIL, "-o", "reduced.qvf"],
  ["reduce", "shop", "--user", "ANN", "-o", "reduced-ann"],
  ["reduce", "shop", "--user", "NOBODY", "-o", "none.qvf"],
  ["export", "app.qvf", "--table", `${EVIL}?`, "-o", "x.csv"],
  ["import", "load.qvs", "-o", "x.qvd", "--from", "csv"],
  ["app", "extract", "app.qvf", "-o", "extracted"],
  [EVIL],
];

describe("names that a terminal would obey", () => {
  it.each(COMMANDS.map((args) => [printable(args.join(" ")).slice(0, 80), args] as const))(
    "come out harmless: %s",
    async (_, args) => {
      const paths = args.map((arg, i) =>
        /\.\w{3}$/.test(arg) || arg === "shop" || args[i - 1] === "-o" ? at(arg) : arg,
      );
      const { out, err } = await runCli(paths, { tty: true });
      // The line that shows progress is ours: erase, and back to its start.
      const said = `${out}${err.replaceAll("\r\u001b[K", "")}`;
      expect(said.length).toBeGreaterThan(0);
      expect(OBEYED.exec(said)?.[0]).toBeUndefined();
      if (args.includes("--json")) for (const line of out.trim().split("\n")) JSON.parse(line);
    },
  );

  it("and the secrets of addresses come out nowhere, nor become the name of a table", async () => {
    const server = createServer((request, response) => {
      const [, first, last] = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? "")!;
      response.writeHead(206, { "content-range": `bytes ${first}-${last}/4` });
      response.end("a\n1\n".slice(Number(first), Number(last) + 1));
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as AddressInfo;
    const address = `http://ann:hush@127.0.0.1:${port}/sales.csv?sig=hush/hush&v=1.hush`;
    try {
      // fetch itself takes no user in an address.
      const { code, err } = await runCli(["import", address.replace("ann:hush@", ""), "-o", at("web.qvd")], {
        tty: true,
      });
      expect([code, err]).toEqual([0, expect.not.stringContaining("hush")]);
      expect((await runCli(["inspect", at("web.qvd"), "--json"])).out).toMatch(/"name":\s*"sales"/);
    } finally {
      server.closeAllConnections();
      server.close();
    }
    for (const args of [
      ["import", address.replace("sales.csv", "sales"), "-o", at("no.qvd")],
      ["audit", "verify", address],
      ["app", "build", address, "-o", at("no.qvf")],
      ["inspect", address],
    ]) {
      const { code, err } = await runCli(args, { tty: true });
      expect(code).not.toBe(0);
      expect(err).toContain(`http://127.0.0.1:${port}/sales`);
      expect(err).not.toContain("hush");
    }
  });

  it("of a script come out harmless on a terminal, and as they are in a pipe", async () => {
    const shown = await runCli(["app", "script", at("app.qvf")], { tty: true });
    expect(OBEYED.test(shown.out)).toBe(false);
    const piped = await runCli(["app", "script", at("app.qvf")]);
    expect(piped.out).toBe(`// ${EVIL}`);
  });

  it("and cells of an export come out harmless on a terminal, also cut between the bytes of a character", async () => {
    for (const format of ["csv", "ndjson"]) {
      const args = ["export", at("app.qvf"), "--table", EVIL, "-o", "-", "--to", format];
      const { code, out } = await runCli(args, { tty: true });
      expect(code).toBe(0);
      expect(OBEYED.test(out), format).toBe(false);
      expect(out.trim().split("\n").length).toBe(format === "csv" ? 2 : 1);
    }
    let seen = "";
    const out = async (data: string | Uint8Array) => void (seen += String(data));
    const terminal = guarded({ out, stdoutIsTty: true } as unknown as Parameters<typeof guarded>[0]);
    for (const byte of new TextEncoder().encode("a\u009bé\u202e")) await terminal.out(Uint8Array.of(byte));
    expect(seen).toBe("a\\u009bé\\u202e");
  });

  it("are escaped by the gate before the terminal, whoever forgot to; bytes are data and pass", async () => {
    const seen: (string | Uint8Array)[] = [];
    const terminal = guarded({
      out: async (data: string | Uint8Array) => void seen.push(data),
      err: (line: string) => void seen.push(line),
      status: (line: string) => void seen.push(line),
    } as unknown as Parameters<typeof guarded>[0]);
    await terminal.out("a\u001bb\u009bc\n\td\r");
    terminal.err("\u202ex");
    await terminal.out(Uint8Array.of(27));
    // Progress and questions for a PIN name files and tokens.
    terminal.status("\u001b]0;x\u0007\n");
    const status = "\\u001b]0;x\\u0007\\u000a";
    expect(seen).toEqual(["a\\u001bb\\u009bc\n\td\\u000d", "\\u202ex", Uint8Array.of(27), status]);
    expect(printable("a\nb\tc")).toBe("a\\u000ab\\u0009c");
    // JSON means the same behind the gate.
    const value = { name: EVIL };
    expect(JSON.parse(printableLines(JSON.stringify(value)))).toEqual(value);
  });
});

describe("names in pictures and reports", () => {
  const markup = /<script|<img|onerror=|javascript:/i;

  it("of an SVG are text, and its characters are those that XML allows", async () => {
    expect((await runCli(["app", "tables", at("app.qvf"), "--svg", at("g.svg")])).code).toBe(0);
    const svg = readFileSync(at("g.svg"), "utf8");
    expect(svg).toContain("&lt;script&gt;");
    expect(markup.test(svg)).toBe(false);
    // XML 1.0 section 2.2; bare ampersands would end the picture.
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what XML forbids
    expect(/[\u0000-\u0008\u000b\u000c\u000e-\u001f]|&(?!(lt|gt|amp|quot|apos|#\d+);)/.test(svg)).toBe(false);
  });

  it("of an HTML report are text", async () => {
    expect((await runCli(["access", "matrix", at("shop"), "--html", at("m.html")])).code).toBe(0);
    const html = readFileSync(at("m.html"), "utf8");
    expect(html).toContain("&#60;SCRIPT&#62;");
    expect(markup.test(html)).toBe(false);
    expect(
      html
        .match(/<(\w+)/g)!
        .every((tag) => /^<(html|head|meta|title|style|body|h1|p|table|thead|tbody|tr|th|td)$/.test(tag)),
    ).toBe(true);
  });
});

describe("CSV that a spreadsheet opens", () => {
  const texts = ["=1+1", "+1+1", "-1+1", "@SUM(A1)", "\t=1", '=HYPERLINK("http://x","y")'];

  beforeAll(() =>
    writeQvds(folder, [{ name: "cells", fields: ["=NAME()", "n"], rows: texts.map((t) => [t, -5] as const) }]),
  );

  it("is exact by default, and with --guard no text or name begins a formula", async () => {
    expect((await runCli(["export", at("cells.qvd"), "-o", at("exact.csv")])).code).toBe(0);
    expect(readFileSync(at("exact.csv"), "utf8")).toContain("\r\n=1+1,-5\r\n");
    expect((await runCli(["export", at("cells.qvd"), "-o", at("guard.csv"), "--guard"])).code).toBe(0);
    const lines = readFileSync(at("guard.csv"), "utf8").replace("\ufeff", "").trim().split("\r\n");
    expect(lines.length).toBe(texts.length + 1);
    for (const line of lines) expect(line, line).toMatch(/^"'/);
    // Numbers stay numbers.
    for (const line of lines.slice(1)) expect(line.endsWith(",-5")).toBe(true);
  });
});
