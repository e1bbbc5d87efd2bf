import type { Target } from "./target.ts";
import { CONTAINER_TARGETS } from "./targets-container.ts";
import { ENGINE_TARGETS } from "./targets-engine.ts";
import { numberFormat } from "./targets-format.ts";
import { INPUT_TARGETS } from "./targets-input.ts";
import { KERNEL_TARGETS } from "./targets-kernel.ts";
import { KEY_TARGETS } from "./targets-keys.ts";
import { SEAL_TARGETS } from "./targets-seal.ts";
import { SEALED_APP_TARGETS } from "./targets-sealed-app.ts";

/** Everything that reads bytes from strangers. */
export const TARGETS: readonly Target[] = [
  ...CONTAINER_TARGETS,
  ...SEAL_TARGETS,
  ...SEALED_APP_TARGETS,
  ...KEY_TARGETS,
  ...INPUT_TARGETS,
  ...ENGINE_TARGETS,
  numberFormat,
  ...KERNEL_TARGETS,
];
