import assert from "node:assert/strict";
import { fitContinuations, fitPrompt } from "./fit.ts";

/** Each character is a token, but for ` A`, one token; 0 stands before all. */
const encode = (text: string) => [0, ...(text.match(/ A|[^]/g) ?? []).map((t) => t.charCodeAt(t.length - 1))];
const codes = (text: string) => encode(text).slice(1);

Deno.test("fitPrompt() keeps the end of a prompt, with room for the answer", () => {
  assert.deepEqual(fitPrompt({ encode, context: 9 }, "abcd", 4), { ids: encode("abcd"), cut: 0 });
  assert.deepEqual(fitPrompt({ encode, context: 8 }, "abcd", 4), { ids: codes("abcd"), cut: 1 });
  assert.deepEqual(fitPrompt({ encode, context: 6 }, "abcd", 4), { ids: codes("cd"), cut: 3 });
});

Deno.test("fitContinuations() takes the tokens that a continuation adds to its prompt", () => {
  const { ids, cut, continuations } = fitContinuations({ encode, context: 99 }, "abc", [" A", " xy"]);
  assert.deepEqual([ids, cut, continuations], [encode("abc"), 0, [codes("A"), codes(" xy")]]);
});

Deno.test("fitContinuations() cuts as lm-eval's (context + continuation)[-(max_length + 1):][:-1] does", () => {
  for (const [context, continuation] of [[5, " A"], [4, " A"], [3, " A"], [5, " xy"], [4, " xy"]] as const) {
    const whole = encode("abcd" + continuation).slice(-(context + 1)).slice(0, -1);
    const { ids, cut, continuations: [part] } = fitContinuations({ encode, context }, "abcd", [continuation]);
    assert.deepEqual([...ids, ...part.slice(0, -1)], whole);
    assert.equal(cut, 5 - ids.length);
  }
});
