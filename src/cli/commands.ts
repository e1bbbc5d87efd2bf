import type { Command } from "commander";
import type { CommandContext } from "./context.ts";

/** Makes a command; loaded only when it is wanted, so that `inspect` does not wait for what `export` needs. */
export type CommandLoader = () => Promise<(context: CommandContext) => Command>;

/** Every command, in the order of `--help`. */
export const COMMANDS: Readonly<Record<string, CommandLoader>> = {
  inspect: async () => (await import("./commands/inspect.ts")).inspectCommand,
  head: async () => (await import("./commands/head.ts")).headCommand,
  digest: async () => (await import("./commands/digest.ts")).digestCommand,
  verify: async () => (await import("./commands/verify.ts")).verifyCommand,
  export: async () => (await import("./commands/export.ts")).exportCommand,
  import: async () => (await import("./commands/import.ts")).importCommand,
  app: async () => (await import("./commands/app.ts")).appCommand,
  reduce: async () => (await import("./commands/reduce.ts")).reduceCommand,
  access: async () => (await import("./commands/access.ts")).accessCommand,
  audit: async () => (await import("./commands/audit.ts")).auditCommand,
  encrypt: async () => (await import("./commands/encrypt.ts")).encryptCommand,
  decrypt: async () => (await import("./commands/decrypt.ts")).decryptCommand,
  rotate: async () => (await import("./commands/rotate.ts")).rotateCommand,
  status: async () => (await import("./commands/status.ts")).statusCommand,
  keys: async () => (await import("./commands/keys.ts")).keysCommand,
  recover: async () => (await import("./commands/recover.ts")).recoverCommand,
  bench: async () => (await import("./commands/bench.ts")).benchCommand,
  demo: async () => (await import("./commands/demo.ts")).demoCommand,
};
