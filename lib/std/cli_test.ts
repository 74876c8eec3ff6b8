import assert from "node:assert/strict";
import { exitCodeOf, type Flags, helpText, parseFlags } from "./cli.ts";
import { BadInput } from "./errors.ts";

const flags = {
  model: { type: "string", default: "m", alias: ["model-name"], help: "model" },
  device: { type: "string", choices: ["cpu", "cuda"], help: "device" },
  slots: { type: "integer", default: 16, min: 1, help: "slots" },
  "slo-ttft-ms": { type: "number", min: 0, help: "limit" },
  concurrencies: { type: "integers", default: [1, 8], min: 1, help: "levels" },
  preprocess: { type: "boolean", help: "rebuild" },
} satisfies Flags;
const parse = (...args: string[]) => parseFlags(args, flags).values;

Deno.test("parseFlags() gives defaults, and undefined where there is none", () => {
  assert.deepEqual({ ...parse() }, {
    model: "m",
    device: undefined,
    slots: 16,
    sloTtftMs: undefined,
    concurrencies: [1, 8],
    preprocess: false,
  });
});

Deno.test("parseFlags() takes a list with spaces, commas, or the flag repeated", () => {
  for (
    const args of [["--concurrencies", "1", "2", "4"], ["--concurrencies", "1,2,4"], [
      "--concurrencies=1,2,4",
    ], [
      "--concurrencies=1",
      "--concurrencies",
      "2",
      "4",
    ]]
  ) assert.deepEqual(parse(...args).concurrencies, [1, 2, 4]);
});

Deno.test("parseFlags() reads underscores as dashes, and aliases", () => {
  assert.equal(parse("--model_name", "gpt2").model, "gpt2");
  assert.equal(parse("--slo_ttft_ms=1.5").sloTtftMs, 1.5);
  assert.equal(parse("--preprocess").preprocess, true);
  assert.equal(parse("--no-preprocess").preprocess, false);
});

for (
  const [args, message] of [
    [["--modle", "x"], /--modle.*did you mean --model/],
    [["--concurrencies", "0"], /--concurrencies.*at least 1.*'0'/],
    [["--concurrencies", "-1"], /at least 1.*'-1'/],
    [["--slots", "1.5"], /--slots.*whole number.*'1.5'/],
    [["--slots"], /--slots.*needs a value/],
    [["--model"], /--model.*needs a value/],
    [["--device", "tpu"], /one of cpu, cuda.*'tpu'/],
    [["--slo-ttft-ms", "fast"], /number.*'fast'/],
    [["--preprocess=maybe"], /takes no value/],
    [["extra"], /'extra'.*no plain argument/],
    [["-x"], /-x/],
  ] as const
) {
  Deno.test(`parseFlags() refuses ${args.join(" ")} in one line`, () => {
    assert.throws(
      () => parse(...args),
      (e) => e instanceof BadInput && message.test(e.message) && !e.message.includes("\n"),
    );
  });
}

Deno.test("helpText() shows every flag with its default, and the examples", () => {
  const text = helpText({ name: "t", summary: "S.", flags, examples: ["--slots 2"], run: () => {} });
  for (const name of Object.keys(flags)) assert.match(text, new RegExp(`--${name}`));
  assert.match(text, /default 1 8/);
  assert.match(text, /deno task t --slots 2/);
});

Deno.test("exitCodeOf() tells what the user can mend from a failed run", () => {
  assert.equal(exitCodeOf(new BadInput("x")), 2);
  assert.equal(exitCodeOf(new Error("No space left on device (os error 28)")), 2);
  assert.equal(exitCodeOf(new Deno.errors.PermissionDenied("x")), 2);
  assert.equal(exitCodeOf(new Error("x")), 1);
});
