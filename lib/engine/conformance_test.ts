import { testTargetConformance, TOY_PIECES } from "../types/testing/target_conformance.ts";
import { Engine } from "./engine.ts";
import { ToyRunner } from "./testing/toy_runner.ts";
import { createToyTokenizer } from "./testing/toy_tokenizer.ts";

testTargetConformance("Engine", async ({ says, ...toy }, run) => {
  await using engine = new Engine({
    name: "toy",
    runner: new ToyRunner({
      ...toy,
      vocabSize: TOY_PIECES.length,
      next: (ids) => TOY_PIECES.indexOf(says[(ids.length - 1) % says.length]),
    }),
    tokenizer: createToyTokenizer(TOY_PIECES),
    eosTokenIds: [0],
  });
  await run(engine);
});
