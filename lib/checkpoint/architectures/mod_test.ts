import assert from "node:assert/strict";
import { join } from "node:path";
import { sharedTest } from "../../std/test_support.ts";
import { openCheckpoint } from "../open.ts";
import { readGolden, roundLikeGolden, TINY_MODELS } from "../testing/golden.ts";
import { referenceLogits } from "../testing/reference_forward.ts";
import { validateCheckpoint } from "../validate.ts";
import { describeModel } from "./mod.ts";

for (const name of TINY_MODELS) {
  sharedTest(`describeModel() describes ${name} as transformers computes it`, async (shared) => {
    const folder = join(shared, "tiny", name);
    const checkpoint = await openCheckpoint(folder);
    try {
      const spec = describeModel(roundLikeGolden(name, checkpoint.config));
      validateCheckpoint(checkpoint, spec);
      for (const { inputIds, logits, greedyIds } of readGolden(folder)) {
        const rows = await referenceLogits(checkpoint, spec, [...inputIds, ...greedyIds.slice(0, -1)]);
        const most = logits.reduce((a, b) => Math.max(a, Math.abs(b)), 0);
        let worst = 0;
        logits.forEach((logit, i) => {
          const own = rows[Math.floor(i / spec.vocabSize)][i % spec.vocabSize];
          worst = Math.max(worst, Math.abs(logit - own));
        });
        assert.ok(worst < 1e-5 * most, `logits differ by ${worst} of ${most}`);
        const greedy = rows.slice(inputIds.length - 1).map((row) => row.indexOf(Math.max(...row)));
        assert.deepEqual(greedy, greedyIds);
      }
    } finally {
      checkpoint.close();
    }
  });
}
