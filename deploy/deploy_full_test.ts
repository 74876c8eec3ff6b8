/** Ray's own schema against deploy/ray/serve.yaml. */
import { join } from "node:path";
import { needsTest, ROOT } from "slolab/std/test_support.ts";
import { pythonVenv, runPython } from "slolab/std/test_python.ts";

const python = await pythonVenv(["ray[serve]==2.60.0"]);

needsTest(
  "Ray's schema takes deploy/ray/serve.yaml",
  python === null ? "Python with ray[serve] can't be had" : null,
  async () => {
    await runPython(
      python!,
      `
import sys, yaml
from ray.serve.schema import ServeDeploySchema
read = ServeDeploySchema.model_validate
config = yaml.safe_load(open(sys.argv[1]))
assert read(config).applications[0].import_path == "ray.serve.llm:build_openai_app"
try:
    read({**config, "proxy_location": "Nowhere"})
except ValueError:
    pass
else:
    raise SystemExit("the schema takes anything")
`,
      join(ROOT, "deploy", "ray", "serve.yaml"),
    );
  },
);
