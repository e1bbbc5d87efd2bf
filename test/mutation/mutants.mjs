// Makes the mutants of a file with Stryker's instrumenter: one text that holds them all, each behind a switch.
import { createInstrumenter } from "@stryker-mutator/instrumenter";
import { createInjector } from "typed-inject";

/** Words of messages are not behaviour; codes are checked by the compiler, labels by vectors of others. */
const OPTIONS = { excludedMutations: ["StringLiteral"], plugins: null, ignorers: [] };
const silent = new Proxy({}, { get: (_, name) => () => (String(name).startsWith("is") ? false : undefined) });

export async function mutantsOf(file, content) {
  const instrumenter = createInjector().provideValue("logger", silent).injectFunction(createInstrumenter);
  const { files, mutants } = await instrumenter.instrument([{ name: file, content, mutate: true }], OPTIONS);
  return {
    code: files[0].content,
    mutants: mutants.map(({ id, mutatorName, replacement, location, status }) => ({
      id,
      mutator: mutatorName,
      replacement,
      start: location.start,
      end: location.end,
      ignored: status === "Ignored",
    })),
  };
}
