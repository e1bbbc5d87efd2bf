import { readlink } from "node:fs/promises";
import { Command, Option } from "commander";
import { openSigner, recipientsOf } from "../../engine/key-access.ts";
import { sealFile } from "../../engine/seal-file.ts";
import { QErr } from "../../errors.ts";
import type { CommandContext } from "../context.ts";
import { otherNames } from "../file-names.ts";
import { keyringOptions, repeated, type SecretOptions, withSecretOptions } from "../key-options.ts";
import { fieldList } from "../options.ts";
import { progress } from "../progress.ts";
import { printable } from "../terminal.ts";

interface EncryptOptions extends SecretOptions {
  readonly output: string;
  readonly fields?: readonly string[];
  readonly to?: readonly string[];
  readonly slot?: readonly string[];
  readonly slotFields?: readonly string[];
  readonly closed?: true;
  readonly mask?: "null" | "const" | "token";
  readonly maskText?: string;
  readonly sign?: string;
  readonly oaepSha1?: true;
  readonly allowExpired?: true;
  readonly keepLineage?: true;
  readonly keepComment?: true;
  readonly sectionAccess?: true;
  readonly bookmarks?: true;
  readonly force?: true;
}

export function encryptCommand({ terminal }: CommandContext): Command {
  const command = new Command("encrypt")
    .description(
      "seal fields of a QVD or an app for the holders of certificates; the rest stays readable for everybody",
    )
    .argument("<FILE>", "file")
    .requiredOption("-o, --output <OUT>", "the sealed file")
    .option("--fields <a,b>", "the fields, for every slot that names none of its own", fieldList)
    .option("--to <CERT>", "who can open them, as slot `default`; may be given again", repeated)
    .option("--slot <NAME=CERT>", "who can open slot NAME; again for more recipients or slots", repeated)
    .option("--slot-fields <NAME=a,b>", "the fields of slot NAME", repeated)
    .option("--section-access", "of an app: seal its section access for every slot; without a key it opens for nobody")
    .option("--bookmarks", "of an app: seal its bookmarks and snapshots for every slot")
    .option("--closed", "seal everything: plain readers see empty tables, or stop")
    .addOption(
      new Option("--mask <MASK>", "what plain readers see in place of sealed fields").choices([
        "null",
        "const",
        "token",
      ]),
    )
    .option("--mask-text <TEXT>", "the text of --mask const")
    .option("--sign <REF>", "sign the file with this key")
    .option("--oaep-sha1", "wrap with OAEP of SHA-1, for tokens that know no other (SoftHSM, old Windows providers)")
    .option("--allow-expired", "seal to certificates that have run out")
    .option("--keep-lineage", "leave lineage plain, of an app script and variables; they often quote values")
    .option("--keep-comment", "leave the table comment plain")
    .option("--force", "replace OUT if it exists");
  return withSecretOptions(command).action(async (file: string, options: EncryptOptions) => {
    const secrets = keyringOptions(terminal, options);
    const slots = [];
    for (const { name, references } of slotReferences(options)) {
      const { recipients, warnings } = await recipientsOf(references, {
        ...secrets,
        oaepSha1: options.oaepSha1,
        allowExpired: options.allowExpired,
      });
      for (const warning of warnings) terminal.err(printable(`qvault: warning: ${warning}`));
      if (recipients.length === 1)
        terminal.err(
          printable(`qvault: warning: slot "${name}" has one recipient: if that key is lost, so are its fields`),
        );
      slots.push({ name, recipients, fields: fieldsOf(name, options) });
    }
    const signer = options.sign === undefined ? undefined : await openSigner(options.sign, secrets);
    // Under its other names a file that is sealed in place stays plain.
    if (options.force)
      await otherNames([options.output], (message) => terminal.err(printable(`qvault: warning: ${message}`)));
    const behind = await readlink(options.output).catch(() => undefined);
    const bar = progress(terminal, `encrypt ${file}`);
    try {
      const { mask, maskText: constText, keepLineage, keepComment, sectionAccess, bookmarks } = options;
      const leaks = await sealFile(
        file,
        { path: options.output, force: options.force },
        {
          slots,
          mask,
          constText,
          keepLineage,
          keepComment,
          sectionAccess,
          bookmarks,
          signer,
          mode: options.closed ? "closed" : "open",
          signal: terminal.signal,
          onProgress: bar.update,
        },
      );
      bar.end();
      for (const { message } of leaks) terminal.err(printable(`qvault: warning: ${message}`));
      // Whoever seals in place through a link would take the file behind it for sealed.
      if (behind !== undefined)
        terminal.err(printable(`qvault: warning: ${options.output} was a link to ${behind}, which stays as it is`));
    } finally {
      bar.end();
      await signer?.close();
    }
  });
}

function slotReferences(
  options: EncryptOptions,
): readonly { readonly name: string; readonly references: readonly string[] }[] {
  const slots = new Map<string, string[]>();
  if (options.to) slots.set("default", [...options.to]);
  for (const text of options.slot ?? []) {
    const [name, reference] = pair(text, "--slot NAME=CERT");
    slots.set(name, [...(slots.get(name) ?? []), reference]);
  }
  if (slots.size === 0) throw new QErr("USAGE", "nobody is named who could open the file", { hint: "add --to CERT" });
  return [...slots].map(([name, references]) => ({ name, references }));
}

function fieldsOf(slot: string, options: EncryptOptions): readonly string[] {
  const own = (options.slotFields ?? [])
    .map((text) => pair(text, "--slot-fields NAME=a,b"))
    .filter(([name]) => name === slot);
  return own.length > 0 ? own.flatMap(([, names]) => fieldList(names)) : (options.fields ?? []);
}

function pair(text: string, form: string): readonly [string, string] {
  const equals = text.indexOf("=");
  if (equals > 0) return [text.slice(0, equals), text.slice(equals + 1)];
  throw new QErr("USAGE", `${form} is what is needed`);
}
