import { readFile, writeFile } from "node:fs/promises";
import type { SealedSubject } from "./data.ts";
import { contentOf, isWholeBut, ownTexts, rowsOf, textsIn } from "./looks.ts";
import type { Steps } from "./steps.ts";

/** Exit codes: a finding, damage, and no key that opens the file. */
const FINDING = 1;
const DAMAGED = 4;
export const NO_KEY = 6;

/** The keys of two audiences and one to change to, of a kind that is quick to make. */
export async function keySteps({ command, path }: Steps): Promise<void> {
  for (const name of ["hr", "finance", "hr-2027"]) {
    await command(`A key pair for ${name}`, ["keys", "generate", path(name), "--type", "p256", "--name", name]);
  }
}

/** What seals the fields of a subject for two audiences. */
export function twoSlots({ hr, finance }: Omit<SealedSubject, "file">, certificates: Audiences): readonly string[] {
  return [
    ...["--slot", `hr=${certificates.hr}`, "--slot-fields", `hr=${hr}`],
    ...["--slot", `finance=${certificates.finance}`, "--slot-fields", `finance=${finance}`],
  ];
}

/** References to certificates or keys. */
export interface Audiences {
  readonly hr: string;
  readonly finance: string;
}

/** Two fields sealed for two audiences and opened as each, rotated to a new certificate, and one bit flipped. */
export async function sealSteps(steps: Steps, subject: SealedSubject, kind: "qvd" | "qvf"): Promise<void> {
  const { command, check, path } = steps;
  const { file, table, hr, finance } = subject;
  const sealed = path(`sealed.${kind}`);
  const pick = table === undefined ? [] : ["--table", table];
  await command(`${hr} sealed for HR, ${finance} for finance`, [
    ...["encrypt", file, "-o", sealed],
    ...twoSlots(subject, { hr: path("hr.crt"), finance: path("finance.crt") }),
  ]);
  await command("What anybody sees, without a key", ["head", "-n", "3", sealed, ...pick]);
  await command("What HR sees", ["head", "-n", "3", sealed, ...pick, "--key", path("hr.key")]);
  await command("What finance sees", ["head", "-n", "3", sealed, ...pick, "--key", path("finance.key")]);
  await checkAudiences(steps, subject, sealed, { hr: path("hr.key"), finance: path("finance.key") });
  await checkNothingLeft(steps, subject, file, sealed);
  await rotateSteps(steps, sealed);
  const opened = path(`opened.${kind}`);
  const keys = [path("hr-2027.key"), path("finance.key")];
  await command("With both keys, the original comes back", [
    ...["decrypt", sealed, "-o", opened],
    ...keys.flatMap((key) => ["--key", key]),
  ]);
  await check("it is the original, cell for cell", (await contentOf(file)) === (await contentOf(opened)));
  await flipStep(steps, sealed);
}

/** A QVD sealed for one audience comes back as the very bytes it was: its header is sealed along. */
export async function exactSteps({ command, check, path }: Steps, { file, hr, finance }: SealedSubject): Promise<void> {
  const sealed = path("sealed-once.qvd");
  const opened = path("opened-once.qvd");
  await command(`${hr} and ${finance} sealed for one audience`, [
    ...["encrypt", file, "-o", sealed, "--fields", `${hr},${finance}`, "--to", path("hr.crt")],
  ]);
  await command("And opened", ["decrypt", sealed, "-o", opened, "--key", path("hr.key")]);
  const [before, after] = [await readFile(file), await readFile(opened)];
  await check("it is the original, byte for byte", before.equals(after) && !before.equals(await readFile(sealed)));
}

/** Checks every row that a reader with no key, with HR's and with finance's gets. */
export async function checkAudiences(
  { check }: Steps,
  { file, table, hr, finance }: SealedSubject,
  sealed: string,
  keys: Audiences,
): Promise<void> {
  const whole = await rowsOf(file, { table });
  const seen = async (...references: readonly string[]) => rowsOf(sealed, { table, keys: references });
  const rows = `${whole.rows.length} rows`;
  await check(
    `without a key both fields are empty in all ${rows}, the others unchanged`,
    isWholeBut(await seen(), whole, [hr, finance]),
  );
  await check(`HR gets every ${hr} and no ${finance}`, isWholeBut(await seen(keys.hr), whole, [finance]));
  await check(`finance gets every ${finance} and no ${hr}`, isWholeBut(await seen(keys.finance), whole, [hr]));
}

/** Checks that no text of HR's field is in the sealed file, by a search that finds each of them in the plain one. */
export async function checkNothingLeft(
  { check }: Steps,
  { table, hr }: Pick<SealedSubject, "table" | "hr">,
  plain: string,
  sealed: string,
): Promise<void> {
  const texts = ownTexts(await rowsOf(plain, { table }), hr);
  const [before, after] = [await textsIn(plain, texts), await textsIn(sealed, texts)];
  await check(
    `${before.length} of ${texts.length} values of ${hr} are found in the bytes of the plain file, ${after.length} in the sealed one`,
    texts.length > 0 && before.length === texts.length && after.length === 0,
  );
}

/** HR's certificate changes; the old key then opens nothing. */
export async function rotateSteps({ command, path }: Steps, sealed: string): Promise<void> {
  await command(
    "Which files still need HR's certificate; a finding, so exit 1",
    ["status", sealed, "--key", path("hr.crt")],
    FINDING,
  );
  await command("HR's certificate changes, in place and without a reload", [
    ...["rotate", sealed, "--from", path("hr.crt"), "--to", path("hr-2027.crt"), "--key", path("hr.key"), "--yes"],
  ]);
  await command("Now none needs the old one", ["status", sealed, "--key", path("hr.crt")]);
  await command("The new key opens it, and every byte is checked", ["verify", sealed, "--key", path("hr-2027.key")]);
  await command("The old key opens nothing any more", ["verify", sealed, "--key", path("hr.key")], NO_KEY);
}

/** One bit flipped in the last byte of the file is caught. */
export async function flipStep({ command, path }: Steps, sealed: string): Promise<void> {
  const bytes = await readFile(sealed);
  const last = bytes.length - 1;
  bytes[last] = bytes[last]! ^ 1;
  const flipped = path(sealed.endsWith(".qvd") ? "flipped.qvd" : "flipped.qvf");
  await writeFile(flipped, bytes);
  await command("One bit of its last byte flipped", ["verify", flipped, "--key", path("hr-2027.key")], DAMAGED);
}
