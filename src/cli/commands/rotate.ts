import { Command } from "commander";
import { keyRefOf, openKeys, openSigner, recipientsOf, trustedCertificates } from "../../engine/key-access.ts";
import { type BatchOptions, type FileResult, planBatch, rotateBatch } from "../../engine/rotate.ts";
import { openRotateCrew } from "../../engine/rotate-crew.ts";
import { QErr } from "../../errors.ts";
import type { CommandContext } from "../context.ts";
import { EXIT } from "../exit-codes.ts";
import { eachOnce, otherNames } from "../file-names.ts";
import { expandFolders, warnOn } from "../files.ts";
import { keyOption, keyringOptions, repeated, type SecretOptions, withSecretOptions } from "../key-options.ts";
import { wholeNumber } from "../options.ts";
import { reportError } from "../report.ts";
import { printable } from "../terminal.ts";

interface RotateCommandOptions extends SecretOptions {
  readonly from: string;
  readonly to?: readonly string[];
  readonly key?: readonly string[];
  readonly add?: true;
  readonly remove?: true;
  readonly rekey?: true;
  readonly reseal?: true;
  readonly sign?: string;
  readonly requireSignature?: readonly string[];
  readonly confirm?: readonly string[];
  readonly dryRun?: true;
  readonly yes?: true;
  readonly jobs: number;
  readonly journal?: string;
  readonly oaepSha1?: true;
  readonly allowExpired?: true;
}

export function rotateCommand({ terminal, outcome }: CommandContext): Command {
  const command = new Command("rotate")
    .description("give sealed files to another certificate, without touching their data")
    .argument("<FILE...>", "files or folders; links to files are followed, links to folders named")
    .requiredOption("--from <THUMBPRINT|CERT>", "the certificate that goes (with --add: beside which another comes)")
    .option("--to <CERT>", "the certificate that comes; may be given again", repeated)
    .addOption(keyOption())
    .option("--add", "keep the old certificate: the first of two phases")
    .option("--remove", "only take the old one away: the second phase")
    .option("--rekey", "make new slot keys as well; data keys and data stay")
    .option("--reseal", "make new data keys and seal the data anew: what shuts out whoever has the old keys")
    .option("--sign <REF>", "with --reseal: sign the new files, of which the old ones must be signed by the same")
    .option(
      "--require-signature <CERT>",
      "with --reseal: reseal only what one of these certificates signed; may be given again",
      repeated,
    )
    .option(
      "--confirm <REF>",
      "a new key: each new file must open with it before it takes the old one's place; may be given again",
      repeated,
    )
    .option("--dry-run", "print the plan and change nothing; needs no key")
    .option("--yes", "do not ask for the plan to be confirmed; without it a plan is printed and nothing is done")
    .option(
      "--jobs <N>",
      "files at a time, each in a thread of its own; the cores of the machine are a good number",
      wholeNumber(1),
      1,
    )
    .option("--journal <FILE>", "record what is done, so that an interrupted run goes on where it stopped")
    .option("--oaep-sha1", "wrap with OAEP of SHA-1")
    .option("--allow-expired", "also to a certificate that has run out")
    .addHelpText(
      "after",
      "\nWithout --key, --from is the key that opens the files, and must be a key reference.\nWithout --reseal, whoever had access before and kept a copy or the slot key can still read that copy: rotating the\ncertificate decides about this file from now on. Only --reseal makes the new file unreadable with what was known.",
    );
  return withSecretOptions(command).action(async (names: string[], options: RotateCommandOptions) => {
    if (options.remove && (options.to || options.add))
      throw new QErr("USAGE", "--remove only takes away: it goes without --to and --add");
    if (!options.remove && !options.to) throw new QErr("USAGE", "say who gets access with --to, or use --remove");
    if (options.requireSignature && !options.reseal)
      throw new QErr("USAGE", "--require-signature goes with --reseal: only there is data read");
    const secrets = keyringOptions(terminal, options);
    const { recipients, warnings } = await recipientsOf(options.to ?? [], {
      ...secrets,
      oaepSha1: options.oaepSha1,
      allowExpired: options.allowExpired,
    });
    for (const warning of warnings) terminal.err(printable(`qvault: warning: ${warning}`));
    const { add, rekey, reseal, jobs, journal, requireSignature } = options;
    const rotation: BatchOptions = {
      from: await keyRefOf(options.from, secrets),
      to: recipients,
      add,
      rekey,
      reseal,
      signature: requireSignature && (await trustedCertificates(requireSignature, secrets)),
      jobs,
      journal,
      signal: terminal.signal,
    };
    const warn = warnOn(terminal);
    let passedOver = 0;
    const passOver = (message: string) => {
      passedOver += 1;
      warn(message);
    };
    const files = await expandFolders(names, passOver);
    const planned = await planBatch(await eachOnce(files), rotation);
    const concerned = planned.filter((r) => r.plan !== undefined && r.plan.action !== "none").map((r) => r.file);
    await otherNames(concerned, passOver);
    // Files are half done, or none, if a reader such as head(1) could end this by closing the pipe.
    if (options.yes) terminal.outlivePipe();
    await terminal.out(planText(planned));
    if (options.dryRun) return;
    if (!options.yes)
      throw new QErr("USAGE", "nothing was changed: this was the plan", { hint: "run it again with --yes" });
    // A file that is not sealed is not touched, not even by a lock.
    const unsealed = planned.filter((r) => r.state === "unsealed");
    const sealed = planned.filter((r) => r.state !== "unsealed").map((r) => r.file);
    const ring = openKeys(options.key ?? [options.from], secrets);
    const newKeys = options.confirm && openKeys(options.confirm, secrets);
    const signer = options.sign === undefined ? undefined : await openSigner(options.sign, secrets);
    const threads = Math.min(jobs, sealed.length);
    const crew = threads > 1 ? await openRotateCrew(threads) : undefined;
    try {
      let done = 0;
      const results = await rotateBatch(sealed, ring.find, {
        ...rotation,
        signer,
        confirm: newKeys?.find,
        rotate: crew?.rotate,
        onFile: (result) => {
          done += 1;
          terminal.status(`rotate ${done} of ${sealed.length}`);
          if (result.error) reportError(result.error, terminal, result.file);
        },
      });
      terminal.status("");
      await terminal.out(summary([...results, ...unsealed], passedOver));
      const left = sealed.length - results.length;
      if (left > 0)
        throw new QErr("CANCELLED", `interrupted: ${left} of ${sealed.length} files are as they were`, {
          hint: "run the command again; what is done stays done",
        });
      // Behind a link that was not followed a file may still have the old key.
      const failed = results.some((r) => r.state === "failed") || passedOver > 0;
      if (failed) outcome.exitCode = EXIT.SOME_FAILED;
    } finally {
      await crew?.close();
      await ring.close();
      await newKeys?.close();
      await signer?.close();
    }
  });
}

