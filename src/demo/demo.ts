import { fileSink } from "../source/file-sink.ts";
import { appSteps } from "./app-steps.ts";
import { writeOrders } from "./orders.ts";
import { qvdSteps } from "./qvd-steps.ts";
import { sealSteps } from "./seal-steps.ts";
import { type DemoContext, demoSteps } from "./steps.ts";

const DEMO_ROWS = 1_000;

/**
 * Walks through the main job, each step by the command a user would type, each claim checked.
 * @returns true if every check held
 */
export async function runDemo(context: DemoContext): Promise<boolean> {
  const steps = demoSteps(context);
  const orders = steps.path("orders.qvd");
  await context.say(`\n── A QVD of ${DEMO_ROWS} made-up orders, written from values\n`);
  const sink = await fileSink(orders);
  await writeOrders(sink, DEMO_ROWS);
  await sink.commit();
  await qvdSteps(steps, context.file ?? orders);
  await sealSteps(steps);
  await appSteps(steps);
  const failures = steps.failures();
  await context.say(failures.length === 0 ? "\n── Everything held\n" : `\n── Did not hold:\n${failures.join("\n")}\n`);
  return failures.length === 0;
}
