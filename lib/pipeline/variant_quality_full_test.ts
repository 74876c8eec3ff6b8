/** What is promised of the variants, on real models: what is lost to base, over the project's own questions. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { ensureVariant } from "../compress/cache.ts";
import { DataPreprocessor } from "../data/mod.ts";
import { SampleSource } from "../data/raw_source.ts";
import { fetchTestModel } from "../engine/testing/build_variant.ts";
import { setQuiet } from "../std/progress.ts";
import { ROOT, sharedTest } from "../std/test_support.ts";
import { judgeVariants } from "./variant_quality.ts";

for (const name of ["qwen05", "gemma270"]) {
  sharedTest(`${name}: med is near base, cheap nearer than plain rounding of its size`, async (shared) => {
    const model = await fetchTestModel(shared, name);
    const dir = await Deno.makeTempDir();
    setQuiet(true);
    try {
      const data = await new DataPreprocessor({
        source: new SampleSource(join(ROOT, "data", "sample")),
        outputDir: join(dir, "data"),
        onLine: () => {},
      }).runPipeline();
      const options = { model, data, cacheDir: join(dir, "cache"), questions: 8 };
      const fitted = await judgeVariants({ ...options, variants: ["med", "cheap"], rounding: "fit" });
      const nearest = await judgeVariants({ ...options, variants: ["cheap"], rounding: "nearest" });
      const bytes = async (rounding: "fit" | "nearest") =>
        (await ensureVariant({ ...options, variant: "cheap", rounding })).manifest.bytes;
      const growth = await bytes("fit") / await bytes("nearest");
      const [med, cheap, plain] = [fitted.get("med")!, fitted.get("cheap")!, nearest.get("cheap")!]
        .map((quality) => quality.kl_to_base!.mean);
      console.log(
        `${name}: KL to base of med ${med.toFixed(5)}, cheap ${cheap.toFixed(5)}, plain rounding ` +
          `${plain.toFixed(5)} nats; cheap has ${(100 * growth - 100).toFixed(1)}% more bytes`,
      );
      assert.ok(med < 0.01);
      assert.ok(cheap <= 0.7 * plain);
      assert.ok(growth <= 1.05);
    } finally {
      setQuiet(false);
      await Deno.remove(dir, { recursive: true });
    }
  });
}
