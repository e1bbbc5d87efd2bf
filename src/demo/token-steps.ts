import { join } from "node:path";
import type { SealedSubject } from "./data.ts";
import { checkAudiences, twoSlots } from "./seal-steps.ts";
import type { Steps } from "./steps.ts";
import { demoToken } from "./token.ts";

/** Sealed for keys of a PKCS#11 token, opened by the token, rotated to another key of it. One line where there is none. */
export async function tokenSteps(steps: Steps, subject: SealedSubject): Promise<void> {
  const before = process.env.SOFTHSM2_CONF;
  const folder = steps.path("token");
  process.env.SOFTHSM2_CONF = join(folder, "softhsm2.conf");
  try {
    const token = await demoToken(folder, ["hr", "finance", "hr-2027"]);
    if (typeof token === "string") await steps.note(`Nothing of PKCS#11 is shown: ${token}`);
    else await throughToken(steps, subject, token.reference);
  } finally {
    if (before === undefined) delete process.env.SOFTHSM2_CONF;
    else process.env.SOFTHSM2_CONF = before;
  }
}

async function throughToken(steps: Steps, subject: SealedSubject, key: (name: string) => string): Promise<void> {
  const { command, path } = steps;
  const sealed = path("sealed-token.qvd");
  const [old, next] = [key("hr"), key("hr-2027")];
  await command("A SoftHSM token with three key pairs made in it: one is tried", ["keys", "check", old]);
  await command("The same fields sealed for keys of the token", [
    ...["encrypt", subject.file, "-o", sealed, ...twoSlots(subject, { hr: old, finance: key("finance") })],
  ]);
  await command("What HR sees, opened by the token", ["head", "-n", "3", sealed, "--key", old]);
  await checkAudiences(steps, subject, sealed, { hr: old, finance: key("finance") });
  await command("HR's key changes to another one of the token", [
    ...["rotate", sealed, "--from", old, "--to", next, "--key", old, "--yes"],
  ]);
  await command("The token opens it with the new key, and every byte is checked", ["verify", sealed, "--key", next]);
  await checkAudiences(steps, subject, sealed, { hr: next, finance: key("finance") });
}
