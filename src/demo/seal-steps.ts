import { readFile, writeFile } from "node:fs/promises";
import type { Steps } from "./steps.ts";

/** Exit code for a file that is not what its seal says. */
const DAMAGED = 4;

/**
 * Two fields sealed for two audiences, opened as each, rotated to a new certificate, and one bit flipped. The keys are
 * made here, of a kind that is quick to make.
 */
export async function sealSteps({ command, check, path }: Steps): Promise<void> {
  const plain = path("orders.qvd");
  const sealed = path("sealed.qvd");
  for (const name of ["hr", "finance", "hr-2027"]) {
    await command(`A key pair for ${name}`, ["keys", "generate", path(name), "--type", "p256", "--name", name]);
  }
  await command("Customers sealed for HR, amounts for finance", [
    ...["encrypt", plain, "-o", sealed],
    ...["--slot", `hr=${path("hr.crt")}`, "--slot-fields", "hr=Customer"],
    ...["--slot", `finance=${path("finance.crt")}`, "--slot-fields", "finance=Amount"],
  ]);
  await command("What anybody sees, without a key", ["head", "-n", "3", sealed]);
  await command("What HR sees", ["head", "-n", "3", sealed, "--key", path("hr.key")]);
  await command("What finance sees", ["head", "-n", "3", sealed, "--key", path("finance.key")]);
  const oldKey = path("hr.key");
  await command(
    "Which files still need HR's certificate; a finding, so exit 1",
    ["status", sealed, "--key", path("hr.crt")],
    1,
  );
  await command("HR's certificate changes, in place and without a reload", [
    ...["rotate", sealed, "--from", path("hr.crt"), "--to", path("hr-2027.crt"), "--key", oldKey, "--yes"],
  ]);
  await command("Now none needs the old one", ["status", sealed, "--key", path("hr.crt")]);
  await command("The new key opens it, and every byte is checked", ["verify", sealed, "--key", path("hr-2027.key")]);
  const opened = path("opened.qvd");
  await command("With both keys, the original comes back", [
    ...["decrypt", sealed, "-o", opened, "--key", path("hr-2027.key"), "--key", path("finance.key")],
  ]);
  await check("it is the original, byte for byte", (await readFile(plain)).equals(await readFile(opened)));
  const flipped = await readFile(sealed);
  const last = flipped.length - 1;
  flipped[last] = flipped[last]! ^ 1;
  await writeFile(path("flipped.qvd"), flipped);
  await command(
    "One bit of a plain column flipped",
    ["verify", path("flipped.qvd"), "--key", path("hr-2027.key")],
    DAMAGED,
  );
}
