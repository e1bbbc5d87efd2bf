import { Command } from "commander";
import { verifyAuditLog } from "../../engine/audit-verify.ts";
import type { CommandContext } from "../context.ts";
import { EXIT } from "../exit-codes.ts";
import { printable } from "../terminal.ts";

export function auditCommand({ terminal, outcome }: CommandContext): Command {
  const verify = new Command("verify")
    .description("check an audit log: no line changed, missing or out of order; exit 1 otherwise")
    .argument("<FILE>", "audit log")
    .option("--head <HASH>", "hash of the last line as seen before: finds lines cut off at the end")
    .option("--json", "report as JSON")
    .action(async (file: string, options: { head?: string; json?: true }) => {
      const verdict = await verifyAuditLog(file, options.head);
      if (!verdict.ok) outcome.exitCode = EXIT.FINDING;
      if (options.json) return terminal.out(`${JSON.stringify({ schemaVersion: 1, file, ...verdict })}\n`);
      for (const f of verdict.findings) await terminal.out(`${printable(`${file}: line ${f.line} ${f.what}`)}\n`);
      if (verdict.moreFindings > 0) await terminal.out(`${printable(file)}: and ${verdict.moreFindings} more\n`);
      if (verdict.ok) await terminal.out(`${printable(file)}: ${verdict.lines} lines, head ${verdict.head}\n`);
    });
  return new Command("audit").description("work with audit logs").addCommand(verify);
}
