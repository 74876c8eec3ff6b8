/** The files of docs/SCALE.md: that they are what the commands and each other expect. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { parseAllDocuments } from "yaml";
import { VARIANTS } from "slolab/compress/variant.ts";
import { readEndpoints } from "slolab/endpoint/mod.ts";
import { ROOT } from "slolab/std/test_support.ts";

const CHECKPOINTS = {
  "qwen-base": "Qwen/Qwen2.5-1.5B-Instruct",
  "qwen-med": "Qwen/Qwen2.5-1.5B-Instruct-GPTQ-Int8",
  "qwen-cheap": "Qwen/Qwen2.5-1.5B-Instruct-GPTQ-Int4",
};

async function readYaml(path: string): Promise<unknown[]> {
  const documents = parseAllDocuments(await Deno.readTextFile(join(ROOT, "deploy", path)));
  assert.deepEqual(documents.flatMap((d) => "errors" in d ? d.errors : []), []);
  return documents.map((d) => d.toJS());
}

Deno.test("deploy/ names an endpoint and a model for each variant", async () => {
  for (const folder of [".", "ray", "kserve"]) {
    const endpoints = await readEndpoints(join(ROOT, "deploy", folder, "endpoints.json"), VARIANTS);
    assert.deepEqual([...endpoints.keys()], [...VARIANTS]);
    assert.deepEqual(
      [...endpoints].map(([name, { model }]) => [name, model]),
      VARIANTS.map((v) => [v, `qwen-${v}`]),
    );
  }
});

Deno.test("deploy/ray/serve.yaml serves the three checkpoints alike", async () => {
  const [config] = await readYaml("ray/serve.yaml") as {
    applications: {
      import_path: string;
      args: {
        llm_configs: {
          model_loading_config: { model_id: string; model_source: string };
          deployment_config: unknown;
          engine_kwargs: Record<string, unknown>;
        }[];
      };
    }[];
  }[];
  const [{ import_path: importPath, args: { llm_configs: models } }] = config.applications;
  assert.equal(importPath, "ray.serve.llm:build_openai_app");
  const sources = models.map((m) => [m.model_loading_config.model_id, m.model_loading_config.model_source]);
  assert.deepEqual(Object.fromEntries(sources), CHECKPOINTS);
  for (const { engine_kwargs: { dtype: _, ...engine }, deployment_config: deployment } of models) {
    assert.deepEqual(engine, { max_model_len: 4096, enable_prefix_caching: false });
    assert.deepEqual(deployment, { num_replicas: 1 });
  }
});

Deno.test("deploy/kserve/inference_services.yaml is a service for each endpoint, alike", async () => {
  const [namespace, ...services] = await readYaml("kserve/inference_services.yaml") as {
    apiVersion: string;
    kind: string;
    metadata: { name: string; namespace: string; annotations: unknown };
    spec: {
      predictor: {
        minReplicas: number;
        maxReplicas: number;
        model: {
          modelFormat: unknown;
          storageUri: string;
          args: string[];
          resources: { requests: unknown; limits: unknown };
        };
      };
    };
  }[];
  assert.deepEqual([namespace.kind, namespace.metadata.name], ["Namespace", "slolab"]);
  const endpoints = await readEndpoints(join(ROOT, "deploy/kserve/endpoints.json"), VARIANTS);
  const hosts = [...endpoints.values()].map((e) => new URL(e.baseUrl));
  const sources: Record<string, string> = {};
  for (const [i, { apiVersion, kind, metadata, spec: { predictor } }] of services.entries()) {
    assert.deepEqual([apiVersion, kind, metadata.namespace], [
      "serving.kserve.io/v1beta1",
      "InferenceService",
      "slolab",
    ]);
    assert.deepEqual(metadata.annotations, { "serving.kserve.io/deploymentMode": "Standard" });
    const { model, minReplicas, maxReplicas } = predictor;
    sources[metadata.name] = model.storageUri.replace(/^hf:\/\//, "");
    assert.deepEqual([minReplicas, maxReplicas, model.modelFormat], [1, 1, { name: "huggingface" }]);
    assert.deepEqual(model.args.filter((arg) => !arg.startsWith("--dtype")), [
      `--model_name=${metadata.name}`,
      "--model_dir=/mnt/models",
      "--backend=vllm",
      "--max-model-len=4096",
      "--no-enable-prefix-caching",
    ]);
    assert.deepEqual(model.resources.requests, model.resources.limits);
    assert.equal(hosts[i].host, `${metadata.name}-predictor.slolab.svc.cluster.local`);
    assert.equal(hosts[i].pathname, "/openai/v1");
  }
  assert.deepEqual(sources, CHECKPOINTS);
});
