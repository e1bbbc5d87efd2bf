import { fileSink } from "../source/file-sink.ts";
import { appSteps } from "./app-steps.ts";
import { madeData, realData, sharedFolder } from "./data.ts";
import { writeOrders } from "./orders.ts";
import { qvdSteps } from "./qvd-steps.ts";
import { exactSteps, keySteps, sealSteps } from "./seal-steps.ts";
import { type DemoContext, demoSteps } from "./steps.ts";
import { tokenSteps } from "./token-steps.ts";

const DEMO_ROWS = 1_000;

/**
 * Walks through the main job, each step by the command a user would type, each claim checked.
 * @returns true if every check held
 */
export async function runDemo(context: DemoContext): Promise<boolean> {
  const steps = demoSteps(context);
  const orders = steps.path("orders.qvd");
  await steps.note(`A QVD of ${DEMO_ROWS} made-up orders, written from values`);
  const sink = await fileSink(orders);
  await writeOrders(sink, DEMO_ROWS);
  await sink.commit();
  const real = realData(context.shared ?? sharedFolder());
  const data = real ?? madeData(orders);
  await steps.note(
    real
      ? "What follows is done with a real QVD and a real app from beside the project; they are only read"
      : "There are no real files beside the project: what follows is done with the generated ones",
  );
  await qvdSteps(steps, context.file ?? data.qvd.file);
  await keySteps(steps);
  await sealSteps(steps, data.qvd, "qvd");
  await exactSteps(steps, data.qvd);
  await tokenSteps(steps, data.qvd);
  if (data.qvf) await sealSteps(steps, data.qvf, "qvf");
  await appSteps(steps, data.app);
  const failures = steps.failures();
  await context.say(failures.length === 0 ? "\n── Everything held\n" : `\n── Did not hold:\n${failures.join("\n")}\n`);
  return failures.length === 0;
}
