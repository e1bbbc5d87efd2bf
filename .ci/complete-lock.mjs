// Completes package-lock.json after `npm install`: entries for the platform builds of optional native packages that the
// registry at hand does not carry. npm leaves such entries out, and then `npm ci` refuses the lock file everywhere.
// They have no integrity, since the package was not seen; npm only reads them on the platform they name.
import { readFileSync, writeFileSync } from "node:fs";

const path = new URL("../package-lock.json", import.meta.url);
const lock = JSON.parse(readFileSync(path, "utf8"));
const systems = ["android", "darwin", "freebsd", "linux", "win32"];
const processors = ["arm64", "x64", "arm", "ia32"];

for (const holder of Object.values(lock.packages)) {
  for (const [name, version] of Object.entries(holder.optionalDependencies ?? {})) {
    const key = `node_modules/${name}`;
    if (lock.packages[key] !== undefined) continue;
    const words = name.split(/[/-]/);
    const os = words.filter((word) => systems.includes(word));
    const cpu = words.filter((word) => processors.includes(word));
    if (os.length === 0 || cpu.length === 0) throw new Error(`${name} names no platform; install it instead`);
    lock.packages[key] = { version, cpu, ...(holder.dev ? { dev: true } : {}), optional: true, os };
  }
}
lock.packages = Object.fromEntries(Object.entries(lock.packages).sort(([a], [b]) => (a < b ? -1 : 1)));
writeFileSync(path, `${JSON.stringify(lock, null, 2)}\n`);