function planText(results: readonly FileResult[]): string {
  let text = "";
  for (const { file, state, plan, error } of results) {
    if (state === "unsealed") text += printable(`${file}: is not sealed`).concat("\n");
    else if (error) text += printable(`${file}: cannot be rotated: ${error.message} (${error.code})`).concat("\n");
    else if (plan === undefined || plan.action === "none") text += printable(`${file}: nothing to do`).concat("\n");
    else {
      text += printable(`${file}: ${plan.action}`).concat("\n");
      for (const slot of plan.slots) {
        for (const r of slot.removed)
          text += printable(`  slot ${slot.name}  - ${r.label} ${r.x5t ?? r.spkiS256}`).concat("\n");
        for (const r of slot.added)
          text += printable(`  slot ${slot.name}  + ${r.label} ${r.x5t ?? r.spkiS256}`).concat("\n");
      }
      for (const name of plan.single)
        text += printable(`  slot ${name} will have one recipient: if that key is lost, so are its fields`).concat(
          "\n",
        );
    }
  }
  return text;
}

function summary(results: readonly FileResult[], passedOver: number): string {
  const count = (state: FileResult["state"]) => results.filter((r) => r.state === state).length;
  const more = [
    ...(count("unsealed") > 0 ? [`${count("unsealed")} are not sealed`] : []),
    ...(passedOver > 0 ? [`${passedOver} links were not followed`] : []),
  ];
  const counts = `${count("done")} rotated, ${count("unchanged")} had nothing to do, ${count("skipped")} were done before`;
  return `${[counts, `${count("failed")} failed`, ...more].join(", ")}\n`;
}
