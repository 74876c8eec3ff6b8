import assert from "node:assert/strict";
import { pythonVenv, runPython } from "../../std/test_python.ts";
import { inTemp, needsTest } from "../../std/test_support.ts";
import { requestRecord } from "../testing/record.ts";
import { aiperfLine, aiperfRecords } from "./aiperf.ts";

/** AIPerf and what its models import; all that it depends on would be 1.2 GB. */
const PYTHON = await pythonVenv([
  "cyclopts==4.25.3",
  "jinja2==3.1.6",
  "msgspec==0.22.0",
  "numpy==2.4.6",
  "orjson==3.11.9",
  "pydantic==2.14.4",
  "pydantic-settings==2.16.3",
  "python-dotenv==1.2.4",
  "PyYAML==6.0.4",
  "ruamel.yaml==0.18.17",
], ["aiperf==0.13.0"]);

const READER = `
import json, pathlib, sys
from aiperf.common.models.record_models import MetricRecordInfo
from aiperf.orchestrator.jsonl_loader import load_all_metrics
folder = pathlib.Path(sys.argv[1])
records = [MetricRecordInfo.model_validate_json(l) for l in open(folder / "profile_export.jsonl")]
print(json.dumps({
  "ends": [r.metadata.request_end_ns for r in records],
  "unknown": [k for r in records for m in (r, r.metadata, *r.metrics.values()) for k in m.model_extra],
  "error_codes": [r.error and r.error.code for r in records],
  "metrics": load_all_metrics(folder),
}))
`;

needsTest(
  "AIPerf's own models and loader read the lines",
  PYTHON === null ? "no Python with AIPerf's models" : null,
  () =>
    inTemp(async (dir) => {
      const records = [
        requestRecord({ itlsMs: Array(10).fill(10) }),
        requestRecord({ outputTokens: 2, contentTokens: 1, tpotMs: null }),
        requestRecord({ error: { kind: "http_503", message: "busy" } }),
      ];
      const segments = [{ fromMs: 0, startedAt: "2026-01-01T00:00:00Z" }];
      const lines = aiperfRecords(records, segments).map((r) => aiperfLine(r) + "\n");
      await Deno.writeTextFile(`${dir}/profile_export.jsonl`, lines.join(""));
      const read = await runPython(PYTHON!, READER, dir);
      assert.deepEqual(JSON.parse(read.trim().split("\n").at(-1)!), {
        ends: Array(3).fill(1767225600200000000),
        unknown: [],
        error_codes: [null, null, 503],
        metrics: {
          time_to_first_token: [100, 100],
          request_latency: [200, 200],
          inter_token_latency: [10],
          input_sequence_length: [50, 50],
          output_sequence_length: [11, 1],
        },
      });
    }),
);
