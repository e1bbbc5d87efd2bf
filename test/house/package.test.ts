import { existsSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { filesBelow, importsOf, ROOT, textOf } from "./tree.ts";

interface Manifest {
  readonly engines: { readonly node: string };
  readonly bin: Record<string, string>;
  readonly exports: Record<string, string | Record<string, string>>;
  readonly files: readonly string[];
  readonly scripts: Record<string, string>;
  readonly dependencies: Record<string, string>;
  readonly devDependencies: Record<string, string>;
  readonly optionalDependencies: Record<string, string>;
}

const manifest = JSON.parse(textOf("package.json")) as Manifest;
const versions = { ...manifest.dependencies, ...manifest.devDependencies, ...manifest.optionalDependencies };

describe("the package", () => {
  it("pins every version exactly", () => {
    expect(Object.entries(versions).filter(([, version]) => !/^\d+\.\d+\.\d+(-[\w.]+)?$/.test(version))).toEqual([]);
  });

  it("supports Node 20.19 and later", () => {
    expect(manifest.engines.node).toBe(">=20.19");
    expect(textOf(".npmrc")).toContain("engine-strict=true");
  });

  it("exports files that the build makes, types first", () => {
    for (const [subpath, target] of Object.entries(manifest.exports)) {
      if (typeof target === "string") {
        expect(target).toBe(subpath);
        continue;
      }
      expect(Object.keys(target)).toEqual(["types", "default"]);
      for (const path of Object.values(target)) expect(existsSync(join(ROOT, path)), path).toBe(true);
    }
  });

  it("has one command, which the build makes", () => {
    expect(Object.keys(manifest.bin)).toEqual(["qvault"]);
    expect(existsSync(join(ROOT, manifest.bin.qvault!))).toBe(true);
  });

  it("keeps the lock file free of resolved addresses and in step with the manifest", () => {
    const lock = JSON.parse(textOf("package-lock.json")) as {
      readonly packages: Record<string, { readonly resolved?: string; readonly dependencies?: Record<string, string> }>;
    };
    expect(Object.entries(lock.packages).filter(([, p]) => p.resolved !== undefined)).toEqual([]);
    expect(lock.packages[""]!.dependencies).toEqual(manifest.dependencies);
  });

  it("locks a build for every platform of a native package, or npm ci refuses the lock", () => {
    const lock = JSON.parse(textOf("package-lock.json")) as {
      readonly packages: Record<string, { readonly optionalDependencies?: Record<string, string> }>;
    };
    const wanted = Object.values(lock.packages).flatMap((p) => Object.keys(p.optionalDependencies ?? {}));
    expect(wanted.filter((name) => lock.packages[`node_modules/${name}`] === undefined)).toEqual([]);
  });

  it("lets only the one package run an install script that needs to", () => {
    expect((JSON.parse(textOf("package.json")) as { readonly allowScripts: unknown }).allowScripts).toEqual({
      pkcs11js: true,
      koffi: false,
      "msgpackr-extract": false,
    });
  });

  it("imports in src only what users install", () => {
    const installed = new Set([...Object.keys(manifest.dependencies), ...Object.keys(manifest.optionalDependencies)]);
    const wrong = filesBelow("src", ".ts").flatMap((file) =>
      importsOf(file)
        .filter((i) => !i.specifier.startsWith(".") && !i.specifier.startsWith("node:"))
        .map((i) =>
          i.specifier
            .split("/")
            .slice(0, i.specifier.startsWith("@") ? 2 : 1)
            .join("/"),
        )
        .filter((name) => !installed.has(name))
        .map((name) => `${file}: ${name}`),
    );
    expect(wrong).toEqual([]);
  });

  it("uses every package that users install", () => {
    const used = new Set(filesBelow("src", ".ts").flatMap((file) => importsOf(file).map((i) => i.specifier)));
    const unused = Object.keys({ ...manifest.dependencies, ...manifest.optionalDependencies }).filter(
      (name) => ![...used].some((specifier) => specifier === name || specifier.startsWith(`${name}/`)),
    );
    expect(unused).toEqual([]);
  });

  it("gives a reason for every package in the README's table", () => {
    const readme = textOf("README.md");
    expect(Object.keys(versions).filter((name) => !readme.includes(`| \`${name}\``))).toEqual([]);
  });
});

describe("the source", () => {
  const sources = [...filesBelow("src", ".ts"), ...filesBelow("assembly", ".ts")].filter((f) => !f.endsWith(".gen.ts"));

  it("has no file over the wall of 350 lines", () => {
    expect(sources.filter((file) => textOf(file).split("\n").length > 351)).toEqual([]);
  });

  it("has no any, default export, enum, or Buffer in a signature", () => {
    const forbidden = /:\s*any\b|\bas any\b|<any>|^export default|^\s*(?:const\s+)?enum\s|:\s*Buffer\b(?!\.)/m;
    const code = (file: string) => textOf(file).replace(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, "");
    // pkcs11js takes and gives handles and data as Buffers; its seam says so, nothing behind it does.
    const wrong = sources.filter((file) => forbidden.test(code(file)) && !file.startsWith("src/keys/pkcs11-"));
    expect(wrong).toEqual([]);
  });

  it("promises no later work", () => {
    const promise = /\b(TODO|FIXME|XXX|HACK)\b|not implemented/i;
    expect(sources.filter((file) => promise.test(textOf(file)))).toEqual([]);
  });
});
