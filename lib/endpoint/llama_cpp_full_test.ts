/** Our client, evaluator and load generators against llama.cpp's own server, with a real model. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { poisson } from "../load/arrivals.ts";
import { OpenLoopLoadGenerator, readRequestRecords } from "../load/mod.ts";
import { readPredictions } from "../eval/mod.ts";
import { BadInput } from "../std/errors.ts";
import { readJson } from "../std/files.ts";
import { setQuiet } from "../std/progress.ts";
import { inTemp, needsTest } from "../std/test_support.ts";
import { type BaselineSettings, runBaseline } from "../pipeline/baseline.ts";
import { writeSampleData } from "../pipeline/testing/lab.ts";
import { EndpointTarget } from "./mod.ts";
import { LLAMA_LACKS, withLlama } from "./testing/llama_server.ts";

needsTest(
  "EndpointTarget, load and baseline drive a llama.cpp server",
  LLAMA_LACKS,
  (t) =>
    withLlama(async (baseUrl) => {
      await t.step("streams, token counts, errors and aborts", async () => {
        await using target = await EndpointTarget.connect({ baseUrl });
        assert.equal(target.model, "m");
        const answer = await target.generate("Reply with one word: yes", { maxTokens: 64 });
        assert.equal(answer.finishReason, "stop");
        assert.equal(answer.outputTokens, answer.contentTokens + 1);
        assert.ok(answer.text.length > 0 && answer.promptTokens > 8);
        const cut = await target.generate({ text: "The capital of France is" }, { maxTokens: 4 });
        assert.deepEqual([cut.finishReason, cut.outputTokens, cut.contentTokens], ["length", 4, 4]);

        const stop = new AbortController();
        const aborted = await target.generate("Count to one thousand.", {
          maxTokens: 500,
          signal: stop.signal,
          onToken: ({ index }) => index === 2 && stop.abort(),
        });
        assert.equal(aborted.finishReason, "abort");
        assert.ok(aborted.contentTokens >= 3 && aborted.contentTokens < 500);

        await assert.rejects(target.generate("word ".repeat(5000), { maxTokens: 4 }), RangeError);
        assert.match((await target.whyNotScore())!, /ignores echo/);
      });

      await t.step("open-loop load: every request has a record", async () => {
        await using target = await EndpointTarget.connect({ baseUrl });
        const data = ["1 + 1 =", "word ".repeat(5000)].map((prompt, i) => ({
          id: `synthetic/${i}`,
          dataset: "synthetic" as const,
          prompt,
        }));
        const load = new OpenLoopLoadGenerator({
          infer: ({ prompt }, context) => target.generate({ text: prompt }, { maxTokens: 4, ...context }),
          data,
          arrivals: poisson(50, 7),
          numRequests: 12,
          onProgress: () => {},
        });
        const records = await load.run();
        assert.equal(records.length, 12);
        for (const { exampleId, error, outputTokens, ttftMs } of records) {
          if (exampleId === "synthetic/1") assert.equal(error?.kind, "overlong");
          else {
            assert.equal(error, null);
            assert.ok(outputTokens >= 1 && ttftMs! > 0);
          }
        }
      });

      await t.step("the baseline, end to end", () =>
        inTemp(async (dir) => {
          setQuiet(true);
          try {
            const dataDir = join(dir, "data");
            await writeSampleData(dataDir);
            const settings: BaselineSettings = {
              preset: "test",
              model: baseUrl,
              variant: null,
              endpoint: { baseUrl },
              device: "cpu",
              overlong: "reject",
              concurrencies: [2],
              numRequests: 4,
              warmup: 1,
              loadMaxTokens: 8,
              mmluMaxTokens: 4,
              gsm8kMaxTokens: 8,
              mmluMethod: "generate",
              mmluLimit: 3,
              gsm8kLimit: 1,
              dataSubset: null,
              slo: { ttftMs: 2000, tpotMs: 200, e2eMs: null },
              seed: 1,
            };
            const run = (changes: Partial<BaselineSettings> = {}) =>
              runBaseline({ ...settings, ...changes }, {
                outputDir: join(dir, "out"),
                resume: false,
                preprocess: false,
                dataDir,
                command: "deno task baseline",
                print: () => {},
              });
            await assert.rejects(
              run({ mmluMethod: "loglikelihood" }),
              (e) => e instanceof BadInput && /use --mmlu-method generate.*ignores echo/.test(e.message),
            );
            await run();
            const records = await readRequestRecords(join(dir, "out", "requests_concurrency_2.jsonl"));
            assert.deepEqual(records.map((r) => r.error), [null, null, null, null]);
            const predictions = await readPredictions(join(dir, "out", "predictions.jsonl"));
            assert.deepEqual(predictions.map((p) => p.error), [null, null, null, null]);
            const { endpoint } = await readJson<{ endpoint: { model: string } }>(
              join(dir, "out", "run.json"),
            );
            assert.equal(endpoint.model, "m");
          } finally {
            setQuiet(false);
          }
        }));
    }),
);
