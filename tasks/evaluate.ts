/** Accuracy alone, without load. */
import { type VariantName, VARIANTS } from "slolab/compress/variant.ts";
import { type EvaluationRunSettings, runEvaluation } from "slolab/pipeline/evaluation.ts";
import { type Flags, runCommand } from "slolab/std/cli.ts";
import { BadInput } from "slolab/std/errors.ts";
import { onInterrupt } from "slolab/std/interrupt.ts";
import { setQuiet } from "slolab/std/progress.ts";
import {
  commandOf,
  ENDPOINT_FLAGS,
  endpointOf,
  FORM_FLAGS,
  formOf,
  gsm8kTokens,
  memoryOf,
  MODEL_FLAGS,
  ONE_ENDPOINT_FLAGS,
  protocolOf,
  QUESTION_FLAGS,
} from "./settings.ts";

const flags = {
  variant: { type: "string", choices: VARIANTS, default: "med", help: "16, 8 or 4 bit" },
  ...MODEL_FLAGS,
  form: { ...FORM_FLAGS.form, default: "blocks" },
  ...ONE_ENDPOINT_FLAGS,
  ...ENDPOINT_FLAGS,
  ...QUESTION_FLAGS,
  "mmlu-questions": { type: "integer", min: 0, help: "MMLU questions, drawn evenly (default: all)" },
  "gsm8k-questions": { type: "integer", min: 0, help: "GSM8K questions, drawn evenly (default: all)" },
  limit: {
    type: "integer",
    min: 1,
    help: "lm-eval: the first so many of each task, MMLU's 57 subjects and GSM8K (its --limit)",
  },
  "max-tokens": {
    type: "integer",
    min: 1,
    help: "output tokens of an answer (default: 16 for MMLU, 320 for GSM8K, lm-eval: 256)",
  },
  seed: { type: "integer", default: 42, help: "choice of the questions" },
  "output-dir": {
    type: "string",
    help:
      "where the results go (default results/evaluate_<variant>, of --endpoint results/evaluate_endpoint)",
  },
  resume: { type: "boolean", help: "go on with a broken run in the output folder" },
  json: { type: "boolean", help: "print the results as JSON and nothing else" },
} satisfies Flags;

await runCommand({
  name: "evaluate",
  summary: "Evaluates exact match of a variant or an endpoint on MMLU and GSM8K, without load.",
  flags,
  examples: [
    "--mmlu-questions 200 --gsm8k-questions 50",
    "--protocol lm-eval --shots 5 --limit 4 --model Qwen/Qwen2.5-0.5B-Instruct",
    "--protocol lm-eval --gsm8k-questions 0 --variant cheap --output-dir results/mmlu_cheap --resume",
    "--endpoint http://127.0.0.1:8000/v1 --protocol lm-eval --limit 10",
    "--endpoints deploy/endpoints.json --variant cheap --mmlu-method generate",
  ],
  run: async (o) => {
    setQuiet(o.json);
    if (o.limit !== undefined && o.protocol !== "lm-eval") {
      throw new BadInput("Cannot use --limit as it must come with --protocol lm-eval: use --mmlu-questions");
    }
    using interrupt = onInterrupt("Stopped: --resume goes on with the rest");
    const endpoint = await endpointOf(o, o.variant);
    const variant = o.endpoint === undefined ? o.variant as VariantName : null;
    const settings: EvaluationRunSettings = {
      ...protocolOf(o, "loglikelihood"),
      model: endpoint ? endpoint.model ?? endpoint.baseUrl : o.model,
      variant,
      ...(endpoint && { endpoint, tokenizer: o.tokenizer }),
      device: o.device as EvaluationRunSettings["device"],
      ...formOf(o),
      ...memoryOf(o),
      mmluMaxTokens: o.maxTokens ?? 16,
      gsm8kMaxTokens: gsm8kTokens(o),
      mmluLimit: o.mmluQuestions,
      gsm8kLimit: o.gsm8kQuestions,
      limit: o.limit,
      seed: o.seed,
    };
    const results = await runEvaluation(settings, {
      outputDir: o.outputDir ?? `results/evaluate_${variant ?? "endpoint"}`,
      resume: o.resume,
      preprocess: o.preprocess,
      rawDir: o.rawDir,
      dataDir: o.dataDir,
      command: commandOf("evaluate", Deno.args),
      apiKey: o.apiKey,
      print: o.json ? () => {} : console.log,
      signal: interrupt.signal,
    });
    if (o.json) console.log(JSON.stringify(results, null, 2));
  },
});
