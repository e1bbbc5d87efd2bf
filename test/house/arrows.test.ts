import { dirname, join, normalize } from "node:path";
import { describe, expect, it } from "vitest";
import { filesBelow, importsOf } from "./tree.ts";

/**
 * Who may import whom (the drawing in src/index.ts). `types` means type-only imports: the folder knows the shape, not
 * the thing.
 */
const MATRIX: Readonly<Record<string, Readonly<Record<string, "all" | "types">>>> = {
  bytes: {},
  source: { bytes: "all" },
  kernel: { bytes: "all" },
  container: { bytes: "all", source: "types" },
  table: { bytes: "all", source: "types", container: "all", kernel: "all" },
  reduce: { bytes: "all", kernel: "all", table: "all" },
  output: { bytes: "all", source: "types", table: "all" },
  input: { bytes: "all", source: "types", table: "all" },
  keys: { bytes: "all" },
  seal: { bytes: "all", source: "types", container: "types", keys: "types" },
  engine: {
    bytes: "all",
    source: "all",
    kernel: "all",
    container: "all",
    table: "all",
    reduce: "all",
    output: "all",
    input: "all",
    keys: "all",
    seal: "all",
  },
  demo: { bytes: "all", source: "all", table: "all", engine: "all" },
  // `qvault bench` runs what is shipped beside src.
  cli: { demo: "all", engine: "all", output: "all", table: "types", bench: "all" },
};

/** Files outside every folder that all may import. */
const COMMON = new Set(["src/errors.ts", "src/limits.ts"]);

/** Where Node's own modules may be used; everything else runs in a browser. */
const NODE_ALLOWED = [
  /^src\/source\/(at-exit|file|file-operations|file-sink|file-spool|folder-sink|process-owner|temporary)\.ts$/,
  /^src\/(keys|seal|engine|demo|cli)\//,
];

const files = filesBelow("src", ".ts");
const folderOf = (path: string) => {
  const [top, folder, file] = path.split("/");
  return top === "bench" ? top : file === undefined ? "" : folder!;
};

interface Arrow {
  readonly from: string;
  readonly to: string;
  readonly typeOnly: boolean;
}

const arrows: Arrow[] = files.flatMap((from) =>
  importsOf(from)
    .filter((i) => i.specifier.startsWith("."))
    .map((i) => ({
      from,
      to: normalize(join(dirname(from), i.specifier)).replaceAll("\\", "/"),
      typeOnly: i.typeOnly,
    })),
);

describe("arrows between folders", () => {
  it("sees the imports at all", () => {
    expect(files.length).toBeGreaterThan(20);
    expect(arrows.length).toBeGreaterThan(files.length);
  });

  it("every import points to a file of the tree", () => {
    const known = new Set(files);
    expect(arrows.filter((a) => !known.has(a.to) && a.to.startsWith("src/"))).toEqual([]);
  });

  it("every folder imports only what the matrix allows", () => {
    const wrong = arrows.filter(({ from, to, typeOnly }) => {
      const here = folderOf(from);
      if (here === "" || COMMON.has(to) || folderOf(to) === here) return false;
      const allowed = MATRIX[here]?.[folderOf(to)];
      return !(allowed === "all" || (allowed === "types" && typeOnly));
    });
    expect(wrong).toEqual([]);
  });

  it("the matrix names exactly the folders there are", () => {
    const folders = new Set(files.map(folderOf).filter((folder) => folder !== ""));
    expect([...folders].sort()).toEqual(Object.keys(MATRIX).sort());
  });

  it("nothing imports index.ts", () => {
    expect(arrows.filter((a) => a.to.endsWith("/index.ts"))).toEqual([]);
  });

  it("there is no cycle", () => {
    const next = new Map<string, string[]>();
    // Two files may know each other's shapes; a cycle of things is what breaks.
    for (const { from, to } of arrows.filter((a) => !a.typeOnly)) next.set(from, [...(next.get(from) ?? []), to]);
    const state = new Map<string, "open" | "done">();
    const cycles: string[] = [];
    const visit = (file: string, path: readonly string[]) => {
      if (state.get(file) === "done") return;
      if (state.get(file) === "open") {
        cycles.push([...path.slice(path.indexOf(file)), file].join(" -> "));
        return;
      }
      state.set(file, "open");
      for (const to of next.get(file) ?? []) visit(to, [...path, file]);
      state.set(file, "done");
    };
    for (const file of files) visit(file, []);
    expect(cycles).toEqual([]);
  });

  it("Node's modules are used only at the edges", () => {
    const wrong = files.filter((file) => {
      const usesNode = importsOf(file).some((i) => i.specifier.startsWith("node:"));
      return usesNode && !NODE_ALLOWED.some((pattern) => pattern.test(file));
    });
    expect(wrong).toEqual([]);
  });
});
