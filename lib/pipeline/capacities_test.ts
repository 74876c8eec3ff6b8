import assert from "node:assert/strict";
import { join } from "node:path";
import { type EndpointConfig, EndpointError } from "../endpoint/mod.ts";
import { BadInput } from "../std/errors.ts";
import { exists, readJson, readJsonl } from "../std/files.ts";
import { runCapacities } from "./capacities.ts";
import { inLab, type Lab, SHORT_SEARCH, withServed } from "./testing/lab.ts";

const optionsOf = ({ dir, dataDir }: Lab, resume: boolean, signal?: AbortSignal) => ({
  outputDir: join(dir, "out"),
  resume,
  preprocess: false,
  dataDir,
  command: "deno task capacity",
  print: () => {},
  signal,
});

Deno.test("runCapacities() searches each variant's capacity, goes on where it was stopped, and sums up", () =>
  inLab((lab) =>
    withServed(lab.model, ["base", "cheap"], async (endpoints) => {
      const out = join(lab.dir, "out");
      const targets = new Map([...endpoints].map(([variant, endpoint]) => [variant, { endpoint }]));
      const stop = new AbortController();
      const print = (line: string) => {
        if (/Report: .*base/.test(line)) stop.abort(new Error("stopped"));
      };
      await assert.rejects(
        runCapacities(targets, SHORT_SEARCH, { ...optionsOf(lab, false, stop.signal), print }),
        /stopped/,
      );
      const kept = await Deno.readTextFile(join(out, "base", "run.json"));
      assert.equal((await readJson<{ status: string }>(join(out, "base", "run.json"))).status, "complete");
      assert.equal((await readJson<{ status: string }>(join(out, "run.json"))).status, "running");

      await assert.rejects(
        runCapacities(targets, { ...SHORT_SEARCH, attainment: 0.6 }, optionsOf(lab, true)),
        (e) => e instanceof BadInput && /Cannot resume .* as attainment must be/.test(e.message),
      );
      const summary = await runCapacities(targets, SHORT_SEARCH, optionsOf(lab, true));
      assert.equal(await Deno.readTextFile(join(out, "base", "run.json")), kept);
      assert.deepEqual(await readJson(join(out, "summary.json")), summary);
      assert.deepEqual(
        summary.variants.map(({ variant, endpoint, probes }) => [variant, endpoint.model, probes]),
        [["base", "tiny/base", 2], ["cheap", "tiny/cheap", 2]],
      );
      for (const { variant, interval, capacity_requests_per_sec: capacity } of summary.variants) {
        const alone = await readJson<{ interval: unknown }>(join(out, variant, "capacity.json"));
        assert.deepEqual(alone.interval, interval);
        assert.equal(capacity, interval[0]);
        const run = await readJson<{ variant: string }>(join(out, variant, "run.json"));
        assert.equal(run.variant, variant);
      }
      const csv = (await Deno.readTextFile(join(out, "curve.csv"))).trimEnd().split("\n");
      assert.match(csv[0], /^variant,probe,rate,/);
      assert.deepEqual(csv.slice(1).map((row) => row.split(",")[0]), ["base", "base", "cheap", "cheap"]);
      assert.match(await Deno.readTextFile(join(out, "report.html")), /<h1>Capacity: base, cheap<\/h1>/);
    })
  ));

Deno.test("runCapacities() and a search with no answer fail, the first before anything is driven", () =>
  inLab((lab) =>
    withServed(lab.model, ["base"], async (endpoints) => {
      const endpoint = endpoints.get("base")!;
      const free = Deno.listen({ hostname: "127.0.0.1", port: 0 });
      const baseUrl = `http://127.0.0.1:${(free.addr as Deno.NetAddr).port}/v1`;
      free.close();
      const nobody: EndpointConfig = { baseUrl, model: "m" };
      await assert.rejects(
        runCapacities(
          new Map([["base", { endpoint }], ["cheap", { endpoint: nobody }]]),
          SHORT_SEARCH,
          optionsOf(lab, false),
        ),
        (e) => e instanceof EndpointError && e.kind === "refused",
      );
      assert.equal(await exists(join(lab.dir, "out")), false);

      const unknown = new Map([["base", { endpoint: { ...endpoint, model: "other" } }]] as const);
      await assert.rejects(
        runCapacities(unknown, SHORT_SEARCH, optionsOf(lab, false)),
        /Cannot call this search a success as a request must succeed: all failed/,
      );
      const [probe] = await readJsonl<{ verdict: string }>(join(lab.dir, "out", "base", "probes.jsonl"));
      assert.equal(probe.verdict, "missed");
    })
  ));
