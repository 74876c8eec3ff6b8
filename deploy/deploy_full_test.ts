/** The manifests of deploy/ against Ray's own schema and against the models of KServe's client. */
import { join } from "node:path";
import { needsTest, ROOT } from "slolab/std/test_support.ts";
import { pythonVenv, runPython } from "slolab/std/test_python.ts";

const ray = await pythonVenv(["ray[serve]==2.60.0"]);
const kserve = await pythonVenv(["kubernetes==37.0.2", "six==1.17.0"], ["kserve==0.21.0"]);

needsTest(
  "Ray's schema takes deploy/ray/serve.yaml",
  ray === null ? "Python with ray[serve] can't be had" : null,
  async () => {
    await runPython(
      ray!,
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

needsTest(
  "KServe's models take deploy/kserve/inference_services.yaml",
  kserve === null ? "Python with kserve and kubernetes can't be had" : null,
  async () => {
    await runPython(
      kserve!,
      `
import copy, re, sys, types, yaml
from importlib.metadata import distribution
package = types.ModuleType("kserve")  # its own __init__ imports a server
package.__path__ = [str(distribution("kserve").locate_file("kserve"))]
sys.modules["kserve"] = package
import kserve.models, kubernetes.client
PLAIN = {"str": str, "int": int, "bool": bool, "float": (int, float), "object": object}

def read(kind, value, at):
    inner = re.fullmatch(r"(?i)(list\\[|dict[([]str, )(.*)[])]", kind)
    if inner or kind in PLAIN:
        expected = PLAIN[kind] if not inner else list if inner[1].lower() == "list[" else dict
        if not isinstance(value, expected):
            raise ValueError(f"{at} must be {kind}: it is {value!r}")
        if inner:
            for key, part in enumerate(value) if expected is list else value.items():
                read(inner[2], part, f"{at}.{key}")
        return value
    model = getattr(kserve.models, kind, None) or getattr(kubernetes.client, kind)
    names = {key: name for name, key in model.attribute_map.items()}
    for key in value:
        if key not in names:
            raise ValueError(f"{at}.{key} is not known to {kind}")
    own = {names[key]: read(model.openapi_types[names[key]], part, f"{at}.{key}") for key, part in value.items()}
    return model(**own)  # refuses where something required is absent

def refuses(change, message):
    service = copy.deepcopy(services[0])
    change(service["spec"]["predictor"])
    try:
        read("V1beta1InferenceService", service, "service")
    except ValueError as error:
        assert message in str(error), error
    else:
        raise SystemExit(f"the models take anything: {message}")

documents = list(yaml.safe_load_all(open(sys.argv[1])))
services = [d for d in documents if d["kind"] == "InferenceService"]
assert len(services) == 3
for service in services:
    read("V1beta1InferenceService", service, service["metadata"]["name"])
refuses(lambda p: p["model"].update(storageURI="hf://m"), "storageURI is not known")
refuses(lambda p: p.update(maxReplicas="one"), "maxReplicas must be int")
refuses(lambda p: p["model"]["resources"]["limits"].update(cpu=4), "cpu must be str")
refuses(lambda p: p["model"].pop("modelFormat"), "model_format")
`,
      join(ROOT, "deploy", "kserve", "inference_services.yaml"),
    );
  },
);
