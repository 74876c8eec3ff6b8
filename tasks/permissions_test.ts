/** The tasks of deno.json with the permissions that it gives them, on a tiny model that can read and write. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { writeTinyChatModel } from "slolab/checkpoint/testing/tiny_chat_model.ts";
import { response, streamOf, withRawServer } from "slolab/endpoint/testing/raw_server.ts";
import { readJson } from "slolab/std/files.ts";
import { ROOT } from "slolab/std/test_support.ts";

Deno.test("deno.json gives each task the permissions that it needs", async (t) => {
  const dir = await Deno.makeTempDir();
  const model = ["--model", join(dir, "tiny")];
  const run = (task: string, ...args: string[]) =>
    t.step(task, async () => {
      const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
        args: ["task", task, ...args],
        cwd: ROOT,
        env: {
          XDG_CACHE_HOME: join(dir, "cache"),
          HF_HUB_OFFLINE: "1",
          NO_COLOR: "1",
          SLOLAB_KEY_TEST: "hush",
        },
      }).output();
      const [text, errors] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
      assert.equal(code, 0, errors);
      assert.doesNotMatch(text + errors, /Requires \w+ access/);
    });
  try {
    await writeTinyChatModel(join(dir, "tiny"));
    await run("compress", ...model);
    await run("generate", ...model, "--prompt", "Hello", "--max-tokens", "2");
    const load = ["--num-requests", "2", "--concurrencies", "1", "--max-tokens", "2", "--data-subset", "4"];
    await run("baseline", ...model, ...load, "--output-dir", join(dir, "run"), "--export", "aiperf");
    const probe = ["--max-probes", "1", "--max-probe-requests", "2", "--start-rate", "50"];
    probe.push("--max-tokens", "2", "--data-subset", "2");
    const answer = streamOf([
      '{"choices":[{"delta":{"content":"A"},"finish_reason":"stop"}],"usage":{"prompt_tokens":3,"completion_tokens":2}}',
      "[DONE]",
    ]);
    await withRawServer(
      ({ line, write }) => write(line.startsWith("GET") ? response(200, '{"data":[{"id":"m"}]}') : answer),
      async ({ baseUrl, requests }) => {
        const endpoints = join(dir, "endpoints.json");
        const entry = { endpoint: baseUrl, model: "m", key_variable: "SLOLAB_KEY_TEST" };
        await Deno.writeTextFile(endpoints, JSON.stringify({ base: entry, cheap: entry }));
        const asked = [
          ...load,
          "--mmlu-method",
          "generate",
          "--mmlu-questions",
          "1",
          "--gsm8k-questions",
          "1",
        ];
        const remote = join(dir, "remote");
        await run("baseline", "--endpoint", baseUrl, "--api-key", "shh", ...asked, "--output-dir", remote);
        const { command, endpoint } = await readJson<Record<string, { model: string }>>(
          join(remote, "run.json"),
        );
        assert.equal(endpoint.model, "m");
        assert.ok(String(command).includes("--api-key *** --num-requests"), String(command));
        const chosen = ["--endpoints", endpoints, "--variant", "cheap", ...asked.slice(load.length)];
        await run("evaluate", ...chosen, "--output-dir", join(dir, "asked"));
        await run("capacity", "--endpoints", endpoints, ...probe, "--output-dir", join(dir, "capacities"));
        await run("study", "--endpoints", endpoints, ...asked, "--output-dir", join(dir, "study"));
        const keys = new Set(requests.map((r) => r.headers.get("authorization")));
        assert.deepEqual([...keys], ["Bearer shh", "Bearer hush"]);
      },
    );
    await run("report", join(dir, "run"));
    await run("export", join(dir, "run"), "--format", "vllm");
    const aiperf = await Deno.readTextFile(join(dir, "run", "aiperf_concurrency_1", "profile_export.jsonl"));
    assert.match(aiperf, /"inter_chunk_latency":\{"value":\[\d/);
    await run("compare", join(dir, "run"), join(dir, "run"), "--html", join(dir, "comparison.html"));
    const few = ["--protocol", "lm-eval", "--limit", "1", "--mmlu-questions", "2", "--max-tokens", "2"];
    await run("evaluate", ...model, ...few, "--shots", "0", "--output-dir", join(dir, "evaluated"));
    const one = [...model, "--num-requests", "2", "--max-tokens", "2", "--data-subset", "2"];
    await run(
      "load",
      ...one,
      "--pattern",
      "burst",
      "--burst-size",
      "2",
      "--burst-every",
      "1",
      "--output-dir",
      join(dir, "load"),
      "--charts",
    );
    await run("report", join(dir, "load"));
    await run("capacity", ...model, ...probe, "--output-dir", join(dir, "capacity"), "--charts");
    await run("report", join(dir, "capacity"));
    await run("models");
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});
